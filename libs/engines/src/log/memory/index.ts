import { EngineUnavailable } from '../port.ts';
import type { Appended, EventLog, LogRecord } from '../port.ts';
import type { Backoff } from '../local/lane.ts';
import { recordLimit } from '../local/limits.ts';
import { LocalLog } from '../local/local-log.ts';
import type { AppendListener, LocalStore, PlacedRecord } from '../local/store.ts';

/** Faults a test switches on; counters count down. */
interface MemoryFaults {
  /** The engine does not answer: every call throws EngineUnavailable. */
  away: boolean;
  /** The next appends are written and then fail: the answer was lost. */
  loseAnswers: number;
  /** The next commits fail after the handler: the same batch comes again. */
  loseCommits: number;
}

/** What survives a close: give it to the next `openMemoryLog` to test reopening. */
export interface MemoryData {
  readonly topics: Map<string, LogRecord[][]>;
  readonly commits: Map<string, number>;
  /** Offsets before which `trim` has removed everything, by `topic/partition`. */
  readonly starts?: Map<string, number>;
}

export interface MemoryLogOptions {
  /** Of a new topic. Default 4. */
  readonly partitions?: number;
  readonly faults?: Partial<MemoryFaults>;
  readonly data?: MemoryData;
  readonly maxRecordBytes?: number;
  /** Default 1 ms to 20 ms: tests do not wait. */
  readonly backoff?: Backoff;
  readonly now?: () => number;
}

export type MemoryLog = EventLog & { readonly faults: MemoryFaults; readonly data: MemoryData };

/** Logs that are open on the same data: as clients of one broker, each sees at once what another appends. */
const opened = new WeakMap<MemoryData['topics'], Set<LocalLog>>();

/** The in-memory double of the log, for unit tests only. Same delivery code as the embedded log. */
export function openMemoryLog(options: MemoryLogOptions = {}): MemoryLog {
  const faults: MemoryFaults = { away: false, loseAnswers: 0, loseCommits: 0, ...options.faults };
  const data = {
    starts: new Map<string, number>(),
    ...(options.data ?? { topics: new Map<string, LogRecord[][]>(), commits: new Map<string, number>() }),
  };
  const logs = opened.get(data.topics) ?? new Set();
  opened.set(data.topics, logs);
  const appended = (topic?: string): void => {
    for (const other of logs) other.wake(topic);
  };
  const store = new MemoryStore(data, faults, options.partitions ?? 4, options.now ?? Date.now, appended, () =>
    logs.delete(log),
  );
  const log = new LocalLog(store, {
    maxRecordBytes: recordLimit(options.maxRecordBytes),
    backoff: options.backoff ?? { firstMs: 1, maxMs: 20 },
  });
  logs.add(log);
  return Object.assign(log, { faults, data });
}

class MemoryStore implements LocalStore {
  readonly #data: Required<MemoryData>;
  readonly #faults: MemoryFaults;
  readonly #partitions: number;
  readonly #now: () => number;
  readonly #appended: AppendListener;
  readonly #closed: () => void;

  constructor(
    data: Required<MemoryData>,
    faults: MemoryFaults,
    partitions: number,
    now: () => number,
    appended: AppendListener,
    closed: () => void,
  ) {
    this.#data = data;
    this.#faults = faults;
    this.#partitions = partitions;
    this.#now = now;
    this.#appended = appended;
    this.#closed = closed;
  }

  #topic(topic: string): LogRecord[][] {
    if (this.#faults.away) throw new EngineUnavailable('the log is away');
    let partitions = this.#data.topics.get(topic);
    if (partitions === undefined)
      this.#data.topics.set(topic, (partitions = Array.from({ length: this.#partitions }, () => [])));
    return partitions;
  }

  partitions(topic: string): number {
    return this.#topic(topic).length;
  }

  head(topic: string): readonly number[] {
    return this.#topic(topic).map((records) => records.length);
  }

  async append(topic: string, records: readonly PlacedRecord[]): Promise<readonly Appended[]> {
    // A turn passes before anything is written, as in a real engine.
    await Promise.resolve();
    const partitions = this.#topic(topic);
    const appended = records.map(({ partition, key, headers, value }) => {
      const offset = partitions[partition]!.length;
      partitions[partition]!.push({
        topic,
        partition,
        offset,
        key,
        headers: { ...headers },
        value: Buffer.from(value as Uint8Array),
        timestamp: this.#now(),
      });
      return { partition, offset };
    });
    this.#appended(topic);
    if (this.#faults.loseAnswers > 0) {
      this.#faults.loseAnswers--;
      throw new EngineUnavailable('the answer of an append was lost');
    }
    return appended;
  }

  read(topic: string, partition: number, from: number, maxRecords: number, maxBytes: number): readonly LogRecord[] {
    const records = this.#topic(topic)[partition] ?? [];
    const found: LogRecord[] = [];
    for (
      let offset = Math.max(this.start(topic)[partition] ?? 0, from), bytes = 0;
      offset < records.length && found.length < maxRecords;
      offset++
    ) {
      bytes += records[offset]!.value.byteLength;
      if (found.length > 0 && bytes > maxBytes) break;
      found.push(records[offset]!);
    }
    return found;
  }

  start(topic: string): readonly number[] {
    return this.#topic(topic).map((_, partition) => this.#data.starts.get(`${topic}/${partition}`) ?? 0);
  }

  async trim(topic: string, before: number, upTo: readonly number[]): Promise<number> {
    return this.#topic(topic).reduce((removed, records, partition) => {
      const start = this.start(topic)[partition]!;
      const fresh = records.findIndex(({ offset, timestamp }) => offset >= start && timestamp >= before);
      const next = Math.max(start, Math.min(fresh < 0 ? records.length : fresh, upTo[partition]!));
      this.#data.starts.set(`${topic}/${partition}`, next);
      return removed + next - start;
    }, 0);
  }

  committed(group: string, topic: string, partition: number): number | undefined {
    this.#topic(topic);
    return this.#data.commits.get(`${group}\n${topic}\n${partition}`);
  }

  commit(group: string, topic: string, partition: number, next: number): void {
    this.#topic(topic);
    if (this.#faults.loseCommits > 0) {
      this.#faults.loseCommits--;
      throw new EngineUnavailable('a commit was lost');
    }
    this.#data.commits.set(`${group}\n${topic}\n${partition}`, next);
  }

  async flush(): Promise<void> {
    if (this.#faults.away) throw new EngineUnavailable('the log is away');
  }

  close(): void {
    // The data belongs to the caller.
    this.#closed();
  }
}
