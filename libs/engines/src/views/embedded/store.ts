import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Extracts, ExtractsOptions } from '../extracts.ts';
import {
  collectionName,
  type DocumentVersion,
  type IdSet,
  type Projection,
  type Scalar,
  type ViewDocument,
} from '../projection.ts';
import type { CountPlan, IdsPlan, LoadPlan, QueryPlan, ValuesPlan } from '../query.ts';
import type { Advance, StoredPart, ViewOp, WholeDocument } from '../store.ts';
import { EmbeddedBuilds } from './builds.ts';
import { Connection } from './connection.ts';
import { partsOf, removeDocuments, writeParts } from './documents.ts';
import { EmbeddedExtracts } from './extracts.ts';
import { asFault } from './faults.ts';
import {
  countOf,
  documentsById,
  documentsHaving,
  documentsOf,
  idsOf,
  othersOf,
  versionsOf,
  wholeDocuments,
} from './queries.ts';
import { COUNTED_TOGETHER, type Statements } from './statements.ts';

/** Values of `Statements.countedUpTo`. */
type Place = readonly (string | number)[];

export interface EmbeddedViewsOptions {
  /** The SQLite file, in an existing folder. */
  readonly file: string;
  readonly readonly?: boolean;
  /** Checkpoints the file in a thread of its own, for long-running processes. Default false. */
  readonly backgroundCheckpoints?: boolean;
}

/**
 * Views in one SQLite file. WAL with synchronous=NORMAL: after a power failure the last seconds may be lost. The rest
 * is a prefix of the write-ahead log, so a checkpoint never survives without its documents. The runner reads the lost
 * records again from the log.
 */
export class EmbeddedStore extends EmbeddedBuilds {
  readonly shared: boolean = false;
  protected connection: Connection;
  protected readonly writesAlone: boolean;

  constructor({ file, readonly = false }: EmbeddedViewsOptions) {
    super();
    this.connection = new Connection(file, readonly);
    this.writesAlone = !readonly;
  }

  close(): void {
    this.connection.close();
  }
  incarnation(): number {
    return 0;
  }

  async parts(
    projection: Projection,
    build: number,
    part: string,
    ids: readonly string[],
  ): Promise<ReadonlyMap<string, StoredPart>> {
    return partsOf(this.connection.of(projection, build), part, ids);
  }
  async apply(
    projection: Projection,
    build: number,
    ops: readonly ViewOp[],
    checkpoint?: Advance,
  ): Promise<readonly string[]> {
    const collection = collectionName(projection);
    const isLive = (): boolean => this.connection.lookup(collection)?.live === build;
    if (ops.length === 0 && checkpoint !== undefined) {
      this.hold(collection, build, checkpoint);
      this.advances.emit(collection, { isLive: this.shared && isLive(), checkpoint });
      return [];
    }
    const write = (): readonly string[] => {
      if (ops.length > 0) this.changes(collection);
      const statements = this.connection.of(projection, build);
      if (!statements.decoded.isEmpty) statements.decoded.changed(ops.map(({ id }) => id));
      const lost = writeParts(statements, ops);
      if (checkpoint !== undefined && lost.length === 0) this.save(collection, build, checkpoint);
      return lost;
    };
    // A rebuild has no batch beside its own to wait for.
    const refused = await this.connection.together(ops.length, write, isLive() ? projection.commitMs : 0);
    // Without other processes nobody uses whether the build is live.
    if (checkpoint !== undefined && refused.length === 0)
      this.advances.emit(collection, { isLive: this.shared && isLive(), checkpoint });
    return refused;
  }
  async remove(projection: Projection, ids: readonly string[]): Promise<void> {
    const statements = this.connection.live(projection);
    if (statements === undefined || ids.length === 0) return;
    this.changes(collectionName(projection));
    statements.decoded.changed(ids);
    this.connection.transaction(() => {
      removeDocuments(statements, ids);
    });
  }

  kept(projection: Projection, id: string): ViewDocument | undefined {
    if (this.generation(projection) === undefined) return undefined;
    const found = this.connection.live(projection)?.decoded.newest(id);
    if (found !== undefined) this.looked?.(true);
    return found;
  }
  getMany(
    projection: Projection,
    ids: readonly string[],
    load: LoadPlan,
  ): Promise<readonly (ViewDocument | undefined)[]> {
    const none = ids.map(() => undefined);
    return this.#reading(projection, none, (statements) => documentsById(statements, ids, load, this.looked));
  }
  override others(projection: Projection, among: IdSet, load: LoadPlan): Promise<readonly ViewDocument[]> {
    return this.#reading(projection, [], (statements) => othersOf(statements, among, load));
  }
  find(projection: Projection, plan: QueryPlan): Promise<readonly ViewDocument[]> {
    return this.#reading(projection, [], (statements) => documentsOf(statements, plan));
  }
  having(projection: Projection, plan: ValuesPlan): Promise<readonly ViewDocument[]> {
    return this.#reading(projection, [], (statements) => documentsHaving(statements, plan));
  }
  ids(projection: Projection, plan: IdsPlan): Promise<readonly string[]> {
    return this.#reading(projection, [], (statements) => idsOf(statements, plan));
  }
  versions(projection: Projection, plan: IdsPlan): Promise<readonly DocumentVersion[]> {
    return this.#reading(projection, [], (statements) => versionsOf(statements, plan));
  }
  countElements(projection: Projection, plan: CountPlan): Promise<ReadonlyMap<Scalar, number>> {
    return this.#reading<ReadonlyMap<Scalar, number>>(projection, new Map(), (statements) => countOf(statements, plan));
  }
  async count(projection: Projection): Promise<number> {
    return (await this.#countOf(projection, false)) - (await this.#countOf(projection, true));
  }
  /**
   * Rows, or those of removed documents. The event loop has a turn between two steps, because a large view takes
   * seconds. If another build becomes the live one meanwhile, its rows are counted.
   */
  async #countOf(projection: Projection, gone: boolean): Promise<number> {
    let counted: Statements | undefined;
    let last: Place = [];
    let before = 0;
    for (;;) {
      const found = await this.#reading<Place | number>(projection, 0, (statements) => {
        if (statements !== counted) [counted, last, before] = [statements, [], 0];
        const isFirst = last.length === 0;
        const next = statements.countedUpTo(gone, isFirst).get(...last) as unknown as Place | undefined;
        return next ?? (statements.countAfter(gone, isFirst).get(...last) as unknown as readonly number[])[0]!;
      });
      if (typeof found === 'number') return before + found;
      last = found;
      before += COUNTED_TOGETHER;
      await nextTurn();
    }
  }
  async page(projection: Projection, build: number, after: string): Promise<readonly WholeDocument[]> {
    return wholeDocuments(this.connection.of(projection, build), after);
  }

  override extracts(options: ExtractsOptions): Extracts {
    return new EmbeddedExtracts(() => this.connection, options);
  }

  /** A read of the live build. `none` is the answer if there is none. */
  async #reading<T>(projection: Projection, none: T, work: (statements: Statements) => T): Promise<T> {
    try {
      const statements = this.connection.live(projection);
      if (statements === undefined) return none;
      this.connection.beginReading();
      return work(statements);
    } catch (error) {
      throw asFault(error);
    }
  }
}
