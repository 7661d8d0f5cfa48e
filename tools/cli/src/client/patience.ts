import { setTimeout as delay } from 'node:timers/promises';
import { CliError, EXIT } from '../output.ts';

/** A client that gives up earlier does not survive a restart of the platform. */
export const PATIENCE_MS = 5 * 60_000;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 10_000;

/** The platform, or a proxy in front of it, cannot answer now but may answer later. */
export const isTemporary = (status: number): boolean => [429, 502, 503, 504].includes(status);

/** A failure after which the same request may succeed. */
export class TemporaryFault extends CliError {
  /** The address of the request in the form for an error message. */
  readonly target: string;
  /** The answer: the server's sentence, or the fault of the connection. */
  readonly answer: string;
  readonly retryAfter: string | undefined;
  constructor(
    url: string,
    answer: string,
    options: { readonly retryAfter?: string | null | undefined; readonly message?: string } = {},
  ) {
    super(EXIT.unavailable, options.message ?? answer);
    this.target = shown(url);
    this.answer = answer;
    this.retryAfter = options.retryAfter ?? undefined;
  }
}

/** A URL without credentials and query, because both can hold a secret. */
function shown(url: string): string {
  const { origin, pathname } = new URL(url);
  return `${origin}${pathname}`;
}

/** Replaced by a test so that it does not wait. */
export interface Timing {
  /** ms since the epoch */
  now(): number;
  sleep(ms: number): Promise<void>;
  /** At least 0 and below 1. */
  random(): number;
}
const MACHINE: Timing = { now: () => Date.now(), sleep: (ms) => delay(ms), random: () => Math.random() };

/**
 * ms until the moment that a Retry-After header names, as seconds or as an HTTP date.
 * https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
 */
export function retryAfterMs(header: string | null | undefined, now: number): number | undefined {
  if (header === null || header === undefined) return undefined;
  const text = header.trim();
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  // A date begins with the name of its day. Date.parse alone would take "-5" for a year.
  const date = /^[A-Za-z]/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

export interface PatienceOptions {
  /** How long the work may make no progress. Default 5 minutes. */
  readonly patienceMs?: number | undefined;
  readonly timing?: Timing | undefined;
  /** Before each pause. */
  readonly onPause?: (text: string) => void;
}

/**
 * Repeats requests that failed for a temporary reason. It gives up when the work has made no progress for the whole
 * budget. Pauses follow Retry-After where the server gives one, and grow with jitter otherwise. No pause ends after the
 * budget.
 */
export class Patience {
  readonly timing: Timing;
  readonly #budgetMs: number;
  readonly #onPause: ((text: string) => void) | undefined;
  #failures = 0;
  #since: number;
  constructor(options: PatienceOptions = {}) {
    this.timing = options.timing ?? MACHINE;
    this.#budgetMs = options.patienceMs ?? PATIENCE_MS;
    this.#onPause = options.onPause;
    this.#since = this.timing.now();
  }

  /** The work made progress, so the budget starts again. */
  progress(): void {
    this.#failures = 0;
    this.#since = this.timing.now();
  }

  /**
   * Calls `attempt` until it succeeds. @throws the failure that is not temporary, or a CliError when the budget is
   * spent
   */
  async run<T>(attempt: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        const result = await attempt();
        this.progress();
        return result;
      } catch (error) {
        if (!(error instanceof TemporaryFault)) throw error;
        await this.#pause(error);
      }
    }
  }

  async #pause(fault: TemporaryFault): Promise<void> {
    const elapsed = this.timing.now() - this.#since;
    const remaining = this.#budgetMs - elapsed;
    if (remaining <= 0) {
      throw new CliError(
        EXIT.unavailable,
        `${fault.target} gave no usable answer for ${Math.round(elapsed / 1000)} s (last answer: ${fault.answer}). ` +
          'Run the same command again: it continues where it stopped.',
      );
    }
    const longest = Math.min(FIRST_PAUSE_MS * 2 ** this.#failures, LONGEST_PAUSE_MS);
    this.#failures += 1;
    const ms = Math.min(
      retryAfterMs(fault.retryAfter, this.timing.now()) ?? longest * (0.5 + this.timing.random() / 2),
      remaining,
    );
    // A server that says "now" again and again must not be asked in a tight loop.
    const pause = Math.max(ms, Math.min(FIRST_PAUSE_MS, remaining));
    this.#onPause?.(`waiting ${(pause / 1000).toFixed(1)} s for ${fault.target} (${fault.answer})`);
    await this.timing.sleep(pause);
  }
}

/** Sends a request with a token. If the server does not accept the token, asks for a fresh one and tries once more. */
export async function authorized<T>(token: TokenOf, request: (token: string) => Promise<T>): Promise<T> {
  const first = await token();
  try {
    return await request(first);
  } catch (error) {
    if (!(error instanceof CliError) || error.code !== EXIT.unauthorized) throw error;
    const second = await token(first);
    if (second === first) throw error;
    return request(second);
  }
}

/** Gives a token that differs from `refused`, if possible. */
export type TokenOf = (refused?: string) => Promise<string>;
