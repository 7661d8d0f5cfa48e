import { LocalLog } from '../embedded/local-log.ts';
import { keptRecords } from '../embedded/recent-records.ts';
import { type LocalStore, SqliteStore } from '../embedded/sqlite-store.ts';
import { type Appended, EngineUnavailable, type EventLog, type LogRecord } from '../port.ts';
import type { Backoff } from '../backoff.ts';
import type { PlacedRecord } from '../placing.ts';

/** Faults that a test switches on. Numbers count down. */
interface MemoryFaults {
  /** Every call throws EngineUnavailable. */
  away: boolean;
  /** The next appends write their records and then fail, as if the answer were lost. */
  loseAnswers: number;
  /** The next commits fail after the handler, so the same batch is delivered again. */
  loseCommits: number;
}

export interface MemoryDataOptions {
  /** Partitions of a new topic. Default 4. */
  readonly partitions?: number;
  readonly now?: () => number;
  /** Initial content, from `copy`. */
  readonly copy?: Uint8Array;
}

/**
 * The data of a log, which survive a close for the next `openMemoryLog`. Logs that are open on the same data act as
 * clients of one broker, and each sees the appends of the others at once.
 */
export class MemoryData {
  readonly store: SqliteStore;
  readonly logs = new Set<Pick<LocalLog, 'wake'>>();
  readonly #read = new Map<string, readonly LogRecord[][]>();

  constructor({ partitions = 4, now = Date.now, copy }: MemoryDataOptions = {}) {
    this.store = new SqliteStore({
      file: ':memory:',
      partitions,
      busyMs: 0,
      now,
      changed: (topic) => {
        for (const log of this.logs) log.wake(topic);
      },
      content: copy,
    });
  }

  /** All records of a topic, by partition. Later calls still return records that retention has removed meanwhile. */
  records(topic: string): readonly (readonly LogRecord[])[] {
    const heads = this.store.head(topic);
    const known = this.#read.get(topic) ?? heads.map((): LogRecord[] => []);
    this.#read.set(topic, known);
    known.forEach((records, p) => {
      const from = (records.at(-1)?.offset ?? -1) + 1;
      for (const record of keptRecords(this.store.borrow(topic, p, from, heads[p]!, Infinity))) records.push(record);
    });
    return known;
  }
}

export interface MemoryLogOptions extends MemoryDataOptions {
  readonly faults?: Partial<MemoryFaults>;
  /** If present, `partitions` and `now` are those of the data. */
  readonly data?: MemoryData;
  readonly maxRecordBytes?: number;
  /** Default 1 ms to 20 ms, so that tests are fast. */
  readonly backoff?: Backoff;
}

export type MemoryLog = EventLog & { readonly faults: MemoryFaults; readonly data: MemoryData };

/** The embedded engine without a file and with faults, for unit tests. */
export function openMemoryLog(options: MemoryLogOptions = {}): MemoryLog {
  const faults: MemoryFaults = { away: false, loseAnswers: 0, loseCommits: 0, ...options.faults };
  const data = options.data ?? new MemoryData(options);
  const store = new FaultyStore(data.store, faults, () => data.logs.delete(log));
  const log = new LocalLog(store, {
    maxRecordBytes: options.maxRecordBytes,
    backoff: options.backoff ?? { firstMs: 1, maxMs: 20 },
  });
  data.logs.add(log);
  return Object.assign(log, { faults, data });
}

class FaultyStore implements LocalStore {
  readonly #store: SqliteStore;
  readonly #faults: MemoryFaults;
  /** Closes the log. The data belongs to the caller. */
  readonly close: () => Promise<void>;

  constructor(store: SqliteStore, faults: MemoryFaults, close: () => void) {
    this.#store = store;
    this.#faults = faults;
    this.close = async () => close();
  }

  get #there(): SqliteStore {
    if (this.#faults.away) throw new EngineUnavailable('the log is away');
    return this.#store;
  }

  readonly readonly = false;
  readonly partitions: LocalStore['partitions'] = (topic) => this.#there.partitions(topic);
  readonly head: LocalStore['head'] = (topic) => this.#there.head(topic);
  readonly borrow: LocalStore['borrow'] = (...range) => this.#there.borrow(...range);
  readonly start: LocalStore['start'] = (topic) => this.#there.start(topic);
  readonly trim: LocalStore['trim'] = (...range) => this.#there.trim(...range);
  readonly compact = (topic: string, upTo: readonly number[]): Promise<number> => this.#there.compact(topic, upTo);
  readonly committed: LocalStore['committed'] = (...place) => this.#there.committed(...place);
  readonly flush: LocalStore['flush'] = async () => this.#there.flush();
  readonly settled: LocalStore['settled'] = async () => this.#there.settled();

  async append(topic: string, records: readonly PlacedRecord[]): Promise<readonly Appended[]> {
    const appended = await this.#there.append(topic, records);
    this.#lose('loseAnswers', 'the answer of an append was lost');
    return appended;
  }

  commit(group: string, topic: string, partition: number, next: number): void {
    this.#lose('loseCommits', 'a commit was lost');
    this.#there.commit(group, topic, partition, next);
  }

  #lose(what: 'loseAnswers' | 'loseCommits', fault: string): void {
    if (this.#faults[what] === 0) return;
    this.#faults[what]--;
    throw new EngineUnavailable(fault);
  }
}
