import type { Lease, Leases } from '../state/index.ts';
import { Poll } from './poll.ts';

/** Pause after a run that another process has, or that could not go on, ms. */
const SOON_MS = 5_000;
/**
 * Pause while no run waits, ms. The process that gets a run begins at once, so this look finds only the runs of a
 * process that ended. An idle process asks the state store that seldom (ADR 0014).
 */
const IDLE_MS = 20_000;

export interface LeasedRunsOptions<R> {
  readonly leases: Leases;
  /** The name of the lease. Its holder makes every run. */
  readonly lease: string;
  /** A name that no other process has. */
  readonly holder: string;
  /** Longer than the time between two renewals by `take`. */
  readonly leaseMs: number;
  /** The run that is next, if one waits. */
  next(): Promise<R | undefined>;
  /** Makes one run, or a step of it, and renews the lease meanwhile. */
  take(run: R, lease: Lease): Promise<void>;
  /** A look failed; the next one goes on. */
  failed(error: unknown): void;
}

/** Makes runs that the state store keeps, one at a time, in one process at a time. */
export class LeasedRuns<R> {
  readonly #options: LeasedRunsOptions<R>;
  readonly #poll: Poll;
  #working: Promise<void> | undefined;
  #isStopping = false;
  /** Somebody asked for a look after the current one had begun. */
  #again = false;
  /** Nothing waited at the last look. */
  #isIdle = true;

  constructor(options: LeasedRunsOptions<R>) {
    this.#options = options;
    this.#poll = new Poll(
      () => this.look(),
      () => (this.#isIdle ? IDLE_MS : SOON_MS),
    );
  }

  start(): void {
    void this.#poll.start();
  }
  /** Resolves when `take` has ended. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#poll.stop();
    await this.#working;
  }

  /** Makes what waits, also what arrives meanwhile, until nothing does. Never rejects. */
  look(): Promise<void> {
    this.#again = true;
    this.#working ??= this.#takeAll()
      .catch((error: unknown) => {
        this.#isIdle = false;
        this.#options.failed(error);
      })
      .finally(() => (this.#working = undefined));
    return this.#working;
  }

  async #takeAll(): Promise<void> {
    const { leases, lease: name, holder, leaseMs, next, take } = this.#options;
    while (!this.#isStopping) {
      this.#again = false;
      const run = await next();
      this.#isIdle = run === undefined;
      if (run === undefined && this.#again) continue;
      if (run === undefined) return;
      const lease = await leases.acquire(name, holder, leaseMs);
      if (lease === undefined) return;
      try {
        await take(run, lease);
      } finally {
        await leases.release(lease).catch(() => undefined);
      }
    }
  }
}
