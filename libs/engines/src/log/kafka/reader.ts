import type { LogRecord } from '../port.ts';
import type { Cluster } from './cluster.ts';
import { errorType } from './errors.ts';
import { committedMessages, type FetchedPartition, type RawCluster, READ_COMMITTED } from './low-level.ts';
import { toRecord } from './records.ts';

/** Most bytes of a fetch. A larger record batch is returned whole, so a limit of one byte fetches one batch. */
const FETCH_BYTES = 2 * 1024 * 1024;
const BATCH_BYTES = 1;
/** How long fetched records beyond the limit of a call are kept for the next call at that offset. */
const LEFT_OVER_MS = 5_000;
const MAX_LEFT_OVERS = 8;

/** Records of one partition from an offset on, and the next offset. */
export interface Range {
  readonly records: readonly LogRecord[];
  readonly next: number;
}

/** Reads ranges of a partition without a group. */
export class Reader {
  readonly #cluster: Cluster;
  readonly #leftOvers = new Map<string, { readonly range: Range; readonly timer: NodeJS.Timeout }>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** `topic` is the logical name, `name` the name in Kafka. Throws EngineUnavailable. */
  async read(
    topic: string,
    name: string,
    partition: number,
    from: number,
    limit: number,
  ): Promise<readonly LogRecord[]> {
    const found: LogRecord[] = [];
    for (let next = Math.max(0, from); found.length < limit;) {
      const key = `${name}/${partition}/${next}`;
      const range =
        this.#take(key) ?? (await this.#fetch(topic, name, partition, next, limit === 1 ? BATCH_BYTES : FETCH_BYTES));
      if (range.records.length === 0 && range.next <= next) break;
      const room = limit - found.length;
      for (const record of range.records.slice(0, room)) found.push(record);
      next = range.next;
      if (range.records.length > room) {
        const rest = range.records.slice(room);
        this.#keep(`${name}/${partition}/${found[found.length - 1]!.offset + 1}`, { records: rest, next: range.next });
      }
    }
    return found;
  }

  close(): void {
    for (const { timer } of this.#leftOvers.values()) clearTimeout(timer);
    this.#leftOvers.clear();
  }

  async #fetch(topic: string, name: string, partition: number, from: number, bytes: number): Promise<Range> {
    return this.#cluster.use('reading', [name], async (raw) => {
      const range = await fetchRange(raw, topic, name, partition, from, bytes);
      if (range !== undefined) return range;
      // The offset is out of range: before the first remaining record, or past the end.
      const [first] =
        (await raw.fetchTopicsOffset([{ topic: name, partitions: [{ partition }], fromBeginning: true }]))[0]
          ?.partitions ?? [];
      return { records: [], next: Math.max(from, Number(first?.offset ?? 0)) };
    });
  }

  #take(key: string): Range | undefined {
    const kept = this.#leftOvers.get(key);
    if (kept === undefined) return undefined;
    clearTimeout(kept.timer);
    this.#leftOvers.delete(key);
    return kept.range;
  }

  #keep(key: string, range: Range): void {
    this.#take(key);
    const oldest = this.#leftOvers.keys().next().value;
    if (this.#leftOvers.size >= MAX_LEFT_OVERS && oldest !== undefined) this.#take(oldest);
    const timer = setTimeout(() => this.#leftOvers.delete(key), LEFT_OVER_MS);
    timer.unref();
    this.#leftOvers.set(key, { range, timer });
  }
}

/** One fetch of one partition that does not wait for records; undefined if the offset is out of range. */
async function fetchRange(
  raw: RawCluster,
  topic: string,
  name: string,
  partition: number,
  from: number,
  bytes: number,
): Promise<Range | undefined> {
  const [leader] = Object.keys(raw.findLeaderForPartitions(name, [partition]));
  if (leader === undefined) return { records: [], next: from };
  const broker = await raw.findBroker({ nodeId: leader });
  try {
    const { responses } = await broker.fetch({
      isolationLevel: READ_COMMITTED,
      maxWaitTime: 0,
      minBytes: 1,
      maxBytes: bytes,
      topics: [{ topic: name, partitions: [{ partition, fetchOffset: String(from), maxBytes: bytes }] }],
    });
    const fetched = responses[0]?.partitions[0];
    return fetched === undefined ? { records: [], next: from } : rangeOf(topic, fetched, from);
  } catch (error) {
    if (errorType(error) === 'OFFSET_OUT_OF_RANGE' || (error as Error).name === 'KafkaJSOffsetOutOfRange')
      return undefined;
    throw error;
  }
}

/**
 * The records at or after `from`, and the offset behind the last record batch. Compaction leaves gaps, also at the end
 * of a batch, and a fetch returns the whole batch around `from`.
 */
export function rangeOf(topic: string, fetched: FetchedPartition, from: number): Range {
  let next = from;
  for (const { batchContext } of fetched.messages.slice(-1))
    next = Math.max(next, Number(batchContext.firstOffset) + batchContext.lastOffsetDelta + 1);
  const records: LogRecord[] = [];
  for (const message of committedMessages(fetched))
    if (Number(message.offset) >= from) records.push(toRecord(topic, fetched.partition, message));
  return { records, next };
}
