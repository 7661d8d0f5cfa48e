import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { EngineUnavailable } from '../../log/index.ts';
import { sqliteFault, transaction, WritesOfTurn } from '../../log/embedded/index.ts';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS streams (stream TEXT PRIMARY KEY, version INTEGER NOT NULL, snapshot TEXT NOT NULL,
    positions TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS outbox (seq INTEGER PRIMARY KEY AUTOINCREMENT, stream TEXT NOT NULL,
    version INTEGER NOT NULL, topic TEXT NOT NULL, record TEXT NOT NULL, value BLOB NOT NULL);
  CREATE INDEX IF NOT EXISTS outbox_stream ON outbox (stream, version);
  CREATE TABLE IF NOT EXISTS claims (namespace TEXT NOT NULL, key TEXT NOT NULL, owner TEXT NOT NULL, expires INTEGER,
    PRIMARY KEY (namespace, key)) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS claims_expiry ON claims (expires) WHERE expires IS NOT NULL;
  CREATE TABLE IF NOT EXISTS leases (name TEXT PRIMARY KEY, holder TEXT, token INTEGER NOT NULL,
    expires INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, count INTEGER NOT NULL,
    resets INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS work (seq INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, id TEXT NOT NULL,
    payload TEXT NOT NULL, attempts INTEGER NOT NULL, fence INTEGER NOT NULL, holder TEXT,
    leased_until INTEGER NOT NULL, not_before INTEGER NOT NULL, done INTEGER NOT NULL, UNIQUE (queue, id));
  CREATE TABLE IF NOT EXISTS lanes (queue TEXT NOT NULL, app TEXT NOT NULL, turn INTEGER NOT NULL,
    look_at INTEGER NOT NULL, version INTEGER NOT NULL, PRIMARY KEY (queue, app)) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS lanes_ready ON lanes (queue, look_at);
  CREATE TABLE IF NOT EXISTS presence (grp TEXT NOT NULL, holder TEXT NOT NULL, data TEXT NOT NULL,
    expires INTEGER NOT NULL, PRIMARY KEY (grp, holder)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS fences (one INTEGER PRIMARY KEY CHECK (one = 1), value INTEGER NOT NULL);
  INSERT OR IGNORE INTO fences VALUES (1, 0);
  CREATE INDEX IF NOT EXISTS work_open ON work (queue, seq) WHERE done = 0;
  CREATE TRIGGER IF NOT EXISTS first_fence AFTER INSERT ON work
    BEGIN UPDATE work SET fence = NEW.seq << 20 WHERE seq = NEW.seq; END;`;

/**
 * @until 0.3.0 Builds before 0.2.0 took fencing tokens from one sequence, and delayed items by a column of their own.
 * The trigger keeps their sequence above our tokens, so that such a build may open the file again.
 */
const FROM_OLDER_BUILDS = `
  CREATE TRIGGER IF NOT EXISTS newest_fence AFTER UPDATE OF fence ON work
    BEGIN UPDATE fences SET value = max(value, NEW.fence); END;
  UPDATE work SET leased_until = max(leased_until, not_before), not_before = 0 WHERE done = 0 AND not_before > 0;
  UPDATE work SET fence = seq << 20 WHERE done = 0 AND holder IS NULL AND fence < seq << 20`;

/** In a file of 0.2.0 or earlier, items have no app. Such a build may open the file again, and ignores apps. */
const APPS = 'CREATE INDEX IF NOT EXISTS work_of_app ON work (queue, app, seq, leased_until) WHERE done = 0';

/** Whether the loss of power may take a committed change back (docs/adr/0114-forgettable-state.md). */
export type Keeping = 'durable' | 'forgettable';
/** With WAL, NORMAL commits without an fsync. The next FULL commit makes all commits before it durable. */
const SYNCHRONOUS = { durable: 'PRAGMA synchronous = FULL', forgettable: 'PRAGMA synchronous = NORMAL' } as const;

/**
 * One SQLite file with WAL and synchronous=FULL, so that an acknowledged change is durable, unless it is forgettable.
 * Changes of one turn of the event loop share a transaction and its flush, but each change is atomic by itself.
 */
export class Database {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  readonly #writes = {
    durable: new WritesOfTurn((work) => this.#transaction('durable', work)),
    forgettable: new WritesOfTurn((work) => this.#transaction('forgettable', work)),
  };
  #keeping: Keeping = 'durable';
  #refusal: string | undefined;

  constructor(file: string) {
    this.#db = new DatabaseSync(file, { timeout: 5000 });
    this.#db.exec(
      'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 16777216; ' +
        'PRAGMA temp_store = MEMORY',
    );
    this.#db.exec(SCHEMA + FROM_OLDER_BUILDS);
    if (this.get("SELECT 1 FROM pragma_table_info('work') WHERE name = 'app'") === undefined)
      this.#db.exec('ALTER TABLE work ADD COLUMN app TEXT');
    this.#db.exec(APPS);
  }

  /** Releases every lease and work item. Fencing tokens stay, so that those of an old holder are refused. */
  releaseAll(): void {
    transaction(this.#db, () =>
      this.#db.exec(
        'UPDATE work SET holder = NULL, leased_until = 0 WHERE holder IS NOT NULL AND done = 0; ' +
          'UPDATE leases SET holder = NULL, expires = 0 WHERE holder IS NOT NULL; ' +
          'UPDATE lanes SET look_at = 0, version = version + 1',
      ),
    );
  }

  /**
   * Runs the synchronous `work` in a transaction; resolves with its result when the change is durable. A forgettable
   * one resolves when it is committed: every process sees it, also after a crash of this one.
   */
  change<T>(work: () => T, keeping: Keeping = 'durable'): Promise<T> {
    return this.#writes[keeping].add(1, work);
  }

  /**
   * The reason why the file accepts no changes, such as a full disk. After a failed change it tries another one, which
   * skips a fencing token, because SQLite writes nothing for an unchanged value.
   */
  async refusal(): Promise<string | undefined> {
    if (this.#refusal !== undefined)
      await this.change(() => this.run('UPDATE fences SET value = value + 1')).catch(() => undefined);
    return this.#refusal;
  }

  get<Row>(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#prepared(sql).get(...values) as Row | undefined;
  }

  all<Row>(sql: string, ...values: SQLInputValue[]): readonly Row[] {
    return this.#prepared(sql).all(...values) as Row[];
  }

  /** Returns the number of changed rows. */
  run(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.#prepared(sql).run(...values).changes);
  }

  close(): void {
    for (const writes of Object.values(this.#writes)) writes.flush();
    if (this.#db.isOpen) this.#db.close();
  }

  #transaction<T>(keeping: Keeping, work: () => T): T {
    try {
      if (keeping !== this.#keeping) this.#db.exec(SYNCHRONOUS[keeping]);
      this.#keeping = keeping;
      const result = transaction(this.#db, work);
      this.#refusal = undefined;
      return result;
    } catch (error) {
      const fault = sqliteFault(error, 'state store');
      if (fault instanceof EngineUnavailable) this.#refusal = fault.message;
      throw fault;
    }
  }

  #prepared(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) this.#statements.set(sql, (statement = this.#db.prepare(sql)));
    return statement;
  }
}
