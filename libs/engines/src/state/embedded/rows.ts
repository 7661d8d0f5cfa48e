import type { SQLInputValue } from 'node:sqlite';
import type { Change, Kind, Kinds, ScanOptions, StateEngine, Stored, Stream, UpdateOptions, Where } from '../engine.ts';
import { groupsOf, placesOf, VALUE } from '../../log/embedded/index.ts';
import type { Database, Keeping } from './database.ts';

/** A table of the file, whose columns have names of their own. */
interface Table {
  /** The columns of an id: of a name, or of a group and a name. */
  readonly id: readonly [string] | readonly [string, string];
  /** The column of each other field. A boolean is stored as its opposite: `done` for `open`. */
  readonly columns: Readonly<Record<string, string>>;
  /** The column with the end of a row that may be deleted then. */
  readonly expires?: string;
  /** The columns of a new row that have no field, or that the engine sets. */
  readonly initial?: Readonly<Record<string, string>>;
}
const same = (...names: string[]): Record<string, string> => Object.fromEntries(names.map((name) => [name, name]));
const TABLES: Readonly<Record<Kind, Table>> = {
  claims: { id: ['namespace', 'key'], columns: same('owner', 'expires'), expires: 'expires' },
  leases: { id: ['name'], columns: same('holder', 'token', 'expires') },
  counters: { id: ['name'], columns: same('count', 'resets'), expires: 'resets' },
  work: {
    id: ['queue', 'id'],
    columns: {
      ...same('queue', 'id', 'app', 'seq', 'payload', 'attempts', 'fence', 'holder'),
      freeAt: 'leased_until',
      open: 'done',
    },
    initial: { not_before: '0', fence: '0' },
  },
  lanes: { id: ['queue', 'app'], columns: { ...same('queue', 'app', 'turn', 'version'), lookAt: 'look_at' } },
  presence: {
    id: ['grp', 'holder'],
    columns: { group: 'grp', ...same('holder', 'data', 'expires') },
    expires: 'expires',
  },
  streams: {
    id: ['stream'],
    columns: {
      ...same('version', 'snapshot', 'positions'),
      unpublished: '(SELECT min(o.version) FROM outbox o WHERE o.stream = streams.stream)',
    },
    initial: { positions: "'{}'" },
  },
  outbox: { id: ['seq'], columns: same('stream', 'version', 'seq', 'topic', 'record', 'value') },
};
/** Expired rows are deleted once in so many writes, because their ids may have addresses of callers. */
const PURGE_EVERY = 1000;
const COMPARISONS: Readonly<Record<string, string>> = {
  eq: 'IS',
  ne: 'IS NOT',
  lt: '<',
  lte: '<=',
  gt: '>',
  gte: '>=',
};

type Values = SQLInputValue[];
type Fields = Readonly<Record<string, unknown>>;

/** Rows in tables of SQLite. */
export class EmbeddedRows implements StateEngine {
  readonly isShared = false;
  readonly clock: StateEngine['clock'];
  readonly #db: Database;
  readonly #writes = new Map<Kind, number>();

  constructor(db: Database, now: () => number) {
    this.#db = db;
    this.clock = { now, toServer: (time) => time, toCaller: (time) => time };
  }

  async scan<K extends Kind>(
    kind: K,
    where: Where<Kinds[K]>,
    { order, limit, distinct, fields }: ScanOptions<Kinds[K]> = {},
  ): Promise<readonly Kinds[K][]> {
    const by = (distinct ?? '_id') as string;
    const { [by]: which, ...rest } = where as Fields;
    const values = (which as { readonly in?: readonly string[] } | undefined)?.in;
    const bound: Values = [];
    const others = conditions(kind, values === undefined ? where : rest, bound);
    const sorted = order === undefined ? '' : `ORDER BY ${TABLES[kind].columns[order as string]}`;
    const end = `${others} ${sorted} LIMIT ${distinct === undefined ? (limit ?? -1) : 1}`;
    const start = `SELECT ${namesOf(kind, fields as readonly string[] | undefined)} FROM ${kind} WHERE `;
    if (values === undefined) return this.#db.all<Kinds[K]>(start + end, ...bound).map(parsed);
    if (by === '_id' && order === undefined && limit === undefined) {
      const { id } = TABLES[kind];
      return groupsOf(values, MOST_TOGETHER).flatMap((group) => {
        const list = `VALUES ${placesOf(id.length, group.length)}`;
        const sql = `${start}(${id.join(', ')}) IN (${list}) AND ${others}`;
        return this.#db.all<Kinds[K]>(sql, ...group.flatMap((value) => idValues(kind, value)), ...bound).map(parsed);
      });
    }
    // One statement for each value finds it by an index.
    const columns = by === '_id' ? TABLES[kind].id : [TABLES[kind].columns[by]];
    const sql = `${start}${columns.map((column) => `${column} = ${VALUE}`).join(' AND ')} AND ${end}`;
    return values.flatMap((value) =>
      this.#db.all<Kinds[K]>(sql, ...(by === '_id' ? idValues(kind, value) : [value]), ...bound),
    );
  }

  async count<K extends Stored>(kind: K, where: Where<Kinds[K]>): Promise<number> {
    const bound: Values = [];
    const sql = `SELECT count(*) AS rows FROM ${kind} WHERE ${conditions(kind, where, bound)}`;
    return this.#db.get<{ rows: number }>(sql, ...bound)!.rows;
  }

  insert<K extends Stored>(kind: K, rows: readonly Kinds[K][]): Promise<ReadonlySet<string>> {
    return this.#change(kind, () => {
      const existing = new Set<string>();
      if (rows.length === 0) return existing;
      if (kind !== 'streams') return this.#insertTogether(kind, rows);
      const store = this.#storing(kind, rows[0]!, 'NOTHING');
      for (const row of rows)
        if (store(row)) this.#decide(row);
        else existing.add(row._id);
      return existing;
    });
  }

  /** Several rows with one statement. Of rows with one id the first is stored, and the others exist. */
  #insertTogether<K extends Stored>(kind: K, rows: readonly Kinds[K][]): ReadonlySet<string> {
    const existing = new Set<string>();
    const { id } = TABLES[kind];
    const { names, own, initial } = columnsOf(kind, rows[0]!);
    for (let at = 0; at < rows.length; at += MOST_TOGETHER) {
      const some = rows.slice(at, at + MOST_TOGETHER);
      const sql =
        `INSERT INTO ${kind} (${names}) VALUES ${placesOf(id.length + own.length, some.length, initial)} ` +
        `ON CONFLICT (${id.join(', ')}) DO NOTHING RETURNING ${id.join(' || char(10) || ')} AS _id`;
      const values = some.flatMap((row) => [
        ...idValues(kind, row._id),
        ...own.map((field) => valueOf((row as object as Fields)[field])),
      ]);
      const stored = new Set(this.#db.all<{ readonly _id: string }>(sql, ...values).map(({ _id }) => _id));
      for (const { _id } of some) if (!stored.delete(_id.toWellFormed())) existing.add(_id);
    }
    return existing;
  }

  put<K extends Stored>(kind: K, row: Kinds[K], where: Where<Kinds[K]>): Promise<boolean> {
    return this.#change(kind, () => {
      const bound: Values = [];
      const set = assignments(kind, { set: row }, bound);
      const replace = `UPDATE SET ${set} WHERE ${conditions(kind, where, bound)}`;
      const isStored = this.#storing(kind, row, replace)(row, bound);
      if (isStored && kind === 'streams') this.#db.run('DELETE FROM outbox WHERE stream = ?', row._id);
      if (isStored) this.#decide(row);
      return isStored;
    });
  }

  update<K extends Stored>(
    kind: K,
    changes: readonly Change<Kinds[K]>[],
    { returns, order }: UpdateOptions<Kinds[K]> = {},
  ): Promise<{ readonly changed: number; readonly row?: Kinds[K] }> {
    const by = order as string | undefined;
    const work = () => {
      let changed = 0;
      for (const { where, published, ...change } of changes) {
        if (published !== undefined) this.#publish((where as Where<Stream>)._id as string, published);
        const bound: Values = [];
        const set = assignments(kind, change, bound);
        if (set === '') continue;
        const matching = conditions(kind, where, bound);
        const which =
          by === undefined ? matching : `${by} = (SELECT ${by} FROM ${kind} WHERE ${matching} ORDER BY ${by} LIMIT 1)`;
        const sql = `UPDATE ${kind} SET ${set} WHERE ${which}`;
        if (returns === true) {
          const row = this.#db.get<Kinds[K]>(`${sql} RETURNING ${namesOf(kind)}`, ...bound);
          return row === undefined ? { changed } : { changed: 1, row };
        }
        const own = this.#db.run(sql, ...bound);
        changed += own;
        if (own > 0) this.#decide({ ...change.set, _id: where._id as string });
      }
      return { changed };
    };
    return this.#change(kind, work, isForgettable(kind, changes) ? 'forgettable' : keepingOf(kind));
  }

  delete<K extends Stored>(kind: K, where: Where<Kinds[K]>): Promise<number> {
    const bound: Values = [];
    const sql = `DELETE FROM ${kind} WHERE ${conditions(kind, where, bound)}`;
    return this.#db.change(() => this.#db.run(sql, ...bound));
  }

  async close(): Promise<void> {
    this.#db.close();
  }

  /** A function that inserts rows with these fields. It returns false if the row was not stored. */
  #storing(kind: Stored, like: object, conflict: string): (row: Kinds[Stored], more?: Values) => boolean {
    const { id } = TABLES[kind];
    const { names, own, initial } = columnsOf(kind, like);
    const values = placesOf(id.length + own.length, 1, initial);
    const sql = `INSERT INTO ${kind} (${names}) VALUES ${values} ON CONFLICT (${id.join(', ')}) DO ${conflict}`;
    return (row, more = []) => {
      const bound = own.map((field) => valueOf((row as object as Fields)[field]));
      return this.#db.run(sql, ...idValues(kind, row._id), ...bound, ...more) > 0;
    };
  }

  /** The new events of a stream. */
  #decide({ _id, outbox = [] }: Partial<Stream>): void {
    for (const { version, topic, record, value } of outbox)
      this.#db.run(
        'INSERT INTO outbox (stream, version, topic, record, value) VALUES (?, ?, ?, ?, ?)',
        ...[_id!, version, topic, record, value],
      );
  }

  #publish(stream: string, { versions, positions }: NonNullable<Change<Stream>['published']>): void {
    const head = this.#db.get<{ positions: string }>(`SELECT positions FROM streams WHERE stream = ${VALUE}`, stream);
    const all = JSON.parse(head!.positions) as Record<string, number[]>;
    for (const [topic, offsets] of Object.entries(positions)) {
      const next = (all[topic] ??= []);
      for (const [p, offset] of Object.entries(offsets)) {
        while (next.length <= Number(p)) next.push(0);
        next[Number(p)] = Math.max(next[Number(p)]!, offset);
      }
    }
    this.#db.run('UPDATE streams SET positions = ? WHERE stream = ?', JSON.stringify(all), stream);
    for (const version of versions)
      this.#db.run('DELETE FROM outbox WHERE stream = ? AND version = ?', stream, version);
  }

  #change<T>(kind: Kind, work: () => T, keeping = keepingOf(kind)): Promise<T> {
    return this.#db.change(() => {
      const writes = this.#writes.get(kind) ?? 0;
      this.#writes.set(kind, writes + 1);
      const { expires } = TABLES[kind];
      if (expires !== undefined && writes % PURGE_EVERY === 0)
        this.#db.run(`DELETE FROM ${kind} WHERE ${expires} <= ?`, this.clock.now());
      return work();
    }, keeping);
  }
}

/**
 * A process that starts releases all leases, and counters only limit requests for some time. So nothing is lost with
 * either if the machine loses power. Many requests write one.
 */
const keepingOf = (kind: Kind): Keeping => (kind === 'leases' || kind === 'counters' ? 'forgettable' : 'durable');

/**
 * Changes that a process which starts makes again by itself. It looks into every lane (`releaseAll`), and only the
 * order of the apps may differ then. It publishes what is left in an outbox, as after a crash between the append and
 * this change. It takes again a work item whose holder died, or whose end is lost, because a step that is done changes
 * nothing. A lane or item that is new must stay: nobody would look for it.
 */
function isForgettable<K extends Stored>(kind: K, changes: readonly Change<Kinds[K]>[]): boolean {
  if (kind === 'lanes' || kind === 'work') return true;
  if (kind !== 'streams') return false;
  return changes.every(({ published, set, add }) => published !== undefined && set === undefined && add === undefined);
}

/** Each number of rows up to this is a statement that stays prepared. */
const MOST_TOGETHER = 32;

/** The columns of rows with these fields: their names, the fields beside the id, and the constants behind them. */
function columnsOf(
  kind: Kind,
  like: object,
): { readonly names: string; readonly own: readonly string[]; readonly initial: readonly string[] } {
  const { id, columns, initial = {} } = TABLES[kind];
  const own = ownFields(kind, like);
  const names = [...id, ...own.map((field) => columns[field]), ...Object.keys(initial)].join(', ');
  return { names, own, initial: Object.values(initial) };
}

/** The values of the columns of an id. */
function idValues(kind: Kind, id: string): string[] {
  if (TABLES[kind].id.length === 1) return [id];
  const at = id.indexOf('\n');
  return [id.slice(0, at), id.slice(at + 1)];
}

const parsed = <R extends object>(row: R): R =>
  'positions' in row ? { ...row, positions: JSON.parse(String(row.positions)) as Stream['positions'] } : row;

/** The columns of a result, under the names of their fields. */
function namesOf(kind: Kind, fields?: readonly string[]): string {
  const { id, columns } = TABLES[kind];
  const own = (fields ?? Object.keys(columns)).filter((field) => field !== '_id');
  return [`${id.join(' || char(10) || ')} AS _id`, ...own.map((field) => `${columns[field]} AS "${field}"`)].join(', ');
}

/** The fields of a row that have a column, beside those of its id. */
function ownFields(kind: Kind, row: object): readonly string[] {
  const { id, columns } = TABLES[kind];
  return Object.keys(row).filter((field) => field in columns && !(id as readonly string[]).includes(columns[field]!));
}

const valueOf = (value: unknown): SQLInputValue =>
  typeof value === 'boolean' ? Number(!value) : (value as SQLInputValue);

function assignments(
  kind: Kind,
  { set = {}, add = {} }: { readonly set?: object; readonly add?: object },
  bound: Values,
): string {
  const { columns } = TABLES[kind];
  const [own, added] = [ownFields(kind, set), ownFields(kind, add)];
  bound.push(...own.map((field) => valueOf((set as Fields)[field])));
  bound.push(...added.map((field) => valueOf((add as Fields)[field])));
  return [
    ...own.map((field) => `${columns[field]} = ${VALUE}`),
    ...added.map((field) => `${columns[field]} = ${columns[field]} + ?`),
  ].join(', ');
}

/** Conditions as SQL. In an upsert they concern the row that is there. */
function conditions(kind: Kind, where: object, bound: Values): string {
  const { id, columns } = TABLES[kind];
  const all = Object.entries(where).flatMap(([field, condition]: [string, unknown]): readonly string[] => {
    if (field === 'anyOf')
      return [`(${(condition as readonly object[]).map((one) => conditions(kind, one, bound)).join(' OR ')})`];
    if (field !== '_id') return compared(columns[field]!, condition, bound);
    if (typeof condition === 'string') {
      bound.push(...idValues(kind, condition));
      return id.map((column) => `${column} = ${VALUE}`);
    }
    // All ids of a range have the same group.
    return Object.entries(condition as object).flatMap(([comparison, limit]: [string, string]) => {
      bound.push(...idValues(kind, limit));
      return id.map((column) => `${column} ${column === id.at(-1) ? COMPARISONS[comparison] : '='} ${VALUE}`);
    });
  });
  return all.length === 0 ? 'TRUE' : all.join(' AND ');
}

function compared(column: string, condition: unknown, bound: Values): readonly string[] {
  // As text, so that a partial index applies.
  if (typeof condition === 'boolean') return [`${column} = ${Number(!condition)}`];
  const limits = condition === null || typeof condition !== 'object' ? { eq: condition } : condition;
  return Object.entries(limits).map(([comparison, value]: [string, unknown]) => {
    bound.push(comparison === 'in' ? JSON.stringify(value) : (value as SQLInputValue));
    return comparison === 'in'
      ? `${column} IN (SELECT value FROM json_each(?))`
      : `${column} ${COMPARISONS[comparison]} ${VALUE}`;
  });
}
