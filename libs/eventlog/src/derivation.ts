import { createHash } from 'node:crypto';
import { PROGRESS_TYPE, deadLetterTopic, derivedBy, encodeEvent } from '@provider-access/events';
import type { EventParked, Progress, ProgressOutcome } from '@provider-access/events';
import { partitionFor } from './murmur2.ts';
import type { Batch, EventLog, LogRecord, NewRecord } from './port.ts';

/** What became of one inbound event. `reason`, `about` are PHI-free: codes, `Type/id`, event types. */
export interface OutcomeRow {
  /** Receipt of the request that brought it (`pareceipt`); events that came over the log have none and are not reported. */
  readonly receipt?: string | undefined;
  /** Id of the event. */
  readonly event: string;
  readonly outcome: 'recorded' | 'unchanged' | 'before-floor' | 'not-served' | 'parked';
  readonly reason?: string | undefined;
  readonly deadLetter?: string | undefined;
  readonly about?: string | undefined;
}

export interface DerivationOutput { readonly topic: string; readonly records: readonly NewRecord[] }

export interface DerivationOptions {
  readonly log: EventLog;
  /** Name of the service. */
  readonly deriver: string;
  readonly progressTopic: string;
  /** Every topic the service derives. Default: those that TOPICS says it writes. */
  readonly topics?: readonly string[];
  /** Default Date.now. */
  readonly now?: () => number;
}

/** Output topic -> partition -> next offset. */
type Offsets = Record<string, Record<string, number>>;

/**
 * A service that derives topics from others: appends what it derived from a batch, then how far it has come
 * (ARCHITECTURE §2). A crash in between appends the outputs again: readers of derived topics are idempotent.
 *
 * `after` is cumulative per inbound partition: the outputs of a batch may be in a partition that a reader has not read
 * while the progress record of a later batch is (or earlier progress records are compacted away), so each one stands for
 * all before it. What this instance did not append itself (before a start or a rebalance) is covered by the heads.
 */
export class Derivation {
  readonly #log: EventLog;
  readonly #deriver: string;
  readonly #topic: string;
  readonly #now: () => number;
  readonly #topics: readonly string[];
  readonly #inbound = new Map<string, { readonly next: number; readonly after: Offsets }>();

  constructor(options: DerivationOptions) {
    this.#log = options.log;
    this.#deriver = options.deriver;
    this.#topic = options.progressTopic;
    this.#now = options.now ?? Date.now;
    this.#topics = options.topics ?? derivedBy(this.#deriver);
  }

  /**
   * Appends the outputs in order, then one progress record; resolves when all are durable. Throws EngineUnavailable or
   * RecordTooLarge. What is last and goes to the progress record's own partition is appended together with it.
   */
  async complete(batch: Batch, result: { readonly outputs: readonly DerivationOutput[]; readonly outcomes: readonly OutcomeRow[] }): Promise<void> {
    const last = batch.records[batch.records.length - 1];
    if (last === undefined) return;
    const count = await this.#log.partitions(this.#topic);
    const partition = batch.partition % count;
    const outputs = result.outputs.filter((output) => output.records.length > 0);
    const rest = outputs[outputs.length - 1];
    const joined = rest?.topic === this.#topic && rest.records.every((record) => (record.partition ?? partitionFor(record.partitionKey, count)) === partition);
    const inbound = `${batch.topic}/${batch.partition}`;
    const known = this.#inbound.get(inbound);
    this.#inbound.delete(inbound);
    const after = known?.next === batch.records[0]!.offset ? known.after : await this.#heads(outputs);
    for (const { topic, records } of joined ? outputs.slice(0, -1) : outputs) {
      for (const appended of await this.#log.append(topic, records)) (after[topic] ??= {})[appended.partition] = appended.offset + 1;
    }
    // What went before the progress record in its own partition is passed before it anyway.
    delete after[this.#topic]?.[partition];
    if (Object.keys(after[this.#topic] ?? {}).length === 0) delete after[this.#topic];
    const outcomes = byReceipt(result.outcomes);
    const progress: Progress = {
      deriver: this.#deriver, topic: batch.topic, partition: batch.partition, next: last.offset + 1,
      ...(Object.keys(after).length > 0 && { after }),
      ...(outcomes.length > 0 && { outcomes }),
    };
    await this.#log.append(this.#topic, [...(joined ? rest!.records : []), this.#record(progress, partition)]);
    this.#inbound.set(inbound, { next: progress.next, after });
  }

  /** Where the outputs end now: everything that this or another instance derived so far is before it. */
  async #heads(outputs: readonly DerivationOutput[]): Promise<Offsets> {
    const heads = await this.#log.head([...new Set([this.#topic, ...this.#topics, ...outputs.map((output) => output.topic)])]);
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
      id: `${progress.topic}/${progress.partition}/${progress.next}`, source: `urn:provider-access:${this.#deriver}`, type: PROGRESS_TYPE,
      time: new Date(this.#now()).toISOString(), subject: key, data: progress,
    };
    return { ...encodeEvent(event, { key }), partition };
  }
}

function byReceipt(rows: readonly OutcomeRow[]): ProgressOutcome[] {
  const receipts = new Map<string, ProgressOutcome>();
  for (const { receipt, event, outcome, reason, deadLetter, about } of rows) {
    if (receipt === undefined) continue;
    let entry = receipts.get(receipt);
    if (entry === undefined) receipts.set(receipt, (entry = { receipt, counts: {}, items: [] }));
    entry.counts[outcome] = (entry.counts[outcome] ?? 0) + 1;
    if (outcome !== 'recorded') {
      entry.items.push({ event, outcome, ...(reason !== undefined && { reason }), ...(deadLetter !== undefined && { deadLetter }), ...(about !== undefined && { about }) });
    }
  }
  return [...receipts.values()];
}

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

/**
 * The one name of a parked record: `dl-` and 26 base32 characters of SHA-256 over its place in the log. Every service
 * names the same one, and a redelivery parks nothing new.
 */
export function deadLetterId(topic: string, partition: number, offset: number): string {
  const hash = createHash('sha256').update(`${topic}/${partition}/${offset}`).digest();
  let text = '';
  for (let bit = 0; bit < 26 * 5; bit += 5) {
    const two = (hash[bit >> 3]! << 8) | hash[(bit >> 3) + 1]!;
    text += BASE32[(two >> (11 - (bit & 7))) & 31];
  }
  return `dl-${text}`;
}

/**
 * The `pa.event-parked.v1` record for `deadLetterTopic(batch.topic)`: original bytes and headers, and why. `detail` is
 * PHI-free. `at` is an RFC 3339 instant or ms since the epoch.
 */
export function park(batch: Pick<Batch, 'topic' | 'partition'>, record: LogRecord, reason: string, detail: string, parkedBy: string, at: string | number): NewRecord {
  const deadLetter = deadLetterId(batch.topic, batch.partition, record.offset);
  const parkedAt = typeof at === 'number' ? new Date(at).toISOString() : at;
  const data: EventParked = {
    deadLetter, topic: batch.topic, partition: batch.partition, offset: record.offset, key: record.key, headers: { ...record.headers },
    value: Buffer.from(record.value.buffer, record.value.byteOffset, record.value.byteLength).toString('base64'), reason, detail, parkedBy, parkedAt,
  };
  return encodeEvent({ id: deadLetter, source: `urn:provider-access:${parkedBy}`, type: 'pa.event-parked.v1', time: parkedAt, subject: deadLetter, data });
}

/** The output of a batch's parked records. */
export const parked = (batch: Pick<Batch, 'topic'>, records: readonly NewRecord[]): DerivationOutput => ({ topic: deadLetterTopic(batch.topic), records });
