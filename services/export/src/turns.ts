import { setImmediate } from 'node:timers/promises';

/** How long a request may keep the event loop to itself, ms. */
const TURN_MS = 10;

/** Lets other requests come in between the steps of a long one: a store in this process answers without ever leaving the turn. */
export class Turns {
  private since = performance.now();
  /** Resolves at once while the turn is short, else in the next one. */
  async next(): Promise<void> {
    if (performance.now() - this.since < TURN_MS) return;
    await setImmediate();
    this.since = performance.now();
  }
}
