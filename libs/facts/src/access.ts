import {
  barredBy,
  decide,
  type Decision,
  decisionTime,
  type HoldFact,
  holdsAt,
  isOptInEvent,
  isOptOutEvent,
  type MemberFacts,
  memberKnownAt,
  MORE_HOLDS,
  type Purpose,
  reachOfEvent,
  sourcesOf,
  visibleSince,
  waitsForNotice,
} from '@provider-access/domain/access';
import {
  type DenialReason,
  PAYER_MEMBER_EVENTS,
  PAYER_PROVIDER_EVENTS,
  PAYER_TOPICS,
  type PayerEvent,
  type ReadUntil,
} from '@provider-access/events';
import type { EventLog, Position } from '@provider-access/engines/log';
import { type Clock, instant, Refusal } from '@provider-access/kernel';
import type { Metrics } from '@provider-access/service/observability';
import type { ViewDocument, ViewReader } from '@provider-access/engines/views';
import { MEMBER_DERIVERS, PROVIDER_DERIVERS } from './derivers.ts';
import { type ConsentEffect, consentEffect } from './consent.ts';
import { Decided } from './decided.ts';
import type { Freshness } from './freshness.ts';
import type { HeardMembers } from './heard-members.ts';
import { decideKnown, factsOf } from './known-facts.ts';
import type { MemberFactsDocument } from './member-facts.ts';
import type { Parties } from './parties.ts';
import type { PresentReaders } from './presence.ts';
import { readOfMember } from './read-until.ts';
import {
  decideOwners,
  decisionsOfRequest,
  type Deciding,
  type OwnersDecided,
  type RequestDecisions,
} from './request-decisions.ts';
import { visibleHead } from './visible-head.ts';

/**
 * 503: the facts about consent and attribution are older than the bound, or cannot be read. A stale fact never permits.
 */
export class FactsStale extends Refusal {
  constructor() {
    super('unavailable', 'The server cannot check access at the moment. Repeat the request.', { retryAfter: 1 });
  }
}

/** An opt-out or opt-in that was appended, and the dead letter that it becomes if it cannot be read. */
export interface ConsentStatement {
  readonly member: string;
  /** Id of our event (`derivedEventId`). */
  readonly event: string;
  readonly deadLetter: string;
  /**
   * The payer's event, if it could be read. The facts may have dropped its statement, because another statement decides
   * instead.
   */
  readonly payerEvent?: PayerEvent;
}
export type StatementEffect =
  | ConsentEffect
  | { readonly status: 'parked'; readonly deadLetter: string; readonly denies: 'member' }
  /**
   * An opt-in decides now, and the member is denied all the same: by these dead letters, the oldest ones first, and
   * with a `reason` because the member has not got a notice (HOLD_UNTIL_NOTICE).
   */
  | { readonly status: 'held'; readonly deadLetters: readonly string[]; readonly reason?: 'notice' };
const outcomeOf = (decision: Decision): DenialReason | 'permit' => (decision.permit ? 'permit' : decision.reason);
/** ms, for `ViewReader.remembered`. */
const NEVER = Number.NEGATIVE_INFINITY;
/** Dead letters that the answer to an opt-in names. */
const MOST_NAMED = 10;

const deadLettersOf = (holds: readonly HoldFact[]): readonly string[] => {
  const ids = [...holds]
    .sort((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0))
    .map(({ deadLetter }) => (deadLetter.startsWith(MORE_HOLDS) ? deadLetter.slice(MORE_HOLDS.length) : deadLetter));
  return [...new Set(ids)].slice(0, MOST_NAMED);
};

export interface AccessOptions {
  readonly log: Pick<EventLog, 'head' | 'read'>;
  /** Reader of the `memberFacts` view. */
  readonly reader: ViewReader;
  readonly parties: Parties;
  readonly freshness: Freshness;
  readonly clock: Clock;
  readonly metrics?: Metrics;
  /** Other processes of the deployment. A change that this process acknowledges must hold there too. */
  readonly present?: PresentReaders;
  /** The version of the `memberFacts` view that `reader` reads, and readers of those that other processes read. */
  readonly versions?: { readonly own: number; readerOf(version: number): ViewReader };
}

/** What a list shows about a member, and since when. Times are ms since the epoch. */
export interface ListedMember {
  readonly decision: Decision;
  /** Since when a permitted member is visible to the client without a break; Infinity for a denied one. */
  readonly since: number;
  /** When the newest fact about the member was recorded, began or ended; 0 for a member whom nobody knows. */
  readonly known: number;
  readonly sources: readonly string[];
}

/** Party facts of a process, as far as a caller waits for them. */
type PassingParties = Pick<Parties, 'waitFor' | 'waitForDerived'>;

/** Answers services whether a client may see a member: reads the member's facts with one get, then calls `decide`. */
export class Access {
  readonly #options: AccessOptions;
  /** Party facts of the other services in this process. */
  #neighbours: readonly PassingParties[] = [];
  readonly #decided = new Decided();
  readonly #deciding: Deciding;
  /** @param heard which facts in memory may be used again. Without it, only those that the engine knows. */
  constructor(options: AccessOptions, heard?: Pick<HeardMembers, 'withinMs'>) {
    this.#options = options;
    this.#deciding = {
      reader: options.reader,
      withinMs: (member) => heard?.withinMs(member) ?? NEVER,
      assertFresh: () => this.assertFresh(),
      documents: (members) => this.#documents(members),
      judge: (...of) => this.#judge(...of),
      counted: (...of) => this.#counted(...of),
    };
  }

  /**
   * Adds the other services of this process, each with party facts of its own: a change that is acknowledged here must
   * hold there too. A runner of several services calls this before it serves. Separate processes find each other by
   * presence.
   */
  alsoWaitFor(neighbours: readonly PassingParties[]): void {
    this.#neighbours = neighbours;
  }

  /** @throws FactsStale */
  async decide(client: string, purpose: Purpose, member: string): Promise<Decision> {
    return (await this.decideMany(client, purpose, [member]))[0]!;
  }

  /** In the order of members, all at one instant. @throws FactsStale */
  async decideMany(client: string, purpose: Purpose, members: readonly string[]): Promise<readonly Decision[]> {
    const documents = await this.#documents(members);
    return this.#counted(purpose, this.#judge(client, purpose, members, documents));
  }

  /** As `decideMany` for the list of a Group, with the times at which something changed. @throws FactsStale */
  async listMany(client: string, purpose: Purpose, members: readonly string[]): Promise<readonly ListedMember[]> {
    const { parties: party, clock } = this.#options;
    const documents = await this.#documents(members);
    const decisions = this.#counted(purpose, this.#judge(client, purpose, members, documents));
    const now = instant(clock.now());
    return decisions.map((decision, i) => {
      const document = documents[i];
      if (document === undefined) return { decision, since: Infinity, known: 0, sources: [] };
      const member = factsOf(document);
      const request = { client, purpose, member: members[i]!, now };
      const known = memberKnownAt(member, decisionTime(request, { member, party }));
      const since = decision.permit ? visibleSince(request, { member, party }, decision) : Infinity;
      return { decision, since, known, sources: sourcesOf(member) };
    });
  }

  /**
   * Decisions of one request that decides about a member before and after it reads records. The second decision is made
   * anew, with the present time and party facts. It reads the member's facts again if they may have changed: always
   * where other processes write them, because only a query tells. So the first one may come from facts that this
   * process remembers, if they permit. Nothing may leave that is not decided a second time.
   */
  ofRequest(): RequestDecisions {
    return decisionsOfRequest(this.#deciding);
  }

  /**
   * As `decideMany`, for the few owners of one resource. Facts that this process remembers are not read, if they permit
   * with all the others. They may have changed, so the caller reads the resource together with `basis`. A denial reads
   * all facts, as it does for nobody. A caller that refuses in spite of a permit calls `again` before, so that the
   * number of queries does not tell that there is something.
   * @throws FactsStale
   */
  decideOwners(client: string, purpose: Purpose, members: readonly string[]): Promise<OwnersDecided> {
    return decideOwners(this.#deciding, client, purpose, members);
  }

  #judge(
    client: string,
    purpose: Purpose,
    members: readonly string[],
    documents: readonly (ViewDocument | undefined)[],
  ): readonly Decision[] {
    const { parties, clock } = this.#options;
    const at = parties.decisionTime(clock.now());
    const now = instant(at);
    const ofParties = parties.readUntil();
    return members.map((member, i) => {
      const document = documents[i];
      const asOf = document && factsOf(document).asOf;
      this.#decided.note(member, { asOf, now, ofMember: readOfMember(document), ofParties });
      const request = { client, purpose, member, now };
      if (document === undefined) return decide(request, { member: undefined, party: parties });
      return decideKnown(request, at, document, parties);
    });
  }
  /** Runs a request. The entries of its audit have the instants of its own decisions. */
  within<T>(run: () => Promise<T>): Promise<T> {
    return this.#decided.within(run);
  }
  /**
   * The instant of the newest decision about these members: of the running request, or else of this process and not
   * before now. RFC 3339, UTC, milliseconds.
   */
  entryTime(members: readonly string[]): string {
    const { parties, clock } = this.#options;
    return this.#decided.at(members, () => instant(parties.decisionTime(clock.now())));
  }
  /** How far the facts of these decisions of the running request had been read (ADR 0145); undefined without them. */
  entryRead(members: readonly string[]): ReadUntil | undefined {
    return this.#decided.readUntil(members);
  }

  #counted(purpose: Purpose, decisions: readonly Decision[]): readonly Decision[] {
    const { metrics } = this.#options;
    if (metrics === undefined) return decisions;
    if (decisions.length === 1) {
      metrics.count('pa_access_decisions_total', { purpose: purpose.kind, outcome: outcomeOf(decisions[0]!) });
      return decisions;
    }
    const tally = new Map<DenialReason | 'permit', number>();
    for (const decision of decisions) {
      const outcome = outcomeOf(decision);
      tally.set(outcome, (tally.get(outcome) ?? 0) + 1);
    }
    for (const [outcome, count] of tally)
      metrics.count('pa_access_decisions_total', { purpose: purpose.kind, outcome }, count);
    return decisions;
  }

  /** undefined for a member of whom no event was published. @throws FactsStale */
  async facts(member: string): Promise<MemberFacts | undefined> {
    return (await this.factsOfMany([member]))[0];
  }
  /** In the order of members. @throws FactsStale */
  async factsOfMany(members: readonly string[]): Promise<readonly (MemberFacts | undefined)[]> {
    return (await this.#documents(members)).map((document) => document && factsOf(document));
  }
  async #documents(members: readonly string[]): Promise<readonly (ViewDocument | undefined)[]> {
    this.assertFresh();
    try {
      return await this.#options.reader.getMany(members);
    } catch {
      throw new FactsStale();
    }
  }
  /**
   * What each statement does now, in the same order; undefined where the facts do not know it. Call it after
   * `waitForPayerEverywhere`.
   * @throws FactsStale
   */
  async effects(statements: readonly ConsentStatement[]): Promise<readonly (StatementEffect | undefined)[]> {
    this.assertFresh();
    const { reader, parties, clock } = this.#options;
    const documents = await reader.getMany(statements.map(({ member }) => member)).catch(() => {
      throw new FactsStale();
    });
    return statements.map(({ event, deadLetter, payerEvent }, i) => {
      const document = documents[i];
      if (document === undefined) return undefined;
      const facts = factsOf(document);
      if (facts.holds.some((h) => h.deadLetter === deadLetter && h.to === undefined))
        return { status: 'parked', deadLetter, denies: 'member' };
      const now = decisionTime({ now: instant(clock.now()) }, { member: facts, party: parties });
      const effect = consentEffect((document as MemberFactsDocument).consent, event, {
        now,
        payerEvent,
        identity: (provider) => parties.identity(provider),
        specialties: (provider) => parties.specialties(provider),
      });
      // If a member has many dead letters, one hold in the facts stands for several of them.
      const isHeld = facts.holds.some((h) => h.deadLetter.startsWith(MORE_HOLDS) && h.to === undefined);
      if (effect === undefined && isHeld) return { status: 'parked', deadLetter, denies: 'member' };
      if (effect?.status !== 'effective' || payerEvent === undefined) return effect;
      if (isOptOutEvent(payerEvent)) {
        const reaches = facts.optOuts.filter((optOut) => optOut.event === event);
        const barred = (reaches.length > 0 ? reaches : [reachOfEvent(payerEvent)]).map((reach) =>
          barredBy(reach, facts, parties, now),
        );
        return barred.every((count) => count === 0) ? { ...effect, bars: 0 } : effect;
      }
      if (!isOptInEvent(payerEvent)) return effect;
      const deadLetters = deadLettersOf(holdsAt(facts, parties, now));
      if (waitsForNotice(facts, parties, now)) return { status: 'held', deadLetters, reason: 'notice' };
      return deadLetters.length === 0 ? effect : { status: 'held', deadLetters };
    });
  }
  /** @throws FactsStale */
  assertFresh(): void {
    if (!this.#options.parties.ready() || !this.#options.parties.current() || !this.#options.freshness.fresh())
      throw new FactsStale();
  }

  /** The end of what the payer has published until now, as positions that derivers reach. @throws EngineUnavailable */
  async payerHead(): Promise<Position> {
    const { log, parties } = this.#options;
    return visibleHead(
      log,
      await log.head(PAYER_TOPICS),
      MEMBER_DERIVERS.map((deriver) => parties.derived(deriver)),
    );
  }

  /** True once the facts of this process have passed a position on payer topics, false after the timeout (ms). */
  async waitForPayer(position: Position, timeoutMs: number): Promise<boolean> {
    const { reader, parties } = this.#options;
    const [view, party] = await Promise.all([
      reader.waitFor(membersOf(position), timeoutMs, MEMBER_DERIVERS),
      parties.waitForDerived(targetsOf(position), timeoutMs),
    ]);
    return view && party;
  }
  /**
   * The same for every running process. An opt-out that is acknowledged after this is effective wherever the next
   * request arrives. (Processes of one version share the view of member facts. Each process keeps holds of sources and
   * the network in its own memory.)
   */
  waitForPayerEverywhere(position: Position, timeoutMs: number): Promise<boolean> {
    return this.#everywhere(
      (reader) => reader.waitFor(membersOf(position), timeoutMs, MEMBER_DERIVERS),
      (parties) => parties.waitForDerived(targetsOf(position), timeoutMs),
    );
  }
  /**
   * True once the facts of every process have passed a position on our own topics, such as `pa.consent`; false after
   * the timeout (ms).
   */
  waitForOursEverywhere(position: Position, timeoutMs: number): Promise<boolean> {
    return this.#everywhere(
      (reader) => reader.waitFor(position, timeoutMs),
      (parties) => parties.waitFor(position, timeoutMs),
    );
  }
  /**
   * During a roll-out processes of two versions may read the members' facts from two views. Read the list of readers
   * only after our own view has passed the position. A process that joins later starts from a view that already
   * contains the event; a process that joined earlier is on the list.
   */
  async #everywhere(
    view: (reader: ViewReader) => Promise<boolean>,
    party: (parties: PassingParties) => Promise<boolean>,
  ): Promise<boolean> {
    const { reader, parties, present, versions } = this.#options;
    const others = [...(present === undefined ? [] : [present]), ...this.#neighbours];
    const all = await Promise.all([view(reader), ...[parties, ...others].map(party)]);
    if (!all.every(Boolean)) return false;
    if (present === undefined || versions === undefined) return true;
    try {
      const read = (await present.memberFacts()).filter((other) => other !== versions.own);
      return (await Promise.all(read.map((other) => view(versions.readerOf(other))))).every(Boolean);
    } catch {
      return false;
    }
  }
}

const membersOf = (position: Position): Position => ({ [PAYER_MEMBER_EVENTS]: position[PAYER_MEMBER_EVENTS] ?? [] });
const targetsOf = (position: Position): { readonly deriver: string; readonly position: Position }[] => [
  ...MEMBER_DERIVERS.map((deriver) => ({ deriver, position: membersOf(position) })),
  ...PROVIDER_DERIVERS.map((deriver) => ({
    deriver,
    position: { [PAYER_PROVIDER_EVENTS]: position[PAYER_PROVIDER_EVENTS] ?? [] },
  })),
];
