import type { Position, ProgressEntry } from '../log/index.ts';
import type { Extracts, ExtractsOptions } from './extracts.ts';
import type { ViewStore } from './view-store.ts';
import type {
  BesideLoad,
  CountQuery,
  DocumentVersion,
  FindQuery,
  IdSet,
  IdsQuery,
  KnownDocument,
  LoadQuery,
  Projection,
  ReadWhile,
  Scalar,
  ValuesQuery,
  ViewDocument,
} from './projection.ts';

/** The position of a view. `derived` has positions of inbound topics, from progress events. */
export interface ViewPosition {
  readonly topics: Position;
  readonly derived: Readonly<Record<string, Position>>;
  /**
   * Progress entries that are not in `derived` yet, because the view has not passed their `after`. A reader that
   * continues from `topics` does not see these entries again, so it must take them from here. Absent when there are
   * none.
   */
  readonly waiting?: readonly ProgressEntry[];
}

export interface ViewReader {
  get(id: string, load?: Pick<LoadQuery, 'bodies'>): Promise<ViewDocument | undefined>;
  /** Documents in the order of `ids`; undefined for a missing one. Those of the first ids if `maxBytes` ends them. */
  getMany(ids: readonly string[], load?: LoadQuery): Promise<readonly (ViewDocument | undefined)[]>;
  /** The documents of a set that are not plain (`Projection.plain`), each once, in any order. */
  others(among: IdSet): Promise<readonly ViewDocument[]>;
  find(query: FindQuery): Promise<readonly ViewDocument[]>;
  /** All documents that have one of the lists of values, each once, in any order. Without a list it asks nothing. */
  having(query: ValuesQuery): Promise<readonly ViewDocument[]>;
  /** The ids of documents in their order, without the documents. */
  ids(query: IdsQuery): Promise<readonly string[]>;
  /** As `ids`, with the versions of the documents. */
  versions(query: IdsQuery): Promise<readonly DocumentVersion[]>;
  /** The number of documents for each value of the first field of the index. Values without a document are absent. */
  count(query: CountQuery): Promise<ReadonlyMap<Scalar, number>>;
  /** Keyset pages of `find` until the end, which concurrent writes do not disturb. */
  scan(query: Omit<FindQuery, 'limit' | 'joined'> & { pageSize?: number }): AsyncIterable<ViewDocument>;
  position(): Promise<ViewPosition>;
  /**
   * Resolves true once the view has passed `position`, false after the timeout. Positions of inbound (payer) topics are
   * awaited through progress; The view waits for every deriver that it knows, and for the named `derivers`.
   */
  waitFor(position: Position, timeoutMs: number, derivers?: readonly string[]): Promise<boolean>;
  /**
   * Grows before `position` and `waitFor` show a change of documents, so a reader that sees the same number twice has
   * missed nothing that anybody may know of. Records that change no document do not count. Undefined if other processes
   * or threads write the view too: then only a query tells.
   */
  generation(): number | undefined;
  /**
   * The document, if a read has kept it decoded and no change of it can be known since: it is what `get` would give.
   * It asks no engine. Undefined if only a query tells.
   */
  kept(id: string): ViewDocument | undefined;
  /**
   * The document as a read found it at most `withinMs` ago; where `kept` tells it, that one whatever its age. It may
   * have changed since. So it may decide what to look at, and `getWhile` or another read has to confirm it before
   * anything leaves.
   */
  remembered(id: string, withinMs: number): ViewDocument | undefined;
  /**
   * As `getMany`, in one query that also compares another document with what the caller knows of it. If that one has
   * changed, no body is loaded, and the answer says what it is now. If none of the ids has a document, nothing is
   * compared.
   */
  getWhile(known: KnownDocument, ids: readonly string[], load?: BesideLoad): Promise<ReadWhile>;
}

export interface ViewStatus {
  readonly view: string;
  readonly version: number;
  readonly documents: number;
  readonly position: ViewPosition;
  /** Heads of the view's topics at about the same time. The records between `position` and them are the lag. */
  readonly head: Position;
  /** The replaced build that `rollback` swaps in again. */
  readonly previous?: number;
  readonly rebuilding?: { readonly version: number; readonly position: Position; readonly head: Position };
  readonly failure?: string;
  /** Records at which the projection failed, and which the view does not show. Absent when there are none. */
  readonly passedOver?: number;
}

/**
 * The lag of a view on one of its topics, over all partitions: the number of records, and the append time of the oldest
 * one that the view does not show (ms since the epoch). Passed-over records count for the age.
 */
export interface ViewLag {
  readonly view: string;
  readonly topic: string;
  readonly behind: number;
  readonly since?: number;
}

export interface Views {
  /** A reader of the live build. A query with an index that is not declared throws. */
  reader(projection: Projection): ViewReader;
  /**
   * A cache of what readers compute from documents. The embedded engine has one. Undefined on MongoDB, which has no
   * transaction over the documents and the cache: readers compute each time.
   */
  extracts(options: ExtractsOptions): Extracts | undefined;
  close(): Promise<void>;
  /** The engine, for `ProjectionSet`. Services use `reader`. */
  readonly store: ViewStore;
  /**
   * For worker threads, which open the same store read-only: a module that exports `openReader(options): Views`, and
   * structured-clonable options.
   */
  readonly remote: { readonly module: string; readonly options: unknown };
}
