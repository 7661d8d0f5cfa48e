import type { Work, WorkItem } from '../state/index.ts';

/** Why a handler's signal was aborted. */
type AbortReason = 'lost' | 'stopping';

export interface WorkersOptions {
  readonly work: Work;
  readonly queue: string;
  /** The holder of the leases: a name that is unique to this process. */
  readonly holder: string;
  /** Most items at a time. Default 1. */
  readonly concurrency?: number;
  /** How long a lease lasts without a heartbeat. A heartbeat is sent every third of it. Default 30 s. */
  readonly ttlMs?: number;
  /** Pause before a failed item is available again. Default 1 s, doubled for each attempt, at most 60 s. */
  readonly backoffMs?: (attempts: number) => number;
  /** The clock of the work store, ms since the epoch. */
  readonly clock: { now(): number };
  /**
   * Processes one item, which is done when the promise resolves. Another holder may run the same item at any time, so
   * all writes must carry `item.fence`. `signal` is aborted when the lease is lost or the workers stop. `heartbeat`
   * checks the lease at once. If it returns false, stop, and do not use the result.
   */
  handle(item: WorkItem, signal: AbortSignal, heartbeat: () => Promise<boolean>): Promise<void>;
  /** Called at each failure, before the item is released. */
  failed?(item: WorkItem, error: unknown): void;
}

const defaultBackoff = (attempts: number): number => Math.min(1000 * 2 ** Math.min(attempts - 1, 10), 60_000);

/**
 * Takes items of one queue, passes them to `handle`, and renews the lease of each item meanwhile. Every process may run
 * workers, because the store gives an item to one holder at a time.
 */
export class Workers {
  readonly #options: WorkersOptions;
  readonly #ttlMs: number;
  readonly #stopping = new AbortController();
  readonly #idle = new Set<() => void>();
  readonly #inFlight = new Map<WorkItem, AbortController>();
  #loops: readonly Promise<void>[] = [];
  #notified = 0;

  constructor(options: WorkersOptions) {
    this.#options = options;
    this.#ttlMs = options.ttlMs ?? 30_000;
  }

  start(): void {
    if (this.#loops.length > 0) return;
    this.#loops = Array.from({ length: this.#options.concurrency ?? 1 }, () => this.#loop());
  }

  /** Makes idle workers ask the store, because there may be an item. They do not ask by themselves. */
  notify(): void {
    this.#notified++;
    for (const wake of [...this.#idle]) wake();
  }

  /** Aborts running items, releases unfinished ones, and resolves when none is in progress. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    for (const controller of this.#inFlight.values()) controller.abort('stopping' satisfies AbortReason);
    this.notify();
    await Promise.all(this.#loops);
  }

  get #stopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  async #loop(): Promise<void> {
    while (!this.#stopped) {
      const seen = this.#notified;
      const asked = performance.now();
      let item: WorkItem | undefined;
      try {
        item = await this.#options.work.take(this.#options.queue, this.#options.holder, this.#ttlMs);
      } catch {
        // The store is unavailable. The next notification tries again.
      }
      if (item !== undefined) await this.#do(item, asked);
      else if (seen === this.#notified) await this.#wait();
    }
  }

  /** `asked` is the monotonic time of the request for the lease, which lasts at most `ttlMs` from then. */
  async #do(item: WorkItem, asked: number): Promise<void> {
    const controller = new AbortController();
    this.#inFlight.set(item, controller);
    if (this.#stopped) controller.abort('stopping' satisfies AbortReason);
    let lost = false;
    let leasedAt = asked;
    const heartbeat = async (): Promise<boolean> => {
      if (lost) return false;
      const at = performance.now();
      const holds = await this.#options.work.heartbeat(item, this.#ttlMs);
      if (holds) {
        leasedAt = Math.max(leasedAt, at);
      } else {
        lost = true;
        controller.abort('lost' satisfies AbortReason);
      }
      return holds;
    };
    // One heartbeat at a time, so that a slow store does not get many at once. A failed heartbeat does not yet mean a
    // lost lease, because the fencing token decides.
    let beating = false;
    const beat = async (): Promise<void> => {
      if (beating) return;
      beating = true;
      await heartbeat().catch(() => {});
      beating = false;
    };
    const timer = setInterval(() => void beat(), Math.max(1, Math.floor(this.#ttlMs / 3)));
    /**
     * Repeats a call to the store while the store is unavailable and the lease may still be held. So a short failure of
     * the store does not make a finished item run again.
     */
    const tell = async (call: () => Promise<boolean>): Promise<void> => {
      for (;;) {
        try {
          await call();
          return;
        } catch (error) {
          if (this.#stopped || lost || performance.now() - leasedAt > this.#ttlMs) throw error;
        }
        await this.#wait(Math.min(1000, this.#ttlMs / 10));
      }
    };
    try {
      // The answer to `take` was slow, so another holder may have the item by now.
      if (performance.now() - asked > this.#ttlMs / 3) await heartbeat();
      let failure: { readonly error: unknown } | undefined;
      try {
        // A handler that waits for the event `abort` would never end if the signal was aborted before.
        controller.signal.throwIfAborted();
        await this.#options.handle(item, controller.signal, heartbeat);
      } catch (error) {
        failure = { error };
      }
      if (lost) return;
      if (failure === undefined) {
        await tell(() => this.#options.work.done(item));
        return;
      }
      const handedBack = controller.signal.aborted;
      if (!handedBack) this.#options.failed?.(item, failure.error);
      await tell(() =>
        this.#options.work.release(
          item,
          handedBack ? 0 : this.#options.clock.now() + (this.#options.backoffMs ?? defaultBackoff)(item.attempts),
        ),
      );
    } catch {
      // The item is neither done nor released. After the end of its lease another worker takes it.
    } finally {
      clearInterval(timer);
      this.#inFlight.delete(item);
    }
  }

  /** Until `notify` or `stop`, or for `ms`. */
  #wait(ms?: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.#idle.delete(wake);
        resolve();
      };
      const timer = ms === undefined ? undefined : setTimeout(wake, ms);
      this.#idle.add(wake);
    });
  }
}
