import { type Demographics, guessKeys } from '@provider-access/domain/pdex/match';
import type { State } from '@provider-access/engines/state';
import { Refusal } from '@provider-access/kernel';
import type { ServicePorts } from '@provider-access/service/http';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Guesses within an hour after which requests are 429. */
const SLOW_AFTER = 100;
/** Guesses within a day after which the operation is suspended for the app. */
const SUSPEND_AFTER = 1000;
const SUSPENSIONS = 'match-suspended';

/** An app, and when it was approved last: an approval lifts a suspension, and begins a new count. */
interface GuessingApp {
  readonly client: string;
  /** RFC 3339 instant. */
  readonly approvedAt: string;
}

/**
 * Counts searches that look like guesses (M77): a miss whose demographics are near to those of another miss of the app
 * within a day, and which is not the same question again. The counts are in the state store, so all processes share
 * them. The store has only 32 bits of hashes (`guessKeys`).
 */
export class GuessGuard {
  readonly #ports: { readonly state: Pick<State, 'counters' | 'claims'> } & Pick<ServicePorts, 'metrics' | 'clock'>;

  constructor(ports: { readonly state: Pick<State, 'counters' | 'claims'> } & Pick<ServicePorts, 'metrics' | 'clock'>) {
    this.#ports = ports;
    ports.metrics.zero('pa_match_guesses_total');
    ports.metrics.zero('pa_match_suspensions_total');
  }

  /** Whether a new request may begin. @throws Refusal 429 */
  async admit(app: GuessingApp): Promise<void> {
    const { state, clock } = this.#ports;
    if (await this.isSuspended(app))
      throw new Refusal(
        'too-many-requests',
        'Too many searches looked like guesses of one person, so this operation is suspended for this app. ' +
          'Ask the payer to review the app.',
        { retryAfter: DAY_MS / 1000 },
      );
    const { count, resetsAt } = await state.counters.hit(nameOf('hour', app), HOUR_MS, 0);
    if (count < SLOW_AFTER) return;
    throw new Refusal(
      'too-many-requests',
      'Too many searches without a match had nearly the same demographics. Correct the data, and repeat the request ' +
        'after the time in Retry-After.',
      { retryAfter: Math.max(1, Math.ceil((resetsAt - clock.now()) / 1000)) },
    );
  }

  /** Whether the operation is suspended for the app. A job that runs looks for nobody else then. */
  async isSuspended({ client, approvedAt }: GuessingApp): Promise<boolean> {
    const { claims } = this.#ports.state;
    const suspendedAt = await claims.get(SUSPENSIONS, client);
    if (suspendedAt === undefined) return false;
    if (Date.parse(suspendedAt) >= Date.parse(approvedAt)) return true;
    await claims.release(SUSPENSIONS, client, suspendedAt);
    return false;
  }

  /**
   * Counts the misses of a chunk: each bundle that was read and not matched, whatever the reason is. Work that is done
   * twice counts once, because its questions are the same.
   */
  async count(app: GuessingApp, missed: readonly Demographics[]): Promise<void> {
    let guessed = 0;
    for (const demographics of missed) if (await this.#isGuess(app, demographics)) guessed += 1;
    if (guessed === 0) return;
    const { state, metrics, clock } = this.#ports;
    metrics.count('pa_match_guesses_total', {}, guessed);
    await state.counters.hit(nameOf('hour', app), HOUR_MS, guessed);
    const { count } = await state.counters.hit(nameOf('day', app), DAY_MS, guessed);
    if (count < SUSPEND_AFTER || (await this.isSuspended(app))) return;
    const at = new Date(clock.now()).toISOString();
    if ((await state.claims.claim(SUSPENSIONS, app.client, at)) === at) metrics.count('pa_match_suspensions_total');
  }

  /** Whether this question is another one than before, and near to one. The first of near questions is no guess. */
  async #isGuess({ client }: GuessingApp, demographics: Demographics): Promise<boolean> {
    const { counters } = this.#ports.state;
    const { variant, near } = guessKeys(client, demographics);
    const { count } = await counters.hit(`match-asked/${client}/${variant}`, DAY_MS);
    if (count > 1) return false;
    let isNear = false;
    for (const key of near) isNear = (await counters.hit(`match-near/${client}/${key}`, DAY_MS)).count > 1 || isNear;
    return isNear;
  }
}

const nameOf = (window: 'hour' | 'day', { client, approvedAt }: GuessingApp): string =>
  `match-guesses-${window}/${client}/${approvedAt}`;
