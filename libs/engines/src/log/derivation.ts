import { createHash } from 'node:crypto';
import {
  addCounts,
  bufferOf,
  type Counts,
  derivedBy,
  encodeEvent,
  type EventParked,
  type FaultReason,
  type Progress,
  PROGRESS_TYPE,
  type ProgressOutcome,
} from '@provider-access/events';
import { base32 } from '@provider-access/kernel';
import { partitionFor } from './murmur2.ts';
import {
  type Appended,
  type Batch,
  EngineUnavailable,
  type EventLog,
  type LogRecord,
  type NewRecord,
  RecordTooLarge,
} from './port.ts';

/** What a progress record counts of the recorded events of a receipt. */
const COUNTED = [
  'removed',
  'unresolved',
  'lacks',
  'unknownLabels',
  'withheldTags',
] as const satisfies (keyof ProgressOutcome)[];

/** The outcome of one inbound event. `reason` and `about` are codes, event types or `Type/id`, without other data. */
export type OutcomeRow = Readonly<ProgressOutcome['items'][number]> & {
  /**
   * Receipt of the request that brought the event (`pareceipt`). An event from the log has none, and its outcome is not
   * reported.
   */
  readonly receipt?: string | undefined;
  readonly outcome: 'recorded' | 'unchanged' | 'superseded' | 'before-floor' | 'not-served' | 'parked';
} & { readonly [name in (typeof COUNTED)[number]]?: Counts | undefined };

export interface DerivationOutput {
  readonly topic: string;
  readonly records: readonly NewRecord[];
}

export interface DerivationOptions {
  readonly log: EventLog;
  readonly deriver: string;
  readonly progressTopic: string;
  /** Every topic that the service derives. Default: the topics that TOPICS permits it to write. */
  readonly topics?: readonly string[];
  /** Default Date.now. */
  readonly now?: () => number;
  /** Gets the outcomes of a batch, once they are durable. */
  readonly done?: (outcomes: readonly OutcomeRow[]) => void;
}

/** Next offset by output topic and partition. */
type Offsets = Record<string, Record<string, number>>;

/**
 * Appends the records that a service derived from a batch, then its progress (docs/architecture.md#progress). After a
 * crash in between, the service appends the outputs again, and readers of derived topics are idempotent.
 *
 * `after` is cumulative for each inbound partition, for two reasons. The outputs of a batch may be in a partition that
 * a reader has not read while it has read the progress record of a later batch. And compaction may have removed earlier
 * progress records. So each record covers all batches before it. For outputs that another instance appended, or this
 * one before its start, `after` has the heads of the output topics.
 */
export class Derivation {
  readonly #options: Required<Omit<DerivationOptions, 'done'>> & DerivationOptions;
  readonly #inbound = new Map<string, { readonly next: number; readonly after: Offsets }>();
  #assignments = 0;

  constructor(options: DerivationOptions) {
    this.#options = { topics: derivedBy(options.deriver), now: () => Date.now(), ...options };
  }

  /**
   * Appends the outputs in order, then one progress record; resolves when all are durable. Throws EngineUnavailable or
   * RecordTooLarge. If the last output goes to the partition of the progress record, both are appended together. An
   * instance that may have lost the partition stops appending and throws EngineUnavailable.
   */
  async complete(
    batch: Batch,
    result: { readonly outputs: readonly DerivationOutput[]; readonly outcomes: readonly OutcomeRow[] },
  ): Promise<void> {
    const last = batch.records[batch.records.length - 1];
    if (last === undefined) return;
    const { log, deriver, progressTopic } = this.#options;
    const count = await log.partitions(progressTopic);
    const partition = batch.partition % count;
    const outputs = result.outputs.filter((output) => output.records.length > 0);
    const rest = outputs[outputs.length - 1];
    const joined =
      rest?.topic === progressTopic &&
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
    // Earlier records of this partition need no entry, because a reader passes them before the progress record.
    delete after[progressTopic]?.[partition];
    if (Object.keys(after[progressTopic] ?? {}).length === 0) delete after[progressTopic];
    const outcomes = byReceipt(result.outcomes);
    const progress: Progress = {
      deriver,
      topic: batch.topic,
      partition: batch.partition,
      from: batch.records[0]!.offset,
      next: last.offset + 1,
      ...(Object.keys(after).length > 0 && { after }),
      ...(outcomes.length > 0 && { outcomes }),
    };
    await this.#append(batch, progressTopic, [...(joined ? rest!.records : []), this.#record(progress, partition)]);
    if (assignments === this.#assignments) this.#inbound.set(inbound, { next: progress.next, after });
    this.#options.done?.(result.outcomes);
  }

  /**
   * Call this when partitions are assigned. Another instance may have handled a returning partition meanwhile. Its
   * outputs are unknown here, so the next `after` has the heads.
   */
  assigned(): void {
    this.#assignments++;
    this.#inbound.clear();
  }

  /**
   * Throws if another instance may own the partition. That instance derives the batch again, and the outputs of two
   * instances would mix.
   */
  async #append(batch: Batch, topic: string, records: readonly NewRecord[]): Promise<readonly Appended[]> {
    if (batch.owned?.() === false)
      throw new EngineUnavailable(`${batch.topic}/${batch.partition} may have another owner`);
    try {
      return await this.#options.log.append(topic, records);
    } catch (error) {
      if (!(error instanceof RecordTooLarge) || error.index === undefined) throw error;
      throw new RecordTooLarge(error.message, error.index, records[error.index]);
    }
  }

  /** The heads of the output topics, which are behind all outputs of all instances so far. */
  async #heads(outputs: readonly DerivationOutput[]): Promise<Offsets> {
    const { log, progressTopic, topics } = this.#options;
    const heads = await log.head([...new Set([progressTopic, ...topics, ...outputs.map(({ topic }) => topic)])]);
    const after: Offsets = {};
    for (const [topic, offsets] of Object.entries(heads)) {
      offsets.forEach((head, partition) => {
        if (head > 0) (after[topic] ??= {})[partition] = head;
      });
    }
    return after;
  }

  #record(progress: Progress, partition: number): NewRecord {
    const key = `progress/${progress.deriver}/${progress.topic}/${progress.partition}`;
    const event = {
      id: `${progress.topic}/${progress.partition}/${progress.next}`,
      source: `urn:provider-access:${progress.deriver}`,
      type: PROGRESS_TYPE,
      time: new Date(this.#options.now()).toISOString(),
      subject: key,
      data: progress,
    };
    return { ...encodeEvent(event, { key }), partition };
  }
}

/** Longest receipt. Our receipts are shorter, and a producer's must not make a progress record too large. */
const MAX_RECEIPT = 64;
/** Longest event id in a receipt, because producers choose ids. */
const MAX_EVENT_ID = 256;

function byReceipt(rows: readonly OutcomeRow[]): ProgressOutcome[] {
  const receipts = new Map<string, ProgressOutcome>();
  for (const row of rows) {
    const { receipt, event, outcome, reason, deadLetter, about } = row;
    if (receipt === undefined || receipt.length > MAX_RECEIPT) continue;
    let entry = receipts.get(receipt);
    if (entry === undefined) receipts.set(receipt, (entry = { receipt, counts: {}, items: [] }));
    entry.counts[outcome] = (entry.counts[outcome] ?? 0) + 1;
    for (const name of COUNTED) if (row[name] !== undefined) addCounts((entry[name] ??= {}), row[name]);
    // A recorded event that replaced another one of the same time has a reason, and is listed too.
    if (outcome !== 'recorded' || reason !== undefined)
      entry.items.push({ event: cut(event, MAX_EVENT_ID), outcome, reason, deadLetter, about });
  }
  return [...receipts.values()];
}

/**
 * The id of a dead letter: `dl-` and 26 base32 characters of the SHA-256 of its topic, partition and offset. So all
 * services give it the same id, and a redelivery makes no new dead letter.
 */
export function deadLetterId(topic: string, partition: number, offset: number): string {
  const hash = createHash('sha256').update(`${topic}/${partition}/${offset}`).digest();
  return `dl-${base32(hash).slice(0, 26)}`;
}

/**
 * The `pa.event-parked.v1` record for `deadLetterTopic(batch.topic)`: original bytes, headers and the reason. `detail`
 * must have no protected data. `at` is an RFC 3339 instant or ms since the epoch.
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

/** Most bytes of all headers, far more than an event needs, because a dead letter must fit into its topic. */
const MAX_HEADERS = 64 * 1024;
const MAX_HEADER = 1024;
const cut = (text: string, length: number): string => (text.length > length ? `${text.slice(0, length)}…` : text);

/** The original headers. If they are too large, only the CloudEvents attributes, each cut to 1,024 characters. */
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
