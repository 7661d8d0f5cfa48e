import type { Db, ServerHeartbeatSucceededEvent } from 'mongodb';
import { guarded } from './client.ts';

const SAMPLES = 3;
const WARN_MS = 1000;

/**
 * One process writes the end of a lease and another reads it. A wrong clock of one process must not end the lease of
 * another. So times in the store are those of the server's clock: the system clock plus a difference. `hello` shows it
 * at opening and with each heartbeat of the driver, to half a round trip. An injected clock is used as is.
 */
export class ServerClock {
  readonly #now: () => number;
  #offset = 0;
  #stop: (() => void) | undefined;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** The time of the server, ms since the epoch. */
  now(): number {
    return this.#now() + this.#offset;
  }

  /** Converts a time of a caller to the server's clock, and back. */
  toServer(time: number): number {
    return time + this.#offset;
  }

  toCaller(time: number): number {
    return time - this.#offset;
  }

  async align(db: Db, logger?: { warn(fields: object, message: string): void }): Promise<void> {
    await this.#measure(db);
    if (Math.abs(this.#offset) > WARN_MS)
      logger?.warn({ differenceMs: this.#offset }, 'the clock of this process differs from that of the state store');
    const { client } = db;
    const heard = ({ reply, duration }: ServerHeartbeatSucceededEvent): void =>
      this.#take(reply['localTime'], this.#now() - duration, duration);
    client.on('serverHeartbeatSucceeded', heard); // otherwise the last difference stays
    this.#stop = () => void client.off('serverHeartbeatSucceeded', heard);
  }

  stop(): void {
    this.#stop?.();
  }

  async #measure(db: Db): Promise<void> {
    let best = Infinity;
    for (let i = 0; i < SAMPLES; i++) {
      const before = this.#now();
      const start = performance.now();
      const { localTime } = await guarded(() => db.admin().command({ hello: 1 }));
      const took = performance.now() - start;
      if (took >= best) continue;
      best = took;
      this.#take(localTime, before, took);
    }
  }

  #take(localTime: unknown, before: number, took: number): void {
    if (localTime instanceof Date) this.#offset = Math.round(localTime.getTime() - (before + took / 2));
  }
}

/** When a TTL index may delete a document that expires at `expires`: an hour later. The deletion only saves space. */
export function tidyAt(expires: number, now: number): Date {
  return new Date(Date.now() + Math.min(Math.max(expires - now, 0), 100 * 365 * 86_400_000) + 3_600_000);
}
