import { PA_ATTESTATIONS, PA_REGISTRY, PAYER_MEMBER_EVENTS, PAYER_PROVIDER_EVENTS } from '@provider-access/events';
import { type EventLog, lossSentence, type Position, reached } from '@provider-access/engines/log';
import { beyond, type ViewReader } from '@provider-access/engines/views';
import type { Clock } from '@provider-access/kernel';
import { Poll } from '@provider-access/engines/jobs';
import { MEMBER_DERIVERS, PROVIDER_DERIVERS } from './derivers.ts';
import { LossWatch } from './loss-watch.ts';
import type { Parties } from './parties.ts';
import { visibleHead } from './visible-head.ts';

/**
 * So many polls in a row must find a payer topic shorter than what was read of it before the process concludes that the
 * log was replaced. A single poll may come from a broker that has just restarted.
 */
const SHORT_POLLS = 6;
export const DEFAULT_BOUND_MS = 5000;
const TOPICS = [PAYER_MEMBER_EVENTS, PAYER_PROVIDER_EVENTS, PA_REGISTRY, PA_ATTESTATIONS] as const;

export interface FreshnessOptions {
  readonly log: EventLog;
  readonly memberFactsReader: Pick<ViewReader, 'position'>;
  readonly parties: Parties;
  readonly clock: Clock;
  /** If the facts are older than this (ms), the service answers 503. Default 5000. */
  readonly boundMs?: number;
  /** Interval of polls while something is new, ms. Default 500, and at most a quarter of the bound. */
  readonly pollMs?: number;
}

/** A poll of an idle log waits this many times longer. */
const IDLE = 2.5;
/** For this part of the bound, a position of the view that was confirmed counts without another query. */
const VERIFIED = 0.6;

/**
 * Measures how old the facts are: the time since the newest moment at which the facts contained everything that the
 * payer had published. A background poll samples the heads of the topics; no request does. While the log, the views or
 * an intake stands still, no sample is confirmed, and the age grows.
 *
 * While the heads stay at the confirmed position, the facts are as fresh as the newest answer with these heads, because
 * nothing was published. Then the poll queries the view only from time to time, to see whether the view still has what
 * it had. If the view lost data, the age counts again from the last time when the view was right.
 */
export class Freshness {
  readonly boundMs: number;
  readonly #options: FreshnessOptions;
  #samples: {
    readonly at: number;
    readonly head: Position;
    /** Without the topics that `reachable` leaves out. */
    readonly heads: Position;
  }[] = [];
  #confirmedAt = Number.NEGATIVE_INFINITY;
  /** The heads that were confirmed last, and when the view was last seen to have passed them. */
  #confirmed: Position | undefined;
  #verifiedAt = Number.NEGATIVE_INFINITY;
  #polledAt = Number.NEGATIVE_INFINITY;
  /** What derivers had passed at the poll before, and whether the log ended before that position since. */
  #passedBefore: readonly Position[] | undefined;
  #shortPolls = 0;
  #shorter = false;
  readonly #polling: Poll;
  readonly #losses: LossWatch;

  constructor(options: FreshnessOptions) {
    this.#options = options;
    this.#losses = new LossWatch(options.log);
    this.boundMs = options.boundMs ?? DEFAULT_BOUND_MS;
    const busyMs = options.pollMs ?? 500;
    const idleMs = Math.max(busyMs, Math.min(busyMs * IDLE, this.boundMs / 4));
    this.#polling = new Poll(
      () => this.poll(),
      () => (this.#confirmedAt === this.#polledAt ? idleMs : busyMs),
    );
  }

  /** Polls until `stop`; resolves after the first poll. */
  start(): Promise<void> {
    return this.#polling.start();
  }
  stop(): void {
    this.#polling.stop();
  }
  /**
   * Age in ms; Infinity until the facts were first confirmed. A clock that is set back makes facts older, never
   * younger.
   */
  ageMs(): number {
    return Math.abs(this.#options.clock.now() - this.#confirmedAt);
  }
  fresh(): boolean {
    return this.ageMs() <= this.boundMs && this.#options.parties.registry.restored() === undefined;
  }
  /** Why the facts are not confirmed, if that is known. */
  reason(): string | undefined {
    if (this.#shorter)
      return (
        'the payer topics end before what was read of them: ' +
        'an older copy of the log was restored, see /docs/backup.html'
      );
    const loss = this.#losses.current();
    if (loss !== undefined) return `${loss.group} has lost events: ${lossSentence(loss)}`;
    const restored = this.#options.parties.registry.restored();
    return (
      restored &&
      `the log was restored from a copy of ${restored.copied}: \`pa topics accept\` once payers have published ` +
        'what came after it, see /docs/backup.html'
    );
  }

  /** One poll: samples the heads, then checks which samples the facts have passed. A failure only lets the age grow. */
  async poll(): Promise<void> {
    const { log, clock } = this.#options;
    try {
      const at = clock.now();
      // The clock was set back. Samples and confirmations of the time before do not tell the age now.
      if (at < this.#polledAt) {
        this.#samples = [];
        this.#confirmedAt = this.#verifiedAt = Number.NEGATIVE_INFINITY;
      }
      this.#polledAt = at;
      this.#passedBefore ??= this.#passedOf((await this.#options.memberFactsReader.position()).derived);
      const head = await log.head(TOPICS);
      await this.#losses.look(at);
      // In a replaced log the same positions belong to other events. A caller that waits for a position would hear too
      // early that it is passed.
      const short = this.#passedBefore.some((position) => beyond(position, head) !== undefined);
      this.#shortPolls = short ? this.#shortPolls + 1 : 0;
      this.#shorter ||= this.#shortPolls >= SHORT_POLLS;
      if (short || this.#shorter || this.#losses.current() !== undefined)
        this.#confirmedAt = this.#verifiedAt = Number.NEGATIVE_INFINITY;
      else if (at - this.#verifiedAt < this.boundMs * VERIFIED && this.#stands(head)) this.#confirmedAt = at;
      else await this.#verify(at, head);
    } catch {
      // The log or the views are unreachable, so nothing is confirmed.
    }
    const oldest = clock.now() - Math.max(60_000, 4 * this.boundMs);
    if (this.#samples.length > 512 || (this.#samples[0]?.at ?? oldest) < oldest)
      this.#samples = this.#samples.filter((s) => s.at >= oldest).slice(-512);
  }

  async #verify(at: number, head: Position): Promise<void> {
    const stood = this.#stands(head);
    try {
      const reachable = await this.#reachable(head);
      // No readable record is left ahead of the facts: only transaction markers are there, or retention removed records
      // that an intake had not read.
      if (!reached(reachable, head)) await this.#losses.look(at, true);
      if (this.#losses.current() !== undefined) return;
      this.#samples.push({ at, head: reachable, heads: head });
      await this.#confirm();
    } finally {
      // What was confirmed without a query of the view is unknown now.
      if (stood && this.#verifiedAt < at) this.#confirmedAt = Math.min(this.#confirmedAt, this.#verifiedAt);
    }
  }
  /** True if nothing was appended since the heads that were confirmed last. */
  #stands(head: Position): boolean {
    return this.#confirmed !== undefined && reached(this.#confirmed, head) && reached(head, this.#confirmed);
  }

  /**
   * The head that readers can reach. It is looked up only if the facts do not reach the plain head for long, because
   * new records make it reachable.
   */
  async #reachable(head: Position): Promise<Position> {
    if (this.ageMs() < this.boundMs / 2) return head;
    const { log, parties } = this.#options;
    const { [PA_REGISTRY]: registry = [], [PA_ATTESTATIONS]: attestations = [], ...payer } = head;
    return {
      ...(await visibleHead(
        log,
        payer,
        MEMBER_DERIVERS.map((deriver) => parties.derived(deriver)),
      )),
      [PA_REGISTRY]: registry,
      [PA_ATTESTATIONS]: attestations,
    };
  }

  #passedOf(derived: Readonly<Record<string, Position>>): readonly Position[] {
    // The ages of the parties keep growing.
    return structuredClone([
      ...MEMBER_DERIVERS.map((d) => derived[d] ?? {}),
      ...[...MEMBER_DERIVERS, ...PROVIDER_DERIVERS].map((d) => this.#options.parties.derived(d)),
    ]);
  }

  async #confirm(): Promise<void> {
    const { memberFactsReader, parties } = this.#options;
    const { derived, topics } = await memberFactsReader.position();
    this.#passedBefore = this.#passedOf(derived);
    const passed = ({ head }: { head: Position }): boolean => {
      const members = { [PAYER_MEMBER_EVENTS]: head[PAYER_MEMBER_EVENTS] ?? [] };
      const providers = { [PAYER_PROVIDER_EVENTS]: head[PAYER_PROVIDER_EVENTS] ?? [] };
      return (
        MEMBER_DERIVERS.every((d) => reached(derived[d] ?? {}, members) && reached(parties.derived(d), members)) &&
        PROVIDER_DERIVERS.every((d) => reached(parties.derived(d), providers)) &&
        reached(parties.position(), { [PA_REGISTRY]: head[PA_REGISTRY] ?? [] }) &&
        // Nothing is derived for these: services append what they decide.
        [topics, parties.position()].every((at) => reached(at, { [PA_ATTESTATIONS]: head[PA_ATTESTATIONS] ?? [] }))
      );
    };
    let newest = this.#samples.length - 1;
    while (newest >= 0 && !passed(this.#samples[newest]!)) newest--;
    if (newest < 0) return;
    const { at, heads } = this.#samples[newest]!;
    this.#confirmedAt = Math.max(this.#confirmedAt, at);
    this.#verifiedAt = Math.max(this.#verifiedAt, at);
    this.#confirmed = heads;
    this.#samples = this.#samples.slice(newest + 1);
  }
}
