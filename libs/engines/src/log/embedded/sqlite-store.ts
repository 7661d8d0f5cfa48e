import { bufferOf } from '@provider-access/events';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { type Appended, EngineUnavailable, type LogRecord } from '../port.ts';
import { EXTENT, fitting, type Row, rowsWith, Unpacked } from './blocks.ts';
import { engine, logFault } from './faults.ts';
import { allowBlocks, createTopic, mostPartitions, topicOf, type TopicRow, unpackBlocks } from './file-form.ts';
import { LIMIT, VALUE } from './limit.ts';
import { type Borrowed, inMemory, type NewestRecord, RecentRecords } from './recent-records.ts';
import { type RetainedPlace, Retention } from './retention.ts';
import { cut, DEFAULT_MAX_RECORDS, MAX_BYTES } from '../batches.ts';
import { type Commit, RowWriter } from './row-writer.ts';
import { transaction } from './transactions.ts';
import { WriteAheadLog } from './write-ahead-log.ts';
import type { PlacedRecord } from '../placing.ts';

export interface SqliteStoreOptions {
  /** Path of the SQLite file in an existing folder. Only one process writes it. */
  readonly file: string;
  /**
   * Partitions of a new topic; an existing topic keeps its count. Default: as many as the other topics of the file
   * have, and one in a new file (ADR 0133).
   */
  readonly partitions?: number;
  /** Another process or thread writes the file. `append` and `subscribe` are refused. */
  readonly readonly?: boolean;
  /** How long a write blocks for a lock of another process before it throws EngineUnavailable, ms. */
  readonly busyMs?: number;
  readonly now?: () => number;
  /**
   * Writes records of one append together, compressed. Without it, blocks in the file are unpacked when it is opened,
   * so that a build that does not know them can open it. Default true.
   */
  readonly blocks?: boolean;
}

interface Hooks {
  /** Called after a durable append, without a topic if any topic may have changed. */
  readonly changed: (topic?: string) => void;
  /** Initial content of a database in memory, from `copy`. */
  readonly content?: Uint8Array | undefined;
}

const DEFAULTS = { readonly: false, busyMs: 1000, now: () => Date.now(), blocks: true };

interface Slot extends RetainedPlace {
  /** Durable next offset. */
  head: number;
  readonly sizes: StatementSync;
  readonly read: StatementSync;
}

interface Waiting {
  readonly topic: string;
  readonly records: readonly PlacedRecord[];
  readonly resolve: (appended: readonly Appended[]) => void;
  readonly reject: (error: unknown) => void;
}

/** Most bytes of the cache of newest records. */
const RECENT_BYTES = 24 * 1024 * 1024;
/** A commit is written with the next append, before which no start can skip a record, or after this time (ADR 0142). */
const COMMIT_MS = 1000;
/** The same after a failed write. */
const RETRY_MS = 1000;
/** How often a read-only log checks the file for changes of the writer. */
const POLL_MS = 50;

/** What a log needs of its storage. All methods throw EngineUnavailable when the storage is unavailable. */
export type LocalStore = Omit<SqliteStore, 'copy'>;

/**
 * One table for each partition of a topic; `rowid` is the offset. The appends that wait share one transaction and one
 * fsync with the commits before, and other requests run during the fsync. No transaction spans an await. A record
 * counts in the heads, and is read, from the moment it is durable.
 */
export class SqliteStore {
  readonly #db: DatabaseSync;
  readonly #options: Required<Omit<SqliteStoreOptions, 'partitions'>> & Pick<SqliteStoreOptions, 'partitions'> & Hooks;
  readonly #topics = new Map<string, Slot[]>();
  readonly #commits = new Map<string, number>();
  readonly #dirty = new Map<string, Commit>();
  readonly #recent = new RecentRecords(RECENT_BYTES);
  readonly #unpacked = new Unpacked();
  #queue: Waiting[] = [];
  #flushing: NodeJS.Immediate | undefined;
  #commitTimer: NodeJS.Timeout | undefined;
  #poll: NodeJS.Timeout | undefined;
  /** The write that runs, and the one that begins after it. */
  #writing: Promise<EngineUnavailable | undefined> | undefined;
  #nextWrite: Promise<EngineUnavailable | undefined> | undefined;
  /** These two are absent if another process writes. */
  #writer: RowWriter | undefined;
  #retention: Retention | undefined;
  /** Absent if another process writes, and for a store in memory. */
  #wal: WriteAheadLog | undefined;

  constructor(given: SqliteStoreOptions & Hooks) {
    const options = { ...DEFAULTS, ...given };
    this.#options = options;
    this.#db = engine(() => new DatabaseSync(options.file, { readOnly: options.readonly, timeout: options.busyMs }));
    if (options.content !== undefined) this.#db.deserialize(options.content);
    engine(() => {
      if (options.readonly) return this.#watch();
      this.#db.exec(
        'PRAGMA page_size=4096; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint=8000; ' +
          'PRAGMA cache_size=-16384;',
      );
      if (options.file !== ':memory:') this.#wal = new WriteAheadLog(this.#db, options.file);
      this.#db.exec(`
        CREATE TABLE IF NOT EXISTS topics (topic TEXT PRIMARY KEY, id INTEGER NOT NULL UNIQUE,
          partitions INTEGER NOT NULL);
        CREATE TABLE IF NOT EXISTS commits (grp TEXT, topic TEXT, partition INTEGER, next INTEGER NOT NULL,
          PRIMARY KEY (grp, topic, partition)) WITHOUT ROWID;
      `);
      const write = <T>(work: () => T): T => this.#transaction(work);
      const rows = rowsWith(options.blocks);
      if (options.blocks) allowBlocks(this.#db);
      else unpackBlocks(this.#db, write);
      this.#retention = new Retention(this.#db, write, rows);
      this.#writer = new RowWriter(this.#db, rows);
    });
    engine(() => this.#loadCommits());
  }

  /** Another process writes, so methods that change the storage must not be called. */
  get readonly(): boolean {
    return this.#options.readonly;
  }

  /** Fixed when the topic is first used. */
  partitions(topic: string): number {
    return this.head(topic).length;
  }

  /** Offsets of the next records, by partition. Only durable records count. */
  head(topic: string): readonly number[] {
    const slots = this.#slots(topic);
    // A read-only log may open a topic before the writer has created it. Then the topic is empty.
    return slots.length > 0 ? slots.map((slot) => slot.head) : Array.from({ length: this.#partitionsOfNew() }, () => 0);
  }

  /** Resolves when durable. */
  append(topic: string, records: readonly PlacedRecord[]): Promise<readonly Appended[]> {
    this.#flushing ??= setImmediate(() => void this.#flush());
    return new Promise((resolve, reject) => this.#queue.push({ topic, records, resolve, reject }));
  }

  /** At least one record if there is one at or after `from`. Call `done` when nobody needs the values any more. */
  borrow(topic: string, partition: number, from: number, most = DEFAULT_MAX_RECORDS, mostBytes = MAX_BYTES): Borrowed {
    const slot = this.#slots(topic)[partition];
    if (slot === undefined || slot.head <= from) return inMemory([]);
    const limits = [from, most, mostBytes] as const;
    return this.#recent.borrow(slot.table, ...limits) ?? inMemory(this.#fromFile(slot, ...limits));
  }

  #fromFile(slot: Slot, from: number, maxRecords: number, maxBytes: number): readonly LogRecord[] {
    return engine(() => {
      // Rows at or after the head are committed and not durable yet.
      const rows = slot.read.all(from, slot.head, fitting(slot.sizes, [from, slot.head], maxRecords, maxBytes));
      const found = (rows as unknown as Row[]).flatMap((row) => this.#unpacked.of(row, slot));
      // The first block may begin before `from`, and the last one may have more records than fit.
      const first = found.findIndex(({ offset }) => offset >= from);
      return first < 0 ? [] : cut(found, first, maxRecords, maxBytes);
    });
  }

  committed(group: string, topic: string, partition: number): number | undefined {
    return this.#commits.get(`${group}\n${topic}\n${partition}`);
  }

  /** Commits an offset. It is durable with the next append, after a second, or after `flush`. */
  commit(group: string, topic: string, partition: number, next: number): void {
    const id = `${group}\n${topic}\n${partition}`;
    this.#commits.set(id, next);
    this.#dirty.set(id, [group, topic, partition, next]);
    this.#commitTimer ??= setTimeout(() => void this.#flush(), COMMIT_MS);
  }

  /** Resolves when everything that waits at the call is durable. */
  async flush(): Promise<void> {
    const failed = await (this.#waits ? this.#flush() : this.#writing);
    if (failed !== undefined) throw failed;
  }

  /** Whether something is left for the next write. */
  get #waits(): boolean {
    return this.#queue.length > 0 || this.#dirty.size > 0 || this.#wal?.hasWritten || this.#wal?.isUncertain || false;
  }

  /** Resolves when the records that a running write has stamped count in `head`, or are refused. */
  async settled(): Promise<void> {
    if (this.#writing !== undefined) await this.#writing;
  }

  /** Offsets before which retention has removed all records, by partition. */
  start(topic: string): readonly number[] {
    return engine(() => this.#slots(topic).map((slot) => this.#retention?.start(slot) ?? 0));
  }

  /** As `EventLog.trim`, for records below `upTo` only. Appends and reads run between its steps. */
  trim(topic: string, before: number, upTo: readonly number[]): Promise<number> {
    return this.#retain(topic, (retention, slot) => retention.trim(slot, before, upTo[slot.partition] ?? 0));
  }

  /** As `EventLog.compact`, for records below `upTo` only. */
  compact(topic: string, upTo: readonly number[]): Promise<number> {
    return this.#retain(topic, (retention, slot) => retention.compact(slot, upTo[slot.partition] ?? 0));
  }

  async #retain(topic: string, work: (retention: Retention, slot: Slot) => Promise<number>): Promise<number> {
    let removed = 0;
    try {
      for (const slot of this.#slots(topic)) removed += await work(this.#retention!, slot);
      await this.flush();
    } catch (error) {
      throw logFault(error);
    } finally {
      // Steps before a failed one have removed records too.
      this.#recent.clear();
      this.#unpacked.clear();
    }
    return removed;
  }

  /** The whole database, as the initial content of a store in memory. */
  copy(): Uint8Array {
    return this.#db.serialize();
  }

  /** Resolves when nothing uses the file any more. Appends that wait are rejected. */
  async close(): Promise<void> {
    clearTimeout(this.#commitTimer);
    clearInterval(this.#poll);
    if (this.#flushing) clearImmediate(this.#flushing);
    for (const { reject } of this.#queue.splice(0)) reject(new EngineUnavailable('the log was closed'));
    await this.settled();
    this.#wal?.close();
    this.#db.close();
  }

  /** Writes everything that waits, when the write that runs has ended. */
  #flush(): Promise<EngineUnavailable | undefined> {
    clearTimeout(this.#commitTimer);
    if (this.#flushing) clearImmediate(this.#flushing);
    this.#flushing = this.#commitTimer = undefined;
    if (this.#nextWrite !== undefined) return this.#nextWrite;
    if (this.#writing === undefined) return this.#begin();
    this.#nextWrite = this.#writing.then(() => {
      this.#nextWrite = undefined;
      return this.#begin();
    });
    return this.#nextWrite;
  }

  #begin(): Promise<EngineUnavailable | undefined> {
    const write = this.#write().finally(() => {
      if (this.#writing === write) this.#writing = undefined;
    });
    this.#writing = write;
    return write;
  }

  /** Writes all waiting appends and commits in one transaction, so nothing of a failed call is in the log. */
  async #write(): Promise<EngineUnavailable | undefined> {
    if (!this.#waits) return undefined;
    const queue = this.#queue.splice(0);
    const dirty = [...this.#dirty];
    const answers: Appended[][] = [];
    const written = new Map<Slot, NewestRecord[]>();
    try {
      if (this.#wal?.isUncertain) this.#settle(this.#wal);
      const timestamp = this.#options.now();
      for (const { topic, records } of queue) {
        const slots = this.#slots(topic);
        const appended: Appended[] = [];
        for (const { partition, record } of records) {
          const { key, headers, value } = record;
          const slot = slots[partition]!;
          let together = written.get(slot);
          if (together === undefined) written.set(slot, (together = []));
          const offset = slot.head + together.length;
          together.push({ topic, partition, offset, key, headers, value: bufferOf(value), timestamp });
          appended.push({ partition, offset });
        }
        answers.push(appended);
      }
      const tables = [...written].map(([{ table }, records]) => ({ table, records }));
      const commits = dirty.map(([, commit]) => commit);
      engine(() => this.#writer!.write({ tables, commits }));
      await this.#wal?.sync();
    } catch (error) {
      for (const { reject } of queue) reject(error);
      this.#recent.clear();
      // It is unknown whether a failed COMMIT has written the records.
      if (!this.#wal?.isUncertain) this.#refreshHeads();
      if (this.#waits) this.#commitTimer ??= setTimeout(() => void this.#flush(), RETRY_MS);
      return error as EngineUnavailable;
    }
    // First of all, so that a fault behind it keeps no durable append from its answer.
    queue.forEach(({ resolve }, i) => resolve(answers[i]!));
    for (const [slot, together] of written) {
      slot.head += together.length;
      for (const record of together) this.#recent.add(slot.table, record);
    }
    for (const [id, commit] of dirty) if (this.#dirty.get(id) === commit) this.#dirty.delete(id);
    for (const topic of new Set(queue.map((waiting) => waiting.topic))) this.#options.changed(topic);
    return undefined;
  }

  /** After a failed fsync: what was committed becomes durable and counts, although its appends were refused. */
  #settle(wal: WriteAheadLog): void {
    engine(() => wal.settle());
    this.#refreshHeads();
  }

  /** Durable after the next write. */
  #transaction<T>(work: () => T): T {
    const result = engine(() => transaction(this.#db, work));
    if (this.#wal !== undefined) this.#wal.hasWritten = true;
    return result;
  }

  #slots(topic: string): Slot[] {
    return this.#topics.get(topic) ?? engine(() => this.#load(topic));
  }

  #load(topic: string): Slot[] {
    let row = topicOf(this.#db, topic);
    if (row === undefined) {
      if (this.#options.readonly) return [];
      row = this.#create(topic);
    }
    const slots = Array.from({ length: row.partitions }, (_, partition): Slot => {
      const table = `log_${row.id}_${partition}`;
      return {
        topic,
        partition,
        table,
        head: this.#headOf(table),
        sizes: this.#db.prepare(`SELECT ${EXTENT} FROM ${table} WHERE o >= ? AND o < ? ORDER BY o ${LIMIT}`),
        read: this.#db.prepare(`SELECT o, k, h, v, t FROM ${table} WHERE o >= ? AND o < ? ORDER BY o ${LIMIT}`),
      };
    });
    this.#topics.set(topic, slots);
    return slots;
  }

  #partitionsOfNew(): number {
    return this.#options.partitions ?? mostPartitions(this.#db) ?? 1;
  }
  #create(topic: string): TopicRow {
    const work = (): TopicRow => createTopic(this.#db, topic, this.#partitionsOfNew());
    return this.#db.isTransaction ? work() : this.#transaction(work);
  }

  /** `sqlite_sequence` has the highest offset, even after retention has removed every record. */
  #headOf(table: string): number {
    const seq = this.#db.prepare(`SELECT seq FROM sqlite_sequence WHERE name = ${VALUE}`).get(table)?.['seq'];
    return seq === undefined ? 0 : Number(seq) + 1;
  }

  #loadCommits(): void {
    for (const { grp, topic, partition, next } of this.#db
      .prepare('SELECT grp, topic, partition, next FROM commits')
      .all())
      this.#commits.set(`${grp}\n${topic}\n${partition}`, Number(next));
  }

  /** Reads the heads from the file, and starts the readers, whose heads may have moved. */
  #refreshHeads(): void {
    try {
      for (const slots of this.#topics.values()) for (const slot of slots) slot.head = this.#headOf(slot.table);
    } catch {
      // The file is unavailable. An append with a stale head violates the primary key and calls this method again.
    }
    this.#options.changed();
  }

  /** Polls `data_version` of the file, which changes when the writing process commits. */
  #watch(): void {
    let seen: unknown;
    this.#poll = setInterval(() => {
      try {
        const version = this.#db.prepare('PRAGMA data_version').get()?.['data_version'];
        if (version === seen) return;
        seen = version;
        this.#unpacked.clear();
        this.#loadCommits();
        this.#refreshHeads();
      } catch {
        seen = undefined;
        // The next poll may succeed, and reads report the fault.
      }
    }, POLL_MS);
    this.#poll.unref();
  }
}
