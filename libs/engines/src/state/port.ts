import type { NewRecord } from '../log/index.ts';

/** The state port, for everything that instances must agree on (docs/architecture.md#the-parts). */

export interface StreamHead<Snapshot = unknown> {
  readonly version: number;
  readonly snapshot: Snapshot;
}
export interface StreamEvent {
  readonly topic: string;
  readonly record: NewRecord;
}
export type AppendResult =
  { readonly ok: true; readonly version: number } | { readonly ok: false; readonly actual: number };

export interface Streams {
  /** Undefined for a missing stream, which has version 0. */
  load<S>(stream: string): Promise<StreamHead<S> | undefined>;
  /**
   * Compare-and-set of the head (version and snapshot after the events) together with the outbox. Resolves once
   * durable; `published` waits for the relay. Every record gets headers `pa_stream` and `pa_version`.
   */
  append<S>(
    stream: string,
    expectedVersion: number,
    events: readonly StreamEvent[],
    snapshot: S,
  ): Promise<AppendResult>;
  /**
   * Sets the head of a stream from the log, after the store was lost or restored from an older copy. Returns false
   * unless the stored version is lower. The log must have the events up to `version`.
   */
  restore<S>(stream: string, version: number, snapshot: S): Promise<boolean>;
  /** Resolves when all events up to the version are in the log, with the position behind them. */
  published(
    stream: string,
    version: number,
    timeoutMs: number,
  ): Promise<Readonly<Record<string, readonly number[]>> | undefined>;
  /**
   * Removes the streams whose names begin with `prefix`, for content that must not stay. Only streams that never had an
   * event: those of others are in the log, and their versions only grow.
   */
  remove(prefix: string): Promise<void>;
}

export interface ClaimEntry {
  readonly key: string;
  readonly owner: string;
  readonly expiresAt?: number;
}
export interface Claims {
  /** Inserts the claim if the key is free. Returns the owner of the key, which may be another one. */
  claim(namespace: string, key: string, owner: string, expiresAt?: number): Promise<string>;
  claimMany(namespace: string, entries: readonly ClaimEntry[]): Promise<readonly string[]>;
  /** Inserts a key that must be unique, such as a `jti`. False if the key exists and has not expired. */
  insertOnce(namespace: string, key: string, expiresAt: number): Promise<boolean>;
  get(namespace: string, key: string): Promise<string | undefined>;
  /** Releases a claim of this owner. False if it has another owner. */
  release(namespace: string, key: string, owner: string): Promise<boolean>;
}

/**
 * Claims that bridge the time until something else, such as a view, tells the owner. They last until they expire, and
 * at least until `MOST_BRIDGING` newer ones were made. If one process alone uses the store, they are in its memory.
 * They cost no write then, and go when the process ends. So what they decide must be known elsewhere when it starts.
 */
export type BridgingClaims = Pick<Claims, 'claimMany' | 'get' | 'release'>;

export interface Lease {
  readonly name: string;
  readonly holder: string;
  readonly token: number;
  readonly expiresAt: number;
}
export interface Leases {
  /** Undefined while another holder has the lease. Fencing tokens of one name only grow. */
  acquire(name: string, holder: string, ttlMs: number): Promise<Lease | undefined>;
  /** False if the lease was lost. Stop at once then. */
  renew(lease: Lease, ttlMs: number): Promise<boolean>;
  release(lease: Lease): Promise<void>;
}

export interface Counters {
  /** Adds to the count of the window and returns it. A window starts with its first hit. */
  hit(name: string, windowMs: number, by?: number): Promise<{ readonly count: number; readonly resetsAt: number }>;
}

/** A durable work item for libs/engines/src/jobs, which one holder at a time takes under a lease. */
export interface WorkItem {
  readonly queue: string;
  readonly id: string;
  /** The app for which the work is done. Items without an app are together, as if they had one. */
  readonly app?: string;
  readonly payload: unknown;
  readonly attempts: number;
  readonly fence: number;
}
export interface NewItem extends Pick<WorkItem, 'id' | 'app' | 'payload'> {
  /** ms since the epoch. */
  readonly notBefore?: number | undefined;
}
export interface Work {
  /** Idempotent by (queue, id). */
  put(queue: string, items: readonly NewItem[]): Promise<void>;
  /**
   * Leases an item that is free or whose lease has expired, with a new, higher fencing token. The apps with such items
   * take turns, and each gets its oldest one. So with k workers, at most k items of one app start before a new item of
   * another one. The number of queries does not depend on how many items wait.
   */
  take(queue: string, holder: string, ttlMs: number): Promise<WorkItem | undefined>;
  heartbeat(item: WorkItem, ttlMs: number): Promise<boolean>;
  /** Returns false if the fencing token is no longer valid. The result must not be used then. */
  done(item: WorkItem): Promise<boolean>;
  /** Releases the item. No other holder gets it before `notBefore`. */
  release(item: WorkItem, notBefore: number): Promise<boolean>;
  remove(queue: string, idPrefix: string): Promise<void>;
  count(queue: string): Promise<{ readonly ready: number; readonly leased: number }>;
  /** The queues with an item that can be taken now. */
  ready(queues: readonly string[]): Promise<readonly string[]>;
}

export interface Present {
  readonly holder: string;
  readonly data: unknown;
  /** ms since the epoch. */
  readonly expiresAt: number;
}
/** The running processes and their reports, so that a caller can wait until all of them have passed a position. */
export interface Presence {
  /**
   * A holder must repeat this before its ttl ends, or it is removed from the list. The newest data replaces older data.
   */
  announce(group: string, holder: string, data: unknown, ttlMs: number): Promise<void>;
  /** The holders whose ttl has not ended, ordered by name. */
  list(group: string): Promise<readonly Present[]>;
  leave(group: string, holder: string): Promise<void>;
}

export interface State {
  readonly streams: Streams;
  readonly claims: Claims;
  readonly bridging: BridgingClaims;
  readonly leases: Leases;
  /**
   * Leases of what ends with its process, such as a download. If one process alone uses the store, they are in its
   * memory. They cost no write then, and are free when the process ends.
   */
  readonly briefLeases: Leases;
  readonly counters: Counters;
  readonly work: Work;
  readonly presence: Presence;
  /**
   * Why the store accepts no changes, such as a full disk, for readiness. After a failure it tries again. Only an
   * engine on the disk of this process has it.
   */
  refusal?(): Promise<string | undefined>;
  close(): Promise<void>;
}
