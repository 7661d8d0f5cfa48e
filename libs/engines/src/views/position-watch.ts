import type { Position } from '../log/index.ts';
import { collectionName, type Projection } from './projection.ts';
import type { ViewPosition } from './port.ts';
import { hasPassed, viewPosition } from './progress.ts';
import type { Checkpoint } from './store.ts';
import type { Saved, ViewStore } from './view-store.ts';

/** How often a waiting caller polls a store that other processes write. The pause grows until the next caller comes. */
const SHARED = { firstMs: 2, maxMs: 50 };
/** The first pause where this process itself moves the view, so that it polls for the partitions of others only, ms. */
const OWN_SHARED_MS = 25;
/**
 * The first pause while no other process has moved the view for `ALONE_AFTER_MS`. Then the next move is most likely
 * one of this process, which needs no query.
 */
const ALONE_MS = 1_000;
const ALONE_AFTER_MS = 5_000;
/** A pause is at most this part of the time that the newest caller has waited, and at most so long, ms. */
const WAITED_SHARE = 10;
const WAITED_MAX_MS = 250;
/** How long a watch without callers goes on listening, ms. */
const LISTEN_MS = 2_000;
/** A store of this process reports its moves, so only readers in other threads poll. */
const OWN = { firstMs: 100, maxMs: 100 };

const keyOf = ({ topic, partition }: Checkpoint): string => `${topic}/${partition}`;

interface Waiter {
  readonly target: Position;
  readonly derivers: readonly string[];
  /** Queries up to this number began before the call, so their answers may be too old. */
  readonly since: number;
  /** The timeout is over. The answer to a running query still counts. */
  late: boolean;
  settle(passed: boolean): void;
  fail(error: unknown): void;
}

const watches = new WeakMap<ViewStore, Map<string, PositionWatch>>();

/** Polls the position of one view for all callers in this process, with one query at a time. */
export class PositionWatch {
  readonly #store: ViewStore;
  readonly #projection: Projection;
  readonly #waiters = new Set<Waiter>();
  readonly #pace: typeof SHARED;
  #asking = false;
  #questions = 0;
  #again = false;
  /** Whether the timer is that of the next query. */
  #due = false;
  #intervalMs = 0;
  #seen = '';
  /** The checkpoints of the last query and those that this process saved since, and the store's incarnation then. */
  #known: Map<string, Checkpoint> | undefined;
  #knownIn: number | undefined;
  /** When the newest caller came. */
  #joinedAt = 0;
  /** When this process last saved a checkpoint of the view. */
  #ownAt = -Infinity;
  /** When another process last moved the view, as far as queries show. Infinity before the first query. */
  #foreignAt = Infinity;
  /** Checkpoints of a query that this process has not saved yet, so that another one may have saved them. */
  readonly #unexplained = new Map<string, number>();
  /** The checkpoints that this process saved during a query. Its answer may be older. */
  readonly #savedMeanwhile = new Map<string, Checkpoint>();
  /** The view had no checkpoint at the last query. */
  #isNowhere = true;
  #timer: NodeJS.Timeout | undefined;
  #stopListening: (() => void) | undefined;

  constructor(store: ViewStore, projection: Projection) {
    this.#store = store;
    this.#projection = projection;
    this.#pace = store.shared ? SHARED : OWN;
  }

  static of(store: ViewStore, projection: Projection): PositionWatch {
    let views = watches.get(store);
    if (views === undefined) watches.set(store, (views = new Map()));
    const name = collectionName(projection);
    let watch = views.get(name);
    if (watch === undefined) views.set(name, (watch = new PositionWatch(store, projection)));
    return watch;
  }

  async position(): Promise<ViewPosition> {
    return viewPosition(Object.keys(this.#projection.topics), await this.#store.checkpoints(this.#projection, 'live'));
  }

  /**
   * Queries at least once, whatever the timeout, unless checkpoints of a moment ago suffice. Rejects if the store
   * cannot be read.
   */
  async waitFor(target: Position, timeoutMs: number, derivers: readonly string[]): Promise<boolean> {
    if (this.#store.shared && this.#knows(target, derivers)) return true;
    // A store that only this process writes answers at once, and most callers have nothing to wait for.
    if (!this.#store.shared && hasPassed(await this.position(), target, derivers)) return true;
    return new Promise<boolean>((resolve, reject) => {
      const leave = (): void => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
        if (this.#waiters.size === 0) this.#rest();
      };
      const waiter: Waiter = {
        target,
        derivers,
        since: this.#questions,
        late: false,
        settle: (passed) => (leave(), resolve(passed)),
        fail: (error) => (leave(), reject(error as Error)),
      };
      const timer = setTimeout(() => ((waiter.late = true), this.#ask(false)), Math.max(timeoutMs, 0));
      this.#waiters.add(waiter);
      this.#stopListening ??= this.#store.onAdvance(collectionName(this.#projection), (saved) => this.#advanced(saved));
      this.#joinedAt = performance.now();
      this.#intervalMs = this.#firstPause();
      if (this.#isAlone()) this.#askLater();
      else this.#ask(false);
    });
  }

  #firstPause(): number {
    if (this.#isAlone()) return ALONE_MS;
    return performance.now() - this.#ownAt < LISTEN_MS ? OWN_SHARED_MS : this.#pace.firstMs;
  }

  /** Whether the checkpoints are known, and most likely only this process moves them. */
  #isAlone(): boolean {
    const now = performance.now();
    const isOwn = this.#known !== undefined && now - this.#ownAt < LISTEN_MS && this.#unexplained.size === 0;
    return isOwn && now - this.#foreignAt > ALONE_AFTER_MS;
  }

  /** A query that is due or under way stays, so that callers who keep coming cannot delay it. */
  #askLater(): void {
    if (this.#asking || this.#due) return;
    clearTimeout(this.#timer);
    this.#due = true;
    this.#timer = setTimeout(() => this.#ask(true), this.#intervalMs);
  }

  /** Goes on listening for a while, because the next caller often waits for what this process is about to save. */
  #rest(): void {
    clearTimeout(this.#timer);
    this.#due = false;
    this.#timer = setTimeout(() => {
      this.#known = undefined;
      this.#stopListening?.();
      this.#stopListening = undefined;
    }, LISTEN_MS).unref();
  }

  /** Whether the known checkpoints have passed the target. A store that may have lost data is asked again. */
  #knows(target: Position, derivers: readonly string[]): boolean {
    if (this.#known === undefined || this.#knownIn !== this.#store.incarnation()) return false;
    const at = viewPosition(Object.keys(this.#projection.topics), [...this.#known.values()]);
    return hasPassed(at, target, derivers);
  }

  /** `fresh`: a view without checkpoints is asked which build is live, so that a swap by another process counts. */
  #ask(fresh: boolean): void {
    clearTimeout(this.#timer);
    this.#due = false;
    this.#again = true;
    if (this.#asking) return;
    this.#asking = true;
    void this.#question(fresh).finally(() => {
      this.#asking = false;
      if (this.#waiters.size === 0) return;
      if (this.#again) this.#ask(false);
      else this.#askLater();
    });
  }

  /** A checkpoint that this process itself has saved needs no query. */
  #advanced(saved: Saved | undefined): void {
    const isOwn = saved !== undefined && this.#store.shared;
    if (isOwn) this.#ownAt = performance.now();
    if (!isOwn || this.#known === undefined) {
      if (this.#waiters.size > 0) this.#ask(false);
      return;
    }
    if (!saved.isLive) return;
    const key = keyOf(saved.checkpoint);
    if (saved.checkpoint.next >= (this.#unexplained.get(key) ?? Infinity)) this.#unexplained.delete(key);
    this.#savedMeanwhile.set(key, saved.checkpoint);
    if (saved.checkpoint.next <= (this.#known.get(key)?.next ?? 0)) return;
    this.#known.set(key, saved.checkpoint);
    for (const waiter of [...this.#waiters]) if (this.#knows(waiter.target, waiter.derivers)) waiter.settle(true);
  }

  #learn(checkpoints: readonly Checkpoint[], incarnation: number): void {
    const before = this.#known;
    if (before === undefined) this.#foreignAt = Math.min(this.#foreignAt, performance.now());
    this.#knownIn = incarnation;
    this.#known = new Map(checkpoints.map((checkpoint) => [keyOf(checkpoint), checkpoint]));
    if (incarnation === this.#store.incarnation())
      for (const [key, saved] of this.#savedMeanwhile)
        if (saved.next > (this.#known.get(key)?.next ?? 0)) this.#known.set(key, saved);
    for (const [key, { next }] of this.#known)
      if (before !== undefined && next > Math.max(before.get(key)?.next ?? 0, this.#savedMeanwhile.get(key)?.next ?? 0))
        this.#unexplained.set(key, next);
  }

  async #question(fresh: boolean): Promise<void> {
    this.#again = false;
    const number = ++this.#questions;
    try {
      // While checkpoints of a build move, it is live. A view without any may have another build by now.
      if (fresh && this.#store.shared && this.#isNowhere) await this.#store.builds(this.#projection, true);
      // A save of this process is announced some ms after the store has it, and so before the next query.
      if (this.#unexplained.size > 0) this.#foreignAt = performance.now();
      this.#unexplained.clear();
      this.#savedMeanwhile.clear();
      const incarnation = this.#store.incarnation();
      this.#learn(await this.#store.checkpoints(this.#projection, 'live'), incarnation);
      const checkpoints = [...this.#known!.values()];
      const at = viewPosition(Object.keys(this.#projection.topics), checkpoints);
      this.#isNowhere = Object.values(at.topics).every((offsets) => offsets.length === 0);
      for (const waiter of [...this.#waiters]) {
        if (hasPassed(at, waiter.target, waiter.derivers)) waiter.settle(true);
        else if (waiter.late && number > waiter.since) waiter.settle(false);
      }
      if (this.#waiters.size === 0) return;
      const now = JSON.stringify(at);
      // The longer a caller has waited, the less a pause adds. A view that moves may be there soon.
      const { maxMs } = this.#pace;
      const waited = (performance.now() - this.#joinedAt) / WAITED_SHARE;
      const most = Math.max(now === this.#seen ? maxMs : maxMs / 2, Math.min(waited, WAITED_MAX_MS));
      this.#intervalMs = this.#isAlone() ? ALONE_MS : Math.min(this.#intervalMs * 1.5, most);
      this.#seen = now;
    } catch (error) {
      for (const waiter of [...this.#waiters]) waiter.fail(error);
    }
  }
}
