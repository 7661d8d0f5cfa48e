import type { LogRecord } from '../port.ts';
import type { Cluster } from './cluster.ts';
import { byLeader, fetchRanges, type Range } from './fetch.ts';
import { READ_BYTES } from './fetch-limits.ts';

/** A larger record batch is returned whole, so a limit of one byte fetches one batch. */
const ONE_BATCH = 1;
/** How long fetched records beyond the limit of a call are kept for the next call at that offset. */
const LEFT_OVER_MS = 5_000;
const MAX_LEFT_OVERS = 8;

/** Reads ranges of a partition without a group. */
export class Reader {
  readonly #cluster: Cluster;
  readonly #leftOvers = new Map<string, Range & { readonly until: number }>();
  readonly #forget = setTimeout(() => this.#leftOvers.clear(), LEFT_OVER_MS).unref();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** Throws EngineUnavailable. */
  async read(topic: string, partition: number, from: number, limit: number): Promise<readonly LogRecord[]> {
    const found: LogRecord[] = [];
    for (let next = Math.max(0, from); found.length < limit;) {
      const key = `${topic}/${partition}/${next}`;
      const range =
        this.#leftOvers.get(key) ?? (await this.#fetch(topic, partition, next, limit === 1 ? ONE_BATCH : READ_BYTES));
      this.#leftOvers.delete(key);
      if (range.records.length === 0 && range.next <= next) break;
      const room = limit - found.length;
      for (const record of range.records.slice(0, room)) found.push(record);
      next = range.next;
      if (range.records.length > room) {
        const rest = { records: range.records.slice(room), next };
        this.#keep(`${topic}/${partition}/${found[found.length - 1]!.offset + 1}`, rest);
      }
    }
    return found;
  }

  close(): void {
    clearTimeout(this.#forget);
    this.#leftOvers.clear();
  }

  async #fetch(topic: string, partition: number, next: number, bytes: number): Promise<Range> {
    const limits = { maxWaitTime: 0, maxBytes: bytes, partitionBytes: bytes };
    const range = await this.#cluster.use('reading', [topic], async (raw) => {
      for (const node of byLeader(this.#cluster, raw, [{ topic, partition, next }])) {
        const ranges = await fetchRanges(this.#cluster, raw, node, limits);
        return ranges === undefined ? undefined : ranges[0]?.[1];
      }
      return { records: [], next };
    });
    if (range !== undefined) return range;
    // The offset is out of range: before the first remaining record, or past the end.
    const first = await this.#cluster.offsets([topic], true);
    return { records: [], next: Math.max(next, first[topic]![partition]!) };
  }

  #keep(key: string, range: Range): void {
    const [oldest] = this.#leftOvers.keys();
    if (this.#leftOvers.size >= MAX_LEFT_OVERS) this.#leftOvers.delete(oldest!);
    const now = performance.now();
    for (const [kept, { until }] of this.#leftOvers) if (until < now) this.#leftOvers.delete(kept);
    this.#leftOvers.set(key, { ...range, until: now + LEFT_OVER_MS });
    this.#forget.refresh();
  }
}
