import type { Position } from '@provider-access/engines/log';

/** Appends that may be in the log and not in the facts: a request for facts then waits for two batches of an intake. */
export const APPENDS_AHEAD = 2;
/** ms. On slow engines an append may take longer than the facts may be old. */
const AHEAD_MS = 1000;
/** ms. If the facts stand still, a sender waits so long once. Then no sender waits for a while. */
const PATIENCE_MS = 2000;
const REST_MS = 30_000;

/**
 * Lets senders of many events append only as fast as the facts follow. Every decision needs facts that contain what the
 * payer has published, so a log that is seconds ahead of the facts closes all reads (503) until the facts catch up. It
 * never delays a request that holds opt-outs and opt-ins alone.
 */
export class FactsPace {
  readonly #passed: (position: Position, timeoutMs: number) => Promise<boolean>;
  readonly #now: () => number;
  readonly #ahead: { readonly position: Position; readonly at: number }[] = [];
  #restUntil = Number.NEGATIVE_INFINITY;

  /** @param passed true once the facts have passed a position on payer topics, false after the timeout (ms) */
  constructor(
    passed: (position: Position, timeoutMs: number) => Promise<boolean>,
    now: () => number = () => performance.now(),
  ) {
    this.#passed = passed;
    this.#now = now;
  }

  /** Resolves when another append may begin. It never rejects, and resolves at once while the facts stand still. */
  async room(): Promise<void> {
    while (this.#isFull()) {
      const oldest = this.#ahead[0]!;
      const passed = await this.#passed(oldest.position, PATIENCE_MS).catch(() => false);
      // Another sender may have waited for the same append.
      if (this.#ahead[0] === oldest) this.#ahead.shift();
      if (!passed) this.#restUntil = this.#now() + REST_MS;
    }
  }
  /** Call it with the end of each append that followed `room`. */
  appended(position: Position): void {
    this.#ahead.push({ position, at: this.#now() });
    if (this.#isResting()) this.#ahead.length = 0;
  }

  #isResting(): boolean {
    return this.#now() < this.#restUntil;
  }
  #isFull(): boolean {
    const [oldest] = this.#ahead;
    if (oldest === undefined || this.#isResting()) return false;
    return this.#ahead.length >= APPENDS_AHEAD || this.#now() - oldest.at > AHEAD_MS;
  }
}
