import { setImmediate } from 'node:timers/promises';

/** How long a request may block the event loop, ms. */
const TURN_MS = 10;

/**
 * Lets other requests run between the steps of a long one, because a store in this process answers within the same turn
 * of the event loop.
 */
export class Turns {
  private since = performance.now();
  /** Resolves at once while the turn is short, else in the next one. */
  async next(): Promise<void> {
    if (performance.now() - this.since < TURN_MS) return;
    await setImmediate();
    this.since = performance.now();
  }
}
