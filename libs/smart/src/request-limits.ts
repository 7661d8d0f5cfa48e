import type { Clock } from '@provider-access/kernel';
import { BoundedMap } from '@provider-access/kernel';

const MINUTE = 60_000;
/** How many keys are counted at once. With more, the keys whose minute began first are dropped. */
const CAPACITY = 10_000;

/**
 * Requests a minute and key, counted in this process. It comes before anything that costs work or writes: a caller
 * above the limit costs neither a signature check nor a write. Each process counts for itself.
 */
export class RequestLimits {
  private readonly clock: Clock;
  private readonly perMinute: number;
  private readonly windows = new BoundedMap<string, { count: number; readonly resetsAt: number }>(CAPACITY);

  constructor(clock: Clock, perMinute: number) {
    this.clock = clock;
    this.perMinute = perMinute;
  }

  /** Counts a request. @returns 0, or the seconds to wait when the minute of this key is used up */
  take(key: string): number {
    const now = this.clock.now();
    let window = this.windows.get(key);
    // A clock that was set back must not shut anybody out for longer than a minute.
    if (window === undefined || now >= window.resetsAt || window.resetsAt > now + MINUTE) {
      window = { count: 0, resetsAt: now + MINUTE };
      this.windows.set(key, window);
    }
    if (window.count >= this.perMinute) return Math.max(1, Math.ceil((window.resetsAt - now) / 1000));
    window.count++;
    return 0;
  }
  /** Takes a count back: the request was none of those that are limited. */
  giveBack(key: string): void {
    const window = this.windows.get(key);
    if (window !== undefined && window.count > 0) window.count--;
  }
}
