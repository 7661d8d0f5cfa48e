import type { Position, ProgressEntry } from '@provider-access/engines/log';
import type { ViewStore } from './store.ts';
import type { ViewDocument, Projection, FindQuery } from './projection.ts';

/** What a view has passed. `derived` holds positions of inbound topics, known through progress events. */
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
  get(id: string, options?: { bodies?: readonly string[] }): Promise<ViewDocument | undefined>;
  /** In the order of ids; missing ones are undefined. */
  getMany(
    ids: readonly string[],
    options?: { bodies?: readonly string[] },
  ): Promise<readonly (ViewDocument | undefined)[]>;
  find(query: FindQuery): Promise<readonly ViewDocument[]>;
  /** Keyset pages of `find` until the end; safe while written to. */
  scan(query: Omit<FindQuery, 'limit'> & { pageSize?: number }): AsyncIterable<ViewDocument>;
  count(): Promise<number>;
  position(): Promise<ViewPosition>;
  /**
   * Resolves true once the view has passed `position`, false after the timeout. Positions of inbound (payer) topics are
   * awaited through progress; `derivers` names who must have passed them (default: every deriver this view has heard
   * of, and at least the named ones).
   */
  waitFor(position: Position, timeoutMs: number, derivers?: readonly string[]): Promise<boolean>;
}

export interface ViewStatus {
  readonly view: string;
  readonly version: number;
  readonly documents: number;
  readonly position: ViewPosition;
  /** Heads of the view's topics at about the same time: what is between them and `position` is its lag. */
  readonly head: Position;
  /** The replaced build that `rollback` swaps in again. */
  readonly previous?: number;
  readonly rebuilding?: { readonly version: number; readonly position: Position; readonly head: Position };
  readonly failure?: string;
  /** Records at which the projection failed, and which the view does not show. Absent when there are none. */
  readonly passedOver?: number;
}

/**
 * How far a view is behind one of its topics: the number of records over all partitions, and when the oldest record
 * that the view does not show was appended (ms since the epoch). Records that the view passed over count for the age.
 */
export interface ViewLag {
  readonly view: string;
  readonly topic: string;
  readonly behind: number;
  readonly since?: number;
}

export interface Views {
  /** The current (swapped-in) version of the view; throws when a query names an index that is not declared. */
  reader(projection: Projection): ViewReader;
  close(): Promise<void>;
  /** The engine below, for the projection runner (`ProjectionSet`); services read through `reader`. */
  readonly store: ViewStore;
  /**
   * What a worker thread needs to open the same store read-only: a module that exports
   * `openReader(options): Views`, and structured-clonable options.
   */
  readonly remote: { readonly module: string; readonly options: unknown };
}
