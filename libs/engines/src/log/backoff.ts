import { setTimeout as sleep } from 'node:timers/promises';

/** Pauses between tries, ms. Each is twice the one before. */
export interface Backoff {
  readonly firstMs: number;
  readonly maxMs: number;
}
export const DEFAULT_BACKOFF: Backoff = { firstMs: 50, maxMs: 2000 };

/** The pause that follows `failures` earlier ones, ms. */
export const backoffMs = ({ firstMs, maxMs }: Backoff, failures: number): number =>
  Math.min(maxMs, firstMs * 2 ** Math.min(failures, 16));

/** Resolves after the time, or as soon as `signal` is aborted. With `ref` false it does not keep the process alive. */
export const pause = (ms: number, signal: AbortSignal, ref = true): Promise<void> =>
  sleep(ms, undefined, { signal, ref }).catch(() => undefined);
