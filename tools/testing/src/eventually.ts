import { performance } from 'node:perf_hooks';

/** The clock and the timer of the machine, kept before a test replaces them. */
const now = performance.now.bind(performance);
const { setTimeout, clearTimeout } = globalThis;

export interface EventuallyOptions {
  /** What the test waits for, in the words of the error message: "the member is visible". */
  readonly what?: string;
  /** The bound in ms. The default is generous, because a busy machine must not fail a test. */
  readonly timeout?: number;
  /**
   * The longest pause between two attempts in ms. The first pauses are shorter. The default grows with the wait, from
   * 20 to 100: an attempt may cost a platform as much as what it works at.
   */
  readonly interval?: number;
}

const DEFAULTS = { timeout: 60_000, interval: 20 };
const LONGEST_MS = 100;
/** A pause is at most this part of what has been waited already. */
const PART = 1 / 25;
const EXPIRED = Symbol('expired');

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error));
const shortened = (source: string): string => (source.length > 200 ? `${source.slice(0, 200)}…` : source);

/**
 * Calls `attempt` until it succeeds, and returns its result. An attempt fails when it throws (an `expect` that does not
 * hold, a request that is refused) or returns `false` (a condition that does not hold). Any other result is a success,
 * `undefined` too, because an assertion returns nothing.
 *
 * The test's own timeout should be longer than the bound, so that the message of this function is the one that is seen.
 */
export async function eventually<T>(
  attempt: () => T | Promise<T>,
  options: EventuallyOptions = {},
): Promise<Exclude<T, false>> {
  const { timeout, interval } = { ...DEFAULTS, ...options };
  const start = now();
  let attempts = 0;
  let last: unknown;
  const longest = (): number => options.interval ?? Math.max(interval, Math.min(LONGEST_MS, (now() - start) * PART));
  for (let pause = 1; ; pause = Math.min(pause * 2, longest())) {
    const remaining = timeout - (now() - start);
    if (attempts > 0 && remaining <= 0) break;
    attempts++;
    try {
      const result = await bounded(attempt, Math.max(remaining, interval));
      if (result === EXPIRED) {
        last = 'the last attempt has not ended';
        break;
      }
      if (result !== false) return result as Exclude<T, false>;
      last = 'the condition is false';
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
  const what = options.what ?? shortened(attempt.toString());
  throw new Error(
    `waited ${Math.round(now() - start)} ms and ${attempts} attempts for: ${what}\nthe last failure: ${reason(last)}`,
    { cause: last },
  );
}

/** The result of an attempt, or `EXPIRED` when it takes longer than what remains of the bound. */
async function bounded<T>(attempt: () => T | Promise<T>, ms: number): Promise<T | typeof EXPIRED> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const expired = new Promise<typeof EXPIRED>((resolve) => {
    timer = setTimeout(() => resolve(EXPIRED), ms);
  });
  try {
    return await Promise.race([Promise.resolve().then(attempt), expired]);
  } finally {
    clearTimeout(timer);
  }
}
