import { setTimeout as delay } from 'node:timers/promises';
import { addCounts, type Counts } from '@provider-access/events';
import { CliError, EXIT } from '../output.ts';
import { DanglingTally, type DanglingReferences } from './dangling.ts';
import { LinesBody } from './lines-body.ts';
import { TemporaryFault } from './patience.ts';
import type { Server } from './server.ts';
import type { Item } from './sources.ts';

export interface Receipt {
  readonly receipt: string;
  readonly expected: number | null;
  readonly handled: number;
  readonly counts: Counts;
  /** Elements that redaction removed, by path. A platform of an earlier release does not report them. */
  readonly removed?: Counts;
  /**
   * Conditional references in recorded resources, and attachments whose URL leads nowhere, by path and type. A platform
   * of an earlier release does not report them.
   */
  readonly unresolved?: Counts;
  /**
   * What recorded resources lack of profiles that they declare. A platform of an earlier release does not report it.
   */
  readonly lacks?: Counts;
  /** Security labels that the policy does not know. A platform of an earlier release does not report them. */
  readonly unknownLabels?: Counts;
  /** Resources withheld because of a code of a list. A platform of an earlier release does not report them. */
  readonly withheldTags?: Counts;
  readonly items: readonly {
    readonly event: string;
    readonly outcome: string;
    readonly reason?: string;
    readonly deadLetter?: string;
    readonly about?: string;
  }[];
}
/** One row for each event: refused (stored nowhere), decided by intake, or pending. */
export interface Explained {
  readonly event?: string;
  readonly about: string;
  /** File and line of a refused event. */
  readonly place?: string;
  readonly outcome: string;
  readonly reason?: string;
  readonly deadLetter?: string;
}
export interface PublishReport {
  read: number;
  accepted: number;
  effective: number;
  /** Of the effective ones: opt-outs that bar none of the providers who may see the member now. */
  barsNobody: number;
  refused: { place: string; reason: string }[];
  /** recorded, unchanged, before-floor, not-served, parked; pending if patience ended */
  outcomes: Record<string, number>;
  /**
   * Elements that redaction removed or masked in recorded resources, by path without indexes:
   * `ExplanationOfBenefit.item.net`. No values; at most 100 paths, the rest under `(others)`.
   */
  removed: Record<string, number>;
  /** Conditional references in recorded resources, by path and type. No reader can follow them. */
  unresolved: Record<string, number>;
  /** What recorded resources lack of profiles that they declare, by profile, element and rule. */
  lacks: Record<string, number>;
  /** Security labels of recorded resources that the policy of the platform does not know: they may withhold nothing. */
  unknownLabels: Record<string, number>;
  /** Recorded resources that are withheld because of a code of a list, by code, list and law. */
  withheldTags: Record<string, number>;
  /**
   * References of recorded resources to types that are not served, attachments whose URL names a Binary that is not
   * there included, and to resources of the same publication before the floor.
   */
  dangling: DanglingReferences;
  /** The first thousand. */
  parked: { about: string; reason: string; deadLetter: string; detail?: string }[];
  /**
   * Opt-outs and opt-ins that are stored and do not decide now, with the reason (docs/opt-outs.md). The first thousand.
   */
  withoutEffect: { event: string; status: 'scheduled' | 'superseded' | 'held' | 'parked'; why: string }[];
  seconds: number;
}
export interface PublishOptions {
  readonly server: Server;
  readonly token: string;
  readonly onProgress?: (report: Readonly<PublishReport>) => void;
  /** A row for every event, when its outcome is known. */
  readonly onExplained?: (row: Explained) => void;
  /** How long to wait for a receipt. Default 120 s. */
  readonly patienceMs?: number;
}

const BATCH_EVENTS = 2_000;
const BATCH_BYTES = 8 * 1024 * 1024;
/** So many receipts are awaited at once, which bounds the memory while intake lags. */
const WINDOW = 4;
const LISTED = 1_000;
/** How often a batch is sent again if the platform could not accept it. The same event twice changes nothing. */
const ATTEMPTS = 5;

/** Requests with these answers are repeated: the platform or a proxy cannot answer at the moment. */
const AWAY = [429, 502, 503, 504];

/** A connection that was cut is like an answer that says nothing. */
const CUT = { status: 503, text: '' };

interface Row {
  readonly index?: number;
  readonly status?: string;
  readonly reason?: string;
  readonly detail?: string;
  readonly receipt?: string;
  readonly from?: string;
  readonly by?: string;
  readonly deadLetter?: string;
  readonly deadLetters?: readonly string[];
  readonly bars?: 0;
}
/** Why a stored opt-out or opt-in does not decide now; undefined for every other row. */
function withoutEffect({
  status,
  reason,
  from,
  by,
  deadLetter,
  deadLetters = [],
}: Row): Pick<PublishReport['withoutEffect'][number], 'status' | 'why'> | undefined {
  switch (status) {
    case 'scheduled':
      return { status, why: `from ${from} on` };
    case 'superseded':
      return { status, why: `event ${by} stands against it` };
    case 'held':
      return { status, why: `the member is denied until ${heldUntil(reason, deadLetters)}` };
    case 'parked':
      return { status, why: `dead letter ${deadLetter}: the member is denied until it is resolved` };
    default:
      return undefined;
  }
}
const heldUntil = (reason: string | undefined, deadLetters: readonly string[]): string =>
  [
    ...(reason === 'notice' ? ['a notice was sent to the member'] : []),
    ...(deadLetters.length > 0 ? [`somebody resolves dead letter ${deadLetters.join(', ')}`] : []),
  ].join(', and ');
type Sent = Extract<Item, { ok: true }>;
/** An event whose outcome is awaited. Its text is not kept. */
type Awaited = Pick<Sent, 'event' | 'about' | 'references'>;
interface Sending {
  readonly kept: Awaited[];
  readonly rest: readonly Sent[];
  receipt: string;
}

/** Reads the outcome of one receipt from intake. Waits until everything is handled, or the patience ends. */
export async function awaitReceipt(
  server: Server,
  token: string,
  receipt: string,
  events: number,
  patienceMs = 120_000,
): Promise<Receipt> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    const patient = Date.now() < deadline;
    const { status, text } = await server
      .call(`/events/receipts/${encodeURIComponent(receipt)}?wait=20`, {
        token,
        accept: patient ? [404, ...AWAY] : [404],
      })
      .catch((error: unknown) => {
        if (!patient || !(error instanceof TemporaryFault)) throw error;
        return CUT;
      });
    // The outcome is unknown, so no event of the receipt counts as handled.
    const answer =
      status !== 200 ? { receipt, expected: null, handled: 0, counts: {}, items: [] } : (JSON.parse(text) as Receipt);
    if (answer.handled >= events || Date.now() >= deadline) return answer;
    if (status !== 200) await delay(500);
  }
}

/**
 * Publishes items in order and waits until intake has decided each one. Sends events again that the platform could not
 * accept. @throws CliError if the platform stays unreachable; what was accepted until then is durable
 */
export async function publish(
  items: AsyncIterable<Item> | Iterable<Item>,
  options: PublishOptions,
): Promise<PublishReport> {
  const { server, token } = options;
  const started = Date.now();
  const dangling = new DanglingTally();
  const report: PublishReport = {
    read: 0,
    accepted: 0,
    effective: 0,
    barsNobody: 0,
    refused: [],
    outcomes: {},
    removed: {},
    unresolved: {},
    unknownLabels: {},
    withheldTags: {},
    lacks: {},
    dangling: dangling.counts(),
    parked: [],
    withoutEffect: [],
    seconds: 0,
  };
  const open: { receipt: string; events: readonly Awaited[] }[] = [];
  let batch: Sent[] = [];
  let bytes = 0;
  const body = new LinesBody();

  const refuse = (at: Pick<Explained, 'about' | 'event' | 'place'>, reason: string): void => {
    report.refused.push({ place: at.place === undefined ? at.about : `${at.place} ${at.about}`, reason });
    options.onExplained?.({ ...at, outcome: 'refused', reason });
  };

  // The platform serves no Binary of a payer, so a URL of one counts among the references to types that are not served.
  const addUnresolved = (counts: Counts): void => {
    for (const [name, count] of Object.entries(counts))
      if (name.endsWith(' -> Binary')) dangling.addNotServed(name, count);
      else addCounts(report.unresolved, { [name]: count });
  };

  const settle = async (): Promise<void> => {
    const { receipt: id, events } = open.shift()!;
    const receipt = await awaitReceipt(server, token, id, events.length, options.patienceMs);
    const pending = Math.max(0, events.length - receipt.handled);
    for (const [outcome, count] of Object.entries({ ...receipt.counts, ...(pending > 0 && { pending }) }))
      report.outcomes[outcome] = (report.outcomes[outcome] ?? 0) + count;
    addCounts(report.removed, receipt.removed ?? {});
    addUnresolved(receipt.unresolved ?? {});
    addCounts(report.lacks, receipt.lacks ?? {});
    addCounts(report.unknownLabels, receipt.unknownLabels ?? {});
    addCounts(report.withheldTags, receipt.withheldTags ?? {});
    for (const item of receipt.items)
      if (item.outcome === 'parked' && report.parked.length < LISTED)
        report.parked.push({
          about: item.about ?? item.event,
          reason: item.reason ?? '',
          deadLetter: item.deadLetter ?? '',
        });
    const items = new Map(receipt.items.map((item) => [item.event, item]));
    for (const { event, about, references = [] } of events) {
      // An event without a row was recorded, or is still to be handled.
      const row = items.get(event) ?? { outcome: pending > 0 ? 'pending' : 'recorded' };
      dangling.settled(about, row.outcome, references);
      options.onExplained?.({ event, ...row, about });
    }
    options.onProgress?.(report);
  };

  const send = async (): Promise<void> => {
    let events: readonly Sent[] = batch;
    batch = [];
    bytes = 0;
    for (let attempt = 1; events.length > 0; attempt += 1) {
      const { kept, rest, receipt } = await post(server, token, body, events, report.accepted > 0, (row, event) => {
        if (row.status === 'effective') report.effective += 1;
        if (row.bars === 0) report.barsNobody += 1;
        const without = withoutEffect(row);
        if (without !== undefined && report.withoutEffect.length < LISTED)
          report.withoutEffect.push({ event: event.event, ...without });
        if (row.status === 'refused')
          refuse(
            { event: event.event, about: event.about, ...(event.place !== undefined && { place: event.place }) },
            row.detail === undefined ? (row.reason ?? '') : `${row.reason}: ${row.detail}`,
          );
        else report.accepted += 1;
      });
      if (kept.length > 0) open.push({ receipt, events: kept });
      options.onProgress?.(report);
      if (rest.length > 0 && attempt === ATTEMPTS)
        throw new CliError(
          EXIT.unavailable,
          `the platform takes no events at the moment: ${report.accepted} are accepted and durable, publish the ` +
            'rest again later (the same event twice changes nothing)',
        );
      events = rest;
      if (events.length > 0) await delay(250 * 2 ** attempt);
    }
    while (open.length > WINDOW) await settle();
  };

  for await (const item of items) {
    report.read += 1;
    if (!item.ok) {
      refuse({ about: item.place }, item.reason);
      continue;
    }
    batch.push(item);
    bytes += item.line.length;
    if (batch.length >= BATCH_EVENTS || bytes >= BATCH_BYTES) await send();
  }
  await send();
  while (open.length > 0) await settle();
  report.dangling = dangling.counts();
  report.seconds = (Date.now() - started) / 1000;
  return report;
}

const awaited = ({ event, about, references }: Sent): Awaited => ({
  event,
  about,
  ...(references !== undefined && { references }),
});

/**
 * One NDJSON request. `reached` says that the platform has answered before. `rest` are the events without an answer.
 * They are sent again, because the same event twice changes nothing.
 */
async function post(
  server: Server,
  token: string,
  body: LinesBody,
  events: readonly Sent[],
  reached: boolean,
  onRow: (row: Row, event: Sent) => void,
): Promise<Sending> {
  const { status, text } = await server
    .call('/events', {
      method: 'POST',
      token,
      headers: { 'content-type': 'application/x-ndjson' },
      body: body.of(events),
      accept: AWAY,
    })
    .catch((error: unknown) => {
      // A platform that never answered is probably not there, and its user wants to know that at once.
      if (!reached || !(error instanceof TemporaryFault)) throw error;
      return CUT;
    });
  if (status !== 200) return { kept: [], rest: events, receipt: '' };
  const sending: Sending & { rest: Sent[] } = { kept: [], rest: [], receipt: '' };
  const answered = new Set<number>();
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const row = JSON.parse(line) as Row;
    sending.receipt = row.receipt ?? sending.receipt;
    const event = row.index === undefined ? undefined : events[row.index];
    // `unavailable` may mean stored. It is sent again, like events without a row.
    if (event === undefined || row.status === 'unavailable') continue;
    answered.add(row.index!);
    onRow(row, event);
    if (row.status !== 'refused') sending.kept.push(awaited(event));
  }
  for (const [index, event] of events.entries()) if (!answered.has(index)) sending.rest.push(event);
  return sending;
}
