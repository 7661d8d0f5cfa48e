import type {
  Change,
  Kind,
  Kinds,
  ScanOptions,
  StateEngine,
  Stored,
  Stream,
  UpdateOptions,
  Waiting,
  Where,
} from '../../src/state/engine.ts';
import { overEngine } from '../../src/state/over-engine.ts';
import type { State } from '../../src/state/port.ts';
import type { RelayOptions } from '../../src/state/relay.ts';

type Fields = Record<string, unknown>;
interface Options {
  readonly order?: string;
  readonly limit?: number;
  readonly distinct?: string;
}
type Comparison = (value: number, limit: number) => boolean;

const COMPARISONS: Readonly<Record<string, Comparison>> = {
  lt: (value, limit) => value < limit,
  lte: (value, limit) => value <= limit,
  gt: (value, limit) => value > limit,
  gte: (value, limit) => value >= limit,
};

function matches(row: Fields, where: object): boolean {
  return Object.entries(where).every(([field, condition]: [string, unknown]) => {
    if (field === 'anyOf') return (condition as readonly object[]).some((one) => matches(row, one));
    const value = row[field];
    if (condition === null || typeof condition !== 'object') return value === condition;
    return Object.entries(condition).every(([name, limit]: [string, unknown]) => {
      if (name === 'ne') return value !== limit;
      if (name === 'in') return (limit as readonly unknown[]).includes(value);
      return value !== null && COMPARISONS[name]!(value as number, limit as number);
    });
  });
}

/** Rows in maps: the smallest engine that keeps the contract. A trial adds it as a newcomer would add an engine. */
class MapRows implements StateEngine {
  readonly isShared = false;
  readonly clock: StateEngine['clock'];
  readonly #kinds = new Map<Kind, Map<string, Fields>>();
  #numbers = 0;

  constructor(now: () => number) {
    this.clock = { now, toServer: (time) => time, toCaller: (time) => time };
  }

  async scan<K extends Kind>(
    kind: K,
    where: Where<Kinds[K]>,
    options: ScanOptions<Kinds[K]> = {},
  ): Promise<readonly Kinds[K][]> {
    return structuredClone(this.#find(kind, where, options as Options)) as unknown as Kinds[K][];
  }

  #find(kind: Kind, where: object, { order, limit, distinct }: Options = {}): readonly Fields[] {
    const all = kind === 'outbox' ? this.#outbox() : [...this.#of(kind).values()].map(withOldest);
    const found = all.filter((row) => matches(row, where));
    if (order !== undefined) found.sort((a, b) => ((a[order] as number) < (b[order] as number) ? -1 : 1));
    const first = new Map(found.map((row) => [distinct === undefined ? row : row[distinct], row]));
    return [...first.values()].slice(0, limit);
  }

  async count<K extends Stored>(kind: K, where: Where<Kinds[K]>): Promise<number> {
    return this.#find(kind, where).length;
  }

  async insert<K extends Stored>(kind: K, rows: readonly Kinds[K][]): Promise<ReadonlySet<string>> {
    const existing = new Set<string>();
    for (const row of rows)
      if (this.#of(kind).has(row._id)) existing.add(row._id);
      else this.#store(kind, row);
    return existing;
  }

  async put<K extends Stored>(kind: K, row: Kinds[K], where: Where<Kinds[K]>): Promise<boolean> {
    const found = this.#of(kind).get(row._id);
    if (found !== undefined && !matches(found, where)) return false;
    this.#store(kind, row);
    return true;
  }

  async update<K extends Stored>(
    kind: K,
    changes: readonly Change<Kinds[K]>[],
    { order }: UpdateOptions<Kinds[K]> = {},
  ): Promise<{ readonly changed: number; readonly row?: Kinds[K] }> {
    let last: Fields | undefined;
    let changed = 0;
    for (const { where, set = {}, add = {}, published } of changes) {
      const [found] = this.#find(kind, where, order === undefined ? {} : { order: order as string });
      if (found === undefined) continue;
      changed += 1;
      last = this.#of(kind).get(String(found['_id']))!;
      const { outbox = [], ...own } = set as Partial<Stream>;
      Object.assign(last, own);
      for (const [field, by] of Object.entries(add as Record<string, number>)) last[field] = Number(last[field]) + by;
      if (kind === 'streams') (last['outbox'] as object[]).push(...this.#numbered(outbox));
      if (published !== undefined) publish(last, published);
    }
    return { changed, ...(last !== undefined && { row: structuredClone(last) as unknown as Kinds[K] }) };
  }

  async delete<K extends Stored>(kind: K, where: Where<Kinds[K]>): Promise<number> {
    const found = this.#find(kind, where);
    for (const { _id } of found) this.#of(kind).delete(String(_id));
    return found.length;
  }

  async close(): Promise<void> {
    this.#kinds.clear();
  }

  #of(kind: Kind): Map<string, Fields> {
    const rows = this.#kinds.get(kind) ?? new Map<string, Fields>();
    this.#kinds.set(kind, rows);
    return rows;
  }

  #store(kind: Stored, row: Kinds[Stored]): void {
    const seq = ++this.#numbers;
    const outbox = this.#numbered((row as Stream).outbox ?? []);
    const extra = kind === 'work' ? { seq, fence: seq * 2 ** 20 } : { outbox, positions: {} };
    this.#of(kind).set(row._id, { ...structuredClone(row), ...extra });
  }

  #numbered(outbox: NonNullable<Stream['outbox']>): Omit<Waiting, 'stream'>[] {
    const seq = ++this.#numbers;
    return outbox.map((event) => ({ ...event, seq }));
  }

  #outbox(): Fields[] {
    return [...this.#of('streams').values()].flatMap(({ _id, outbox }) =>
      (outbox as readonly object[]).map((event): Fields => ({ ...event, stream: _id })),
    );
  }
}

/** The oldest version of an outbox. */
function withOldest(row: Fields): Fields {
  const [first] = (row['outbox'] ?? []) as readonly { readonly version: number }[];
  return { ...row, unpublished: first?.version };
}

function publish(row: Fields, { versions, positions }: NonNullable<Change<Stream>['published']>): void {
  const outbox = row['outbox'] as { readonly version: number }[];
  outbox.splice(0, outbox.length, ...outbox.filter(({ version }) => !versions.includes(version)));
  const all = row['positions'] as Record<string, number[]>;
  for (const [topic, next] of Object.entries(positions))
    for (const [partition, offset] of Object.entries(next))
      all[topic] = Array.from(
        {
          ...(all[topic] ?? []),
          length: Math.max(all[topic]?.length ?? 0, Number(partition) + 1),
          [partition]: offset,
        },
        (each) => each ?? 0,
      );
}

/** @param around wraps the engine, for example to count its calls */
export function openMapState(
  options: RelayOptions & { readonly now?: () => number } = {},
  around: (engine: StateEngine) => StateEngine = (engine) => engine,
): State {
  return overEngine(around(new MapRows(options.now ?? Date.now)), options);
}
