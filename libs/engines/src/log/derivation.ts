import { createHash } from 'node:crypto';
import { addCounts, PROGRESS_TYPE, deadLetterTopic, derivedBy, encodeEvent, bufferOf } from '@provider-access/events';
import type { Counts, EventParked, FaultReason, Progress, ProgressOutcome } from '@provider-access/events';
import { base32 } from '@provider-access/kernel';
import { partitionFor } from './murmur2.ts';
import { EngineUnavailable, RecordTooLarge } from './port.ts';
import type { Appended, Batch, EventLog, LogRecord, NewRecord } from './port.ts';

/** What became of one inbound event. `reason`, `about` are PHI-free: codes, `Type/id`, event types. */
export interface OutcomeRow {
  /**
   * Receipt of the request that brought the event (`pareceipt`). Events that came over the log have none and are not
   * reported.
   */
  readonly receipt?: string | undefined;
  /** Id of the event. */
  readonly event: string;
  readonly outcome: 'recorded' | 'unchanged' | 'superseded' | 'before-floor' | 'not-served' | 'parked';
  readonly reason?: string | undefined;
  readonly deadLetter?: string | undefined;
  readonly about?: string | undefined;
  /** Elements that redaction removed or masked in what was recorded, by path without indexes. No values. */
  readonly removed?: Counts | undefined;
  /** Conditional references in what was recorded, by path without indexes and type. No values. */
  readonly unresolved?: Counts | undefined;
}

export interface DerivationOutput {
  readonly topic: string;
  readonly records: readonly NewRecord[];
}

export interface DerivationOptions {
  readonly log: EventLog;
  /** Name of the service. */
  readonly deriver: string;
  readonly progressTopic: string;
  /** Every topic that the service derives. Default: those that TOPICS lets it write. */
  readonly topics?: readonly string[];
  /** Default Date.now. */
  readonly now?: () => number;
  /** Receives what became of the events of a batch, once that is durable. */
  readonly done?: (outcomes: readonly OutcomeRow[]) => void;
}

/** Output topic -> partition -> next offset. */
type Offsets = Record<string, Record<string, number>>;

/**
 * A service that derives topics from others: appends what it derived from a batch, then how far it has come
 * (docs/architecture.md#progress). A crash in between appends the outputs again, and readers of derived topics are
 * idempotent.
 *
 * `after` is cumulative for each inbound partition, for two reasons. The outputs of a batch may be in a partition that
 * a reader has not read while it has read the progress record of a later batch. And compaction may have removed earlier
 * progress records. So each record covers all batches before it. What this instance did not append itself (before a
 * start or a rebalance) is covered by the heads.
 */
export class Derivation {
  readonly #log: EventLog;
  readonly #deriver: string;
  readonly #topic: string;
  readonly #now: () => number;
  readonly #topics: readonly string[];
  readonly #done: ((outcomes: readonly OutcomeRow[]) => void) | undefined;
  readonly #inbound = new Map<string, { readonly next: number; readonly after: Offsets }>();
  #assignments = 0;

  constructor(options: DerivationOptions) {
    this.#log = options.log;
    this.#deriver = options.deriver;
    this.#topic = options.progressTopic;
    this.#now = options.now ?? Date.now;
    this.#done = options.done;
    this.#topics = options.topics ?? derivedBy(this.#deriver);
  }

  /**
   * Appends the outputs in order, then one progress record; resolves when all are durable. Throws EngineUnavailable or
   * RecordTooLarge. If the last output goes to the partition of the progress record, both are appended together. An
   * instance that may have lost the partition of the batch appends nothing more and throws EngineUnavailable.
   */
  async complete(
    batch: Batch,
    result: { readonly outputs: readonly DerivationOutput[]; readonly outcomes: readonly OutcomeRow[] },
  ): Promise<void> {
    const last = batch.records[batch.records.length - 1];
    if (last === undefined) return;
    const count = await this.#log.partitions(this.#topic);
    const partition = batch.partition % count;
    const outputs = result.outputs.filter((output) => output.records.length > 0);
    const rest = outputs[outputs.length - 1];
    const joined =
      rest?.topic === this.#topic &&
      rest.records.every((record) => (record.partition ?? partitionFor(record.partitionKey, count)) === partition);
    const inbound = `${batch.topic}/${batch.partition}`;
    const assignments = this.#assignments;
    const known = this.#inbound.get(inbound);
    this.#inbound.delete(inbound);
    const after = known?.next === batch.records[0]!.offset ? known.after : await this.#heads(outputs);
    for (const { topic, records } of joined ? outputs.slice(0, -1) : outputs) {
      for (const appended of await this.#append(batch, topic, records))
        (after[topic] ??= {})[appended.partition] = appended.offset + 1;
    }
    // A reader passes earlier records of this partition before the progress record anyway.
    delete after[this.#topic]?.[partition];
    if (Object.keys(after[this.#topic] ?? {}).length === 0) delete after[this.#topic];
    const outcomes = byReceipt(result.outcomes);
    const progress: Progress = {
      deriver: this.#deriver,
      topic: batch.topic,
      partition: batch.partition,
      from: batch.records[0]!.offset,
      next: last.offset + 1,
      ...(Object.keys(after).length > 0 && { after }),
      ...(outcomes.length > 0 && { outcomes }),
    };
    await this.#append(batch, this.#topic, [...(joined ? rest!.records : []), this.#record(progress, partition)]);
    if (assignments === this.#assignments) this.#inbound.set(inbound, { next: progress.next, after });
    this.#done?.(result.outcomes);
  }

  /**
   * Call when partitions are assigned to this instance. Another instance may have handled a partition meanwhile that
   * comes back, and this instance does not know its outputs. The heads cover them.
   */
  assigned(): void {
    this.#assignments++;
    this.#inbound.clear();
  }

  /**
   * Throws if another instance may have the partition: that one derives the batch again, and the outputs of two
   * instances would mix.
   */
  async #append(batch: Batch, topic: string, records: readonly NewRecord[]): Promise<readonly Appended[]> {
    if (batch.owned?.() === false)
      throw new EngineUnavailable(`${batch.topic}/${batch.partition} may have another owner`);
    try {
      return await this.#log.append(topic, records);
    } catch (error) {
      if (!(error instanceof RecordTooLarge) || error.index === undefined) throw error;
      throw new RecordTooLarge(error.message, error.index, records[error.index]);
    }
  }

  /** The heads of the output topics: everything that this or another instance has derived so far lies before them. */
  async #heads(outputs: readonly DerivationOutput[]): Promise<Offsets> {
    const heads = await this.#log.head([
      ...new Set([this.#topic, ...this.#topics, ...outputs.map((output) => output.topic)]),
    ]);
    const after: Offsets = {};
    for (const [topic, offsets] of Object.entries(heads)) {
      offsets.forEach((head, partition) => {
        if (head > 0) (after[topic] ??= {})[partition] = head;
      });
    }
    return after;
  }

  #record(progress: Progress, partition: number): NewRecord {
    const key = `progress/${this.#deriver}/${progress.topic}/${progress.partition}`;
    const event = {
      id: `${progress.topic}/${progress.partition}/${progress.next}`,
      source: `urn:provider-access:${this.#deriver}`,
      type: PROGRESS_TYPE,
      time: new Date(this.#now()).toISOString(),
      subject: key,
      data: progress,
    };
    return { ...encodeEvent(event, { key }), partition };
  }
}

/**
 * Longest receipt. Ours are shorter, and a longer one that a producer wrote must not make a progress record of any
 * size.
 */
const MAX_RECEIPT = 64;
/** Longest event id in a receipt, because producers choose ids. */
const MAX_EVENT_ID = 256;

function byReceipt(rows: readonly OutcomeRow[]): ProgressOutcome[] {
  const receipts = new Map<string, ProgressOutcome>();
  for (const { receipt, event: id, outcome, reason, deadLetter, about, removed, unresolved } of rows) {
    if (receipt === undefined || receipt.length > MAX_RECEIPT) continue;
    const event = id.length > MAX_EVENT_ID ? `${id.slice(0, MAX_EVENT_ID)}…` : id;
    let entry = receipts.get(receipt);
    if (entry === undefined) receipts.set(receipt, (entry = { receipt, counts: {}, items: [] }));
    entry.counts[outcome] = (entry.counts[outcome] ?? 0) + 1;
    if (removed !== undefined) addCounts((entry.removed ??= {}), removed);
    if (unresolved !== undefined) addCounts((entry.unresolved ??= {}), unresolved);
    // An event that replaced one of the same time is listed as well: its reason says so.
    if (outcome !== 'recorded' || reason !== undefined) {
      entry.items.push({
        event,
        outcome,
        ...(reason !== undefined && { reason }),
        ...(deadLetter !== undefined && { deadLetter }),
        ...(about !== undefined && { about }),
      });
    }
  }
  return [...receipts.values()];
}

/**
 * The one name of a dead letter: `dl-` and 26 base32 characters of SHA-256 over its place in the log. Every service
 * gives it the same name, and a redelivery makes no new dead letter.
 */
export function deadLetterId(topic: string, partition: number, offset: number): string {
  const hash = createHash('sha256').update(`${topic}/${partition}/${offset}`).digest();
  return `dl-${base32(hash).slice(0, 26)}`;
}

/**
 * The `pa.event-parked.v1` record for `deadLetterTopic(batch.topic)`: original bytes and headers, and why. `detail` is
 * PHI-free. `at` is an RFC 3339 instant or ms since the epoch.
 */
export function deadLetterRecord(
  batch: Pick<Batch, 'topic' | 'partition'>,
  record: LogRecord,
  reason: FaultReason,
  detail: string,
  parkedBy: string,
  at: string | number,
): NewRecord {
  const deadLetter = deadLetterId(batch.topic, batch.partition, record.offset);
  const parkedAt = typeof at === 'number' ? new Date(at).toISOString() : at;
  const data: EventParked = {
    deadLetter,
    topic: batch.topic,
    partition: batch.partition,
    offset: record.offset,
    key: cut(record.key, MAX_HEADER),
    headers: headersOf(record),
    value: bufferOf(record.value).toString('base64'),
    reason,
    detail,
    parkedBy,
    parkedAt,
  };
  return encodeEvent({
    id: deadLetter,
    source: `urn:provider-access:${parkedBy}`,
    type: 'pa.event-parked.v1',
    time: parkedAt,
    subject: deadLetter,
    data,
  });
}

/** Bytes of all headers. An event needs far less, and a dead letter must fit into its topic. */
const MAX_HEADERS = 64 * 1024;
const MAX_HEADER = 1024;
const cut = (text: string, length: number): string => (text.length > length ? `${text.slice(0, length)}…` : text);

/**
 * The headers as they came. If they are larger than any event needs: the CloudEvents attributes, each cut to 1,024
 * characters.
 */
function headersOf({ headers }: LogRecord): Record<string, string> {
  let length = 0;
  for (const name in headers) length += name.length + headers[name]!.length;
  if (length <= MAX_HEADERS) return { ...headers };
  const kept: Record<string, string> = { 'pa-headers-cut': String(length) };
  for (const name of [
    'ce_specversion',
    'ce_id',
    'ce_type',
    'ce_source',
    'ce_time',
    'ce_subject',
    'content-type',
    'traceparent',
    'ce_pareceipt',
    'ce_pareplayof',
    'ce_paattempt',
  ]) {
    if (headers[name] !== undefined) kept[name] = cut(headers[name], MAX_HEADER);
  }
  return kept;
}

/** The dead letters of a batch as its output. */
export const deadLetterOutput = (batch: Pick<Batch, 'topic'>, records: readonly NewRecord[]): DerivationOutput => ({
  topic: deadLetterTopic(batch.topic),
  records,
});
