import { BoundedMap, type Clock, Refusal } from '@provider-access/kernel';

const MINUTE = 60_000;
/** Most keys that are counted. With more, the keys whose minute began first are dropped. */
const CAPACITY = 10_000;

/**
 * Limits requests for each key and minute, in each process by itself. Check it before any work, so that a caller above
 * the limit costs neither a signature check nor a write.
 */
export class RequestLimits {
  readonly #clock: Clock;
  readonly #perMinute: number;
  readonly #windows = new BoundedMap<string, { count: number; readonly resetsAt: number }>(CAPACITY);

  constructor(clock: Clock, perMinute: number) {
    this.#clock = clock;
    this.#perMinute = perMinute;
  }

  /** Counts a request. @returns 0, or the seconds to wait when the minute of this key is used up */
  take(key: string): number {
    const now = this.#clock.now();
    let window = this.#windows.get(key);
    // After the clock was set back, a caller must not be refused for longer than a minute.
    if (window === undefined || now >= window.resetsAt || window.resetsAt > now + MINUTE) {
      window = { count: 0, resetsAt: now + MINUTE };
      this.#windows.set(key, window);
    }
    if (window.count >= this.#perMinute) return Math.max(1, Math.ceil((window.resetsAt - now) / 1000));
    window.count++;
    return 0;
  }
  /** Takes a count back, for a request that turned out not to be limited. */
  giveBack(key: string): void {
    const window = this.#windows.get(key);
    if (window !== undefined && window.count > 0) window.count--;
  }
}

/**
 * Whether an error says no to its caller. Any other one says that the platform could not answer. It tells a guesser
 * nothing, and an app that repeats its request must not be limited for it.
 */
export const saysNo = (error: unknown): boolean => error instanceof Refusal && error.status < 500;
