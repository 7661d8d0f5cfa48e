import type { NewRecord } from '@provider-access/engines/log';

/**
 * What instances must agree on (docs/architecture.md#the-parts): streams with expected version, claims, leases,
 * counters.
 */

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
  /** undefined for a stream that does not exist (version 0). */
  load<S>(stream: string): Promise<StreamHead<S> | undefined>;
  /**
   * Compare-and-set of the head (version and snapshot after the events) together with the events still to publish.
   * Resolves once decided; `published` awaits the relay. Every record gets headers `pa_stream` and `pa_version`.
   */
  append<S>(
    stream: string,
    expectedVersion: number,
    events: readonly StreamEvent[],
    snapshot: S,
  ): Promise<AppendResult>;
  /**
   * Sets the head of a stream to what the log says, after the store was lost or restored from an older copy. It does so
   * only if the stored version is lower; events up to that version are in the log. Returns false otherwise.
   */
  restore<S>(stream: string, version: number, snapshot: S): Promise<boolean>;
  /**
   * Resolves when everything up to the version is in the log, with the log position after it (topic -> next offsets).
   */
  published(
    stream: string,
    version: number,
    timeoutMs: number,
  ): Promise<Readonly<Record<string, readonly number[]>> | undefined>;
}

export interface Claims {
  /** Insert once: the owner that holds the key now (the given one when it won or already had it). */
  claim(namespace: string, key: string, owner: string, expiresAt?: number): Promise<string>;
  claimMany(
    namespace: string,
    entries: readonly { key: string; owner: string; expiresAt?: number }[],
  ): Promise<readonly string[]>;
  /**
   * Inserts once, and returns whether this call inserted it: for `jti`. False when the key exists and has not expired.
   */
  insertOnce(namespace: string, key: string, expiresAt: number): Promise<boolean>;
  get(namespace: string, key: string): Promise<string | undefined>;
  /** Only the owner's claim is released. */
  release(namespace: string, key: string, owner: string): Promise<boolean>;
}

export interface Lease {
  readonly name: string;
  readonly holder: string;
  readonly token: number;
  readonly expiresAt: number;
}
export interface Leases {
  /** undefined when another holds it. Tokens of one name only grow (fencing). */
  acquire(name: string, holder: string, ttlMs: number): Promise<Lease | undefined>;
  /** False when the lease was lost: stop at once. */
  renew(lease: Lease, ttlMs: number): Promise<boolean>;
  release(lease: Lease): Promise<void>;
  /** Token that is valid now, for checking a fence. */
  current(name: string): Promise<Lease | undefined>;
}

export interface Counters {
  /** Adds and returns the value in the window; the window starts with the first hit. */
  hit(name: string, windowMs: number, by?: number): Promise<{ readonly count: number; readonly resetsAt: number }>;
}

/** Durable work items, for libs/engines/src/jobs: claimed one at a time under a lease. */
export interface WorkItem {
  readonly queue: string;
  readonly id: string;
  readonly payload: unknown;
  readonly attempts: number;
  readonly fence: number;
}
export interface Work {
  /** Idempotent by (queue, id). */
  put(queue: string, items: readonly { id: string; payload: unknown; notBefore?: number }[]): Promise<void>;
  /**
   * The oldest item that is free (or whose lease ran out), leased under a fence that is bigger than any this id had.
   */
  take(queue: string, holder: string, ttlMs: number): Promise<WorkItem | undefined>;
  heartbeat(item: WorkItem, ttlMs: number): Promise<boolean>;
  /** Returns false when the fence is no longer valid; the result must not be used then. */
  done(item: WorkItem): Promise<boolean>;
  /** Gives the item back. No other holder gets it before `notBefore`. */
  release(item: WorkItem, notBefore: number): Promise<boolean>;
  remove(queue: string, idPrefix: string): Promise<void>;
  count(queue: string): Promise<{ readonly ready: number; readonly leased: number }>;
  /** The queues that have an item to take now. */
  ready(queues: readonly string[]): Promise<readonly string[]>;
}

export interface Present {
  readonly holder: string;
  readonly data: unknown;
  /** ms since the epoch. */
  readonly expiresAt: number;
}
/**
 * The running processes and what each reports about itself, so that a caller can wait until all have passed something.
 */
export interface Presence {
  /**
   * A holder repeats this before its ttl ends; otherwise it is taken off the list. The newest data replaces the data
   * before.
   */
  announce(group: string, holder: string, data: unknown, ttlMs: number): Promise<void>;
  /** The holders whose ttl has not ended, ordered by name. */
  list(group: string): Promise<readonly Present[]>;
  leave(group: string, holder: string): Promise<void>;
}

export interface State {
  readonly streams: Streams;
  readonly claims: Claims;
  readonly leases: Leases;
  readonly counters: Counters;
  readonly work: Work;
  readonly presence: Presence;
  close(): Promise<void>;
}
