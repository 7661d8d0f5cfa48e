import { randomUUID } from 'node:crypto';
import type { Audit } from '@provider-access/audit';
import { type Demographics, guessKeys } from '@provider-access/domain/pdex/match';
import type { State } from '@provider-access/engines/state';
import type { SUSPICIONS } from '@provider-access/events';
import { Refusal } from '@provider-access/kernel';
import type { Job } from '@provider-access/jobs';
import type { ServicePorts } from '@provider-access/service/http';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Guesses within an hour after which requests are 429. */
const SLOW_AFTER = 100;
/** Guesses within a day after which the operation is suspended for the app. */
const SUSPEND_AFTER = 1000;
const SUSPENSIONS = 'match-suspended';
const QUESTIONS = 'match-questions';

/** An app, and when it was approved last: an approval lifts a suspension, and begins a new count. */
interface GuessingApp {
  readonly client: string;
  /** RFC 3339 instant. */
  readonly approvedAt: string;
}

type Ports = { readonly state: Pick<State, 'counters' | 'claims'> } & Pick<ServicePorts, 'metrics' | 'clock'>;
/** The match in which an app did something. */
type Of = Pick<Job, 'client' | 'group' | 'job'>;

/**
 * Watches what may be an attempt on members.
 *
 * Counts searches that look like guesses (M77): a miss whose demographics are near to those of another miss of the app
 * within a day, and which is not the same question again. The counts are in the state store, so all processes share
 * them. The store has only 32 bits of hashes (`guessKeys`).
 *
 * Security events are entries in the audit. They are refused kick-offs with reasons of their own (`SUSPICIONS`), so
 * that earlier builds read them. They have no member and no value. A step that is tried again may write one twice.
 */
export class GuessGuard {
  readonly #ports: Ports;
  readonly #audit: Pick<Audit, 'record'>;

  constructor(ports: Ports, audit: Pick<Audit, 'record'>) {
    this.#ports = ports;
    this.#audit = audit;
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
   * Counts misses: each bundle that was read and not matched, whatever the reason is. Work that is done twice counts
   * once, because its questions are the same. One call of the state store has the keys of all questions, so that the
   * number of calls depends neither on the number of misses nor on their reasons (M59).
   */
  async count(of: Of, app: GuessingApp, missed: readonly Demographics[]): Promise<void> {
    const guessed = missed.length === 0 ? 0 : await this.#guessesAmong(app, missed);
    if (guessed === 0) return;
    const { state, metrics, clock } = this.#ports;
    metrics.count('pa_match_guesses_total', {}, guessed);
    await state.counters.hit(nameOf('hour', app), HOUR_MS, guessed);
    const { count } = await state.counters.hit(nameOf('day', app), DAY_MS, guessed);
    if (count < SUSPEND_AFTER || (await this.isSuspended(app))) return;
    // Before the suspension: an app that somebody finds suspended has an entry that says why.
    await this.#suspicion(of, 'match-suspended', { query: `guesses=${count}` });
    const at = new Date(clock.now()).toISOString();
    if ((await state.claims.claim(SUSPENSIONS, app.client, at)) === at) metrics.count('pa_match_suspensions_total');
  }

  /** Records that bundles at these places of a request had Consents of other patients (M17). */
  async consentsOfOthers(of: Of, places: readonly number[]): Promise<void> {
    if (places.length === 0) return;
    const query = places.map((place) => `bundle=${place}`).join('&');
    await this.#suspicion(of, 'consent-of-another', { query, count: places.length });
  }

  #suspicion(
    { client, group, job }: Of,
    reason: keyof typeof SUSPICIONS,
    facts: { readonly query: string; readonly count?: number },
  ): Promise<void> {
    const about = { client, group, job, members: [], resources: 0, types: ['Group'], ...facts };
    return this.#audit.record({ action: 'export-requested', outcome: 'refused', reason, ...about });
  }

  /**
   * How many questions are other ones than before, and near to one. The first of near questions is no guess.
   *
   * Each key is claimed for a day. The owner of a question's key is this call, so a question that somebody else owns
   * was asked before. The owner of a near key is the first question that has it.
   */
  async #guessesAmong({ client }: GuessingApp, missed: readonly Demographics[]): Promise<number> {
    const { claims } = this.#ports.state;
    const expiresAt = this.#ports.clock.now() + DAY_MS;
    const call = randomUUID();
    const wanted = missed.map((demographics, at) => {
      const { variant, near } = guessKeys(client, demographics);
      const owners = [`${call}/${at}`, ...near.map(() => variant)];
      return [variant, ...near].map((key, i) => ({ key: `${client}/${key}`, owner: owners[i]!, expiresAt }));
    });
    const owners = (await claims.claimMany(QUESTIONS, wanted.flat())).values();
    return wanted.filter((entries) => {
      const [isNew, ...isFirst] = entries.map(({ owner }) => owners.next().value === owner);
      return isNew! && isFirst.includes(false);
    }).length;
  }
}

const nameOf = (window: 'hour' | 'day', { client, approvedAt }: GuessingApp): string =>
  `match-guesses-${window}/${client}/${approvedAt}`;
