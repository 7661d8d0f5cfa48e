import { setImmediate } from 'node:timers/promises';

/** ms that a request may block the event loop. */
const TURN_MS = 10;

/**
 * Lets other requests run between the steps of a long one. This is needed because a store in this process answers
 * without leaving the current turn of the event loop.
 */
export class Turns {
  #since = performance.now();
  async next(): Promise<void> {
    if (performance.now() - this.#since < TURN_MS) return;
    await setImmediate();
    this.#since = performance.now();
  }
}

/** Members in a batch of decisions. A batch takes some ms; other requests run between batches. */
export const DECIDE_BATCH = 100;
