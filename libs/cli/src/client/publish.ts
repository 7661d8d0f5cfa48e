import type { Server } from './server.ts';
import type { Item } from './sources.ts';

export interface Receipt {
  readonly receipt: string;
  readonly expected: number;
  readonly handled: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly items: readonly { readonly event: string; readonly outcome: string; readonly reason?: string; readonly deadLetter?: string; readonly about?: string }[];
}
export interface Explained { readonly event: string; readonly about: string; readonly outcome: string; readonly reason?: string; readonly deadLetter?: string }
export interface PublishReport {
  read: number;
  accepted: number;
  effective: number;
  refused: { place: string; reason: string }[];
  /** recorded, unchanged, before-floor, not-served, parked */
  outcomes: Record<string, number>;
  parked: { about: string; reason: string; deadLetter: string }[];
  seconds: number;
}
export interface PublishOptions {
  readonly server: Server;
  readonly token: string;
  readonly onProgress?: (report: Readonly<PublishReport>) => void;
  /** A row for every event, when its outcome is known. */
  readonly onExplained?: (row: Explained) => void;
  /** Give up when a receipt is not handled for so long. Default 120 s. */
  readonly patienceMs?: number;
}

const BATCH_EVENTS = 1_000;
const BATCH_BYTES = 4 * 1024 * 1024;
/** Receipts awaited at once: bounds what is remembered while intake lags behind. */
const WINDOW = 8;
const LISTED = 1_000;

interface Line { readonly index: number; readonly status: string; readonly reason?: string; readonly receipt?: string }
type Sent = Extract<Item, { ok: true }>;

/** Publishes items in order and waits until intake has said what became of each. */
export async function publish(items: AsyncIterable<Item> | Iterable<Item>, options: PublishOptions): Promise<PublishReport> {
  const { server, token } = options;
  const started = Date.now();
  const report: PublishReport = { read: 0, accepted: 0, effective: 0, refused: [], outcomes: {}, parked: [], seconds: 0 };
  const open: { receipt: string; events: readonly Sent[] }[] = [];
  let batch: Sent[] = [];
  let bytes = 0;

  const settle = async (): Promise<void> => {
    const { receipt: id, events } = open.shift()!;
    const deadline = Date.now() + (options.patienceMs ?? 120_000);
    let receipt: Receipt;
    do {
      receipt = await server.json<Receipt>(`/events/receipts/${id}?wait=20`, { token });
    } while (receipt.handled < events.length && Date.now() < deadline);
    for (const [outcome, count] of Object.entries(receipt.counts)) report.outcomes[outcome] = (report.outcomes[outcome] ?? 0) + count;
    if (receipt.handled < events.length) report.outcomes['pending'] = (report.outcomes['pending'] ?? 0) + events.length - receipt.handled;
    for (const item of receipt.items) if (item.outcome === 'parked' && report.parked.length < LISTED) report.parked.push({ about: item.about ?? item.event, reason: item.reason ?? '', deadLetter: item.deadLetter ?? '' });
    if (options.onExplained !== undefined) {
      const told = new Map(receipt.items.map((item) => [item.event, item]));
      for (const { event, about } of events) options.onExplained({ event, about, ...(told.get(event) ?? { outcome: 'recorded' }) });
    }
    options.onProgress?.(report);
  };

  const send = async (): Promise<void> => {
    if (batch.length === 0) return;
    const events = batch;
    batch = [];
    bytes = 0;
    const { text } = await server.call('/events', { method: 'POST', token, headers: { 'content-type': 'application/x-ndjson' }, body: events.map((e) => e.line).join('\n') + '\n' });
    const kept: Sent[] = [];
    let receipt = '';
    for (const row of text.split('\n')) {
      if (row === '') continue;
      const line = JSON.parse(row) as Line;
      if (line.receipt !== undefined) receipt = line.receipt;
      if (line.index === undefined) continue;
      const event = events[line.index]!;
      if (line.status === 'refused') report.refused.push({ place: event.about, reason: line.reason ?? '' });
      else {
        kept.push(event);
        if (line.status === 'effective') report.effective += 1;
        report.accepted += 1;
      }
    }
    if (kept.length > 0) open.push({ receipt, events: kept });
    options.onProgress?.(report);
    while (open.length > WINDOW) await settle();
  };

  for await (const item of items) {
    report.read += 1;
    if (!item.ok) {
      report.refused.push({ place: item.place, reason: item.reason });
      continue;
    }
    batch.push(item);
    bytes += item.line.length;
    if (batch.length >= BATCH_EVENTS || bytes >= BATCH_BYTES) await send();
  }
  await send();
  while (open.length > 0) await settle();
  report.seconds = (Date.now() - started) / 1000;
  return report;
}
