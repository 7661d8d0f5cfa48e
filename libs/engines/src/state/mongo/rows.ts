import { randomUUID } from 'node:crypto';
import {
  type Collection,
  type Db,
  type Filter,
  MongoBulkWriteError,
  type MongoClient,
  type UpdateFilter,
} from 'mongodb';
import type { Change, Kind, Kinds, ScanOptions, StateEngine, Stored, Stream, UpdateOptions, Where } from '../engine.ts';
import { isDuplicate } from '../../mongo/faults.ts';
import { guarded, repeated } from './client.ts';
import { type ServerClock, tidyAt } from './clock.ts';
import { filterOf, type Row } from './filter.ts';
import { nextNumbers } from './sequence.ts';
import { MongoStreams, replacing } from './streams.ts';
const FENCES_AN_ITEM = 2 ** 20;
const ROWS_A_WRITE = 1000;
/** The field with the end of a row. A TTL index deletes the row some time after. */
const EXPIRES: Partial<Record<Kind, string>> = { claims: 'expires', counters: 'resets', presence: 'expires' };
/** A call is repeated, and may then be made twice. A hit of a counter must not. */
const repeatedly = (kind: Kind): typeof repeated => (kind === 'counters' ? guarded : repeated);

/** Rows as documents, with one write for each change of a row. There are no transactions over several documents. */
export class MongoRows implements StateEngine {
  readonly isShared = true;
  readonly clock: ServerClock;
  readonly #client: MongoClient;
  readonly #db: Db;
  readonly #streams: MongoStreams;

  constructor(client: MongoClient, db: Db, clock: ServerClock) {
    this.#client = client;
    this.#db = db;
    this.clock = clock;
    this.#streams = new MongoStreams(db);
  }

  scan<K extends Kind>(
    kind: K,
    where: Where<Kinds[K]>,
    { order, limit, distinct, fields }: ScanOptions<Kinds[K]> = {},
  ): Promise<readonly Kinds[K][]> {
    const read = async (): Promise<readonly object[]> => {
      if (kind === 'outbox') return this.#streams.waiting(where, limit!);
      if (kind === 'streams') return this.#streams.scan((where as Where<Stream>)._id as string, fields as never);
      const filter = filterOf(where);
      if (distinct !== undefined) {
        const values: unknown[] = await this.#of(kind).distinct(distinct as string, filter);
        return values.map((value) => ({ [distinct]: value }));
      }
      const found = this.#of(kind).find(filter, {
        ...(fields && { projection: Object.fromEntries(fields.map((field) => [field, 1])) }),
        ...(order !== undefined && { sort: [[order as string, 1]] }),
        ...(limit !== undefined && { limit }),
      });
      return found.toArray();
    };
    return repeated(read) as Promise<object[]> as Promise<readonly Kinds[K][]>;
  }

  count<K extends Stored>(kind: K, where: Where<Kinds[K]>): Promise<number> {
    return repeated(() => this.#of(kind).countDocuments(filterOf(where)));
  }

  async insert<K extends Stored>(kind: K, rows: readonly Kinds[K][]): Promise<ReadonlySet<string>> {
    const existing = new Set<string>();
    if (kind === 'streams') {
      for (const row of rows as readonly Stream[])
        if (!(await this.#streams.decide(row._id, 0, row))) existing.add(row._id);
      return existing;
    }
    for (let from = 0; from < rows.length; from += ROWS_A_WRITE) {
      const some = await this.#documents(kind, rows.slice(from, from + ROWS_A_WRITE));
      await repeated(async () => {
        try {
          await this.#of(kind).insertMany(some, { ordered: false });
        } catch (error) {
          for (const i of duplicatesOf(error)) existing.add(some[i]!._id);
        }
      });
    }
    return existing;
  }

  async put<K extends Stored>(kind: K, row: Kinds[K], where: Where<Kinds[K]>): Promise<boolean> {
    const { _id, ...set } = row;
    const filter: Filter<Row> = { _id, ...filterOf(where) };
    const update = kind === 'streams' ? await replacing(row as Stream) : this.#updateOf(kind, { set });
    return repeatedly(kind)(async () => {
      try {
        await this.#of(kind).updateOne(filter, update, { upsert: true });
        return true;
      } catch (error) {
        if (isDuplicate(error)) return false;
        throw error;
      }
    });
  }

  async update<K extends Stored>(
    kind: K,
    changes: readonly Change<Kinds[K]>[],
    { returns, order }: UpdateOptions<Kinds[K]> = {},
  ): Promise<{ readonly changed: number; readonly row?: Kinds[K] }> {
    if (kind === 'streams') return { changed: await this.#streams.update(changes as readonly Change<Stream>[]) };
    const rows = this.#of(kind);
    // By its id, a repeated change of an item recognises an earlier attempt whose answer was lost.
    const mark = kind === 'work' ? { op: randomUUID() } : undefined;
    const updates = changes.map(({ where, set, add }) => ({
      filter: filterOf(where),
      update: this.#updateOf(kind, { set: set || mark ? { ...set, ...mark } : undefined, add }),
    }));
    const earlier = mark && { ...untouched(changes[0]!), ...mark };
    let attempt = 0;
    return repeatedly(kind)(async () => {
      if (returns === true) {
        const found = attempt++ > 0 && earlier ? await rows.findOne(earlier) : null;
        const sort = order === undefined ? {} : { sort: { [order]: 1 as const } };
        const { filter, update } = updates[0]!;
        const row = found ?? (await rows.findOneAndUpdate(filter, update, { ...sort, returnDocument: 'after' }));
        return row === null ? { changed: 0 } : { changed: 1, row: row as object as Kinds[K] };
      }
      const { matchedCount } = await rows.bulkWrite(
        updates.map((updateOne) => ({ updateOne })),
        { ordered: false },
      );
      if (matchedCount > 0 || earlier === undefined) return { changed: matchedCount };
      return { changed: (await rows.findOne(earlier, { projection: { _id: 1 } })) === null ? 0 : 1 };
    });
  }

  delete<K extends Stored>(kind: K, where: Where<Kinds[K]>): Promise<number> {
    return repeated(async () => (await this.#of(kind).deleteMany(filterOf(where))).deletedCount);
  }

  async close(): Promise<void> {
    this.clock.stop();
    await this.#client.close();
  }

  #of(kind: Kind): Collection<Row> {
    return this.#db.collection<Row>(`state_${kind}`);
  }

  async #documents(kind: Kind, rows: readonly { readonly _id: string }[]): Promise<Row[]> {
    const first = kind === 'work' ? await nextNumbers(this.#db, 'work', rows.length) : 0;
    return rows.map(({ _id, ...row }, i) => ({
      _id,
      ...row,
      ...this.#tidied(kind, row).tidy,
      ...(kind === 'work' && { seq: first + i, fence: (first + i) * FENCES_AN_ITEM, op: '' }),
    }));
  }

  #updateOf(kind: Kind, { set, add }: { readonly set?: object; readonly add?: object }): UpdateFilter<Row> {
    const { tidy, never } = this.#tidied(kind, set ?? {});
    return {
      ...(set && { $set: { ...set, ...tidy } }),
      ...(never && { $unset: { tidyAt: '' } }),
      ...(add && { $inc: add }),
    } as UpdateFilter<Row>;
  }

  /** When the TTL index may delete a row with this end. */
  #tidied(kind: Kind, row: object): { readonly tidy?: { readonly tidyAt: Date }; readonly never?: boolean } {
    const expires = (row as Readonly<Record<string, unknown>>)[EXPIRES[kind] ?? ''];
    if (typeof expires !== 'number') return { never: expires === null };
    const now = this.clock.now();
    return { tidy: { tidyAt: tidyAt(expires, kind === 'claims' ? this.clock.toCaller(now) : now) } };
  }
}

/** Indexes of the operations of an unordered bulk that found a row with their id. Throws any other failure. */
function duplicatesOf(error: unknown): readonly number[] {
  if (!(error instanceof MongoBulkWriteError) || error.result.getWriteConcernError() !== undefined) throw error;
  const failed = [error.writeErrors].flat();
  if (failed.length === 0 || !failed.every(isDuplicate)) throw error;
  return failed.map(({ index }) => index);
}

/** The conditions on fields that the change leaves as they are. */
function untouched<R>({ where, set, add }: Change<R>): Filter<Row> {
  const changed = { ...set, ...add };
  return filterOf(Object.fromEntries(Object.entries(where).filter(([field]) => !(field in changed))));
}
