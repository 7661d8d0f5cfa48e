/**
 * The port of an engine of the state store: rows with conditional writes. Claims, leases, counters, work, presence and
 * streams are written once above it (ADR 0071). Fields have the names of stored documents.
 */

interface Row {
  readonly _id: string;
}
/** `expires` null means never. Its time is the caller's; all other times are those of the engine's clock. */
export type Claim = Row & { readonly owner: string; readonly expires: number | null };
/** Never deleted, so that its fencing token only grows. */
export type HeldLease = Row & { readonly holder: string | null; readonly token: number; readonly expires: number };
type Announced = Row & Record<'group' | 'holder' | 'data', string> & { readonly expires: number };
/** A done item stays until it is removed, so that a second `put` does not repeat it. */
export interface Item extends Row {
  readonly queue: string;
  readonly id: string;
  /** Null in an item without an app, and missing in an item of 0.2.0 or earlier, which is the same. */
  readonly app: string | null;
  readonly payload: string;
  readonly attempts: number;
  readonly holder: string | null;
  /** When the item may be taken, which is in the future while the item is delayed or leased. */
  readonly freeAt: number;
  /** False when the item is done. */
  readonly open: boolean;
  /** The engine numbers items in the order of insertion. */
  readonly seq?: number;
  /**
   * The engine starts at seq * 2^20, and each holder adds one. So an id that was removed and put again gets new tokens.
   */
  readonly fence?: number;
}
/**
 * An app that had items in a queue. Never deleted, so that an app that returns does not lose its place in the rotation.
 */
export interface Lane extends Row {
  readonly queue: string;
  /** Empty for items without an app. */
  readonly app: string;
  /** The number of the last service of this app. The app with the lowest one is next. */
  readonly turn: number;
  /** The lane has no free item before this time. It may have none afterwards either. */
  readonly lookAt: number;
  /** Grows with each change that may free an item, so that a slower process does not postpone `lookAt`. */
  readonly version: number;
}
export interface Stream extends Row {
  readonly version: number;
  /** JSON */
  readonly snapshot: string;
  /** Added to the outbox with the head. */
  readonly outbox?: readonly Decided[];
  /** The oldest version in the outbox. Only read. */
  readonly unpublished?: number | null;
  /** The next offset of each partition of a topic. Only read. */
  readonly positions?: Readonly<Record<string, readonly number[]>>;
}
/** A decided event that may not be in the log yet. `record` is JSON without the value. */
type Decided = Readonly<{ version: number; topic: string; record: string; value: Uint8Array }>;
/** An event in the outbox of a stream. `seq` orders the decisions of all streams. */
export type Waiting = Decided & { readonly stream: string; readonly seq: number };

/** `outbox` has a row for each event in an outbox. It is only scanned, by topic and in the order of decisions. */
export interface Kinds {
  readonly claims: Claim;
  readonly leases: HeldLease;
  readonly counters: Row & Readonly<Record<'count' | 'resets', number>>;
  readonly work: Item;
  readonly lanes: Lane;
  readonly presence: Announced;
  readonly streams: Stream;
  readonly outbox: Waiting;
}
export type Kind = keyof Kinds;
/** The kinds whose rows are written by id. */
export type Stored = Exclude<Kind, 'outbox'>;

/** A value that the field has, or limits of it. Null is in no range. */
type Condition<V> =
  | V
  | {
      readonly lt?: V;
      readonly lte?: V;
      readonly gt?: V;
      readonly gte?: V;
      readonly ne?: V;
      readonly in?: readonly V[];
    };
/** All conditions hold, and one of `anyOf`. */
export type Where<R> = { readonly [F in keyof R]?: Condition<R[F]> } & { readonly anyOf?: readonly Where<R>[] };
export interface Change<R> {
  readonly where: Where<R>;
  readonly set?: Partial<R>;
  /** Adds to numbers. */
  readonly add?: { readonly [F in keyof R]?: number };
  /** Of a stream: these events are in the log, at offsets before `positions` of topic and partition. */
  readonly published?: {
    readonly versions: readonly number[];
    readonly positions: Readonly<Record<string, Readonly<Record<number, number>>>>;
  };
}
export interface ScanOptions<R> {
  /** Ascending by this field. */
  readonly order?: keyof R;
  readonly limit?: number;
  /** One row for each value of this field, which `where` lists by `in`; the other fields are undefined. */
  readonly distinct?: keyof R;
  /** Reads only these fields. Default: all. */
  readonly fields?: readonly (keyof R)[];
}
export interface UpdateOptions<R> {
  /** Returns the changed row. For one change only. */
  readonly returns?: true;
  /** Of several rows that match, changes the one with the lowest value of this field, which is unique. */
  readonly order?: keyof R;
}

/**
 * Each write is durable when its promise resolves, and atomic for each row; a row of a stream contains its outbox. A
 * loss of power may take the last writes of leases and counters back, the last changes of lanes, and that events are
 * published. All methods throw EngineUnavailable. After it, a write may have been made.
 */
export interface StateEngine {
  /** Whether several processes use it at the same time. */
  readonly isShared: boolean;
  /** The clock that all processes of an engine share, ms since the epoch, and conversions from a caller's clock. */
  readonly clock: { now(): number; toServer(time: number): number; toCaller(time: number): number };
  scan<K extends Kind>(kind: K, where: Where<Kinds[K]>, options?: ScanOptions<Kinds[K]>): Promise<readonly Kinds[K][]>;
  count<K extends Stored>(kind: K, where: Where<Kinds[K]>): Promise<number>;
  /** Returns the ids that other rows have, which may be those of an earlier attempt of this call. */
  insert<K extends Stored>(kind: K, rows: readonly Kinds[K][]): Promise<ReadonlySet<string>>;
  /** Stores the row if no row has its id, or if that one matches. Returns false otherwise. */
  put<K extends Stored>(kind: K, row: Kinds[K], where: Where<Kinds[K]>): Promise<boolean>;
  /** Makes each change for itself, and returns the number of changed rows. A change concerns one row. */
  update<K extends Stored>(
    kind: K,
    changes: readonly Change<Kinds[K]>[],
    options?: UpdateOptions<Kinds[K]>,
  ): Promise<{ readonly changed: number; readonly row?: Kinds[K] }>;
  /** Returns the number of deleted rows. */
  delete<K extends Stored>(kind: K, where: Where<Kinds[K]>): Promise<number>;
  close(): Promise<void>;
}

const SEPARATOR = '\n';
/**
 * The id for a group and a name. Groups are names in the code, without line breaks. Engines store half a surrogate pair
 * as U+FFFD, so the id has it too: else nobody would find what was stored.
 */
export function idOf(group: string, name: string): string {
  if (group.includes(SEPARATOR)) throw new Error('the name of a namespace, queue or group must not have a line break');
  return `${group}${SEPARATOR}${name}`.toWellFormed();
}

/** What is written once above every engine. */
export abstract class OverEngine {
  protected readonly engine: StateEngine;

  constructor(engine: StateEngine) {
    this.engine = engine;
  }
}
