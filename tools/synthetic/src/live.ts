import type { DomainEvent } from '@provider-access/events';
import { DAY, HOUR, instantOf } from './calendar.ts';
import { DISEASES } from './catalogue.ts';
import { AUTHORIZATION_CHANGED, RECORDED } from './draft.ts';
import { type Member, memberOf } from './member.ts';
import { PAYER, type Resource } from './profiles.ts';
import { Random } from './random.ts';
import { authorizationOf, priorAuthorization } from './resources/authorization.ts';
import { professionalClaim } from './resources/claims.ts';
import { type Roster, roster as rosterOf } from './roster.ts';

export interface LivingPayerOptions {
  readonly seed: string | number;
  readonly members: number;
  /** RFC 3339 instant: the end of the history that `syntheticPayer` tells. */
  readonly asOf: string;
}

/** Ticks in which each kind of event comes once; the other ticks are claims. */
const ROUND = 10;
const [PENDED, OPTED_OUT, DECIDED, OPTED_IN] = [2, 4, 7, 9];

/**
 * The events of a synthetic payer after its history, one for each tick. Claims arrive. A prior authorization is pended,
 * and decided five ticks later. A member opts out, and returns five ticks later. An event is a pure function of the
 * seed, the tick and the time of the tick, so the same tick always gives the same event.
 */
export class LivingPayer {
  readonly #seed: string | number;
  readonly #roster: Roster;
  /** Members who are covered and have said nothing about sharing. */
  readonly #members: readonly Member[];

  /** @throws RangeError if none of the members is covered at the end of the history */
  constructor({ seed, members, asOf }: LivingPayerOptions) {
    this.#seed = seed;
    this.#roster = rosterOf(seed, 8);
    this.#members = Array.from({ length: members }, (_, i) =>
      memberOf(seed, i + 1, Date.parse(asOf), this.#roster),
    ).filter(({ terminatedAt, optOut }) => terminatedAt === undefined && optOut === undefined);
    if (this.#members.length === 0) throw new RangeError('none of the members is covered');
  }

  /** The event of a tick. `timeOf` gives the time of a tick, ms since the epoch. */
  event(tick: number, timeOf: (tick: number) => number): DomainEvent {
    const at = timeOf(tick);
    const place = tick % ROUND;
    const round = (tick - place) / ROUND;
    if (place === PENDED) return this.#authorization(round, at, at, 'pended');
    if (place === DECIDED) return this.#authorization(round, timeOf(tick - DECIDED + PENDED), at, 'approved');
    if (place === OPTED_OUT || place === OPTED_IN) return this.#preference(round, at, place === OPTED_OUT);
    return this.#claim(tick, at);
  }

  #stream(purpose: string, n: number): Random {
    return Random.keyed(this.#seed, 'live', n, purpose);
  }

  #claim(tick: number, at: number): DomainEvent {
    const random = this.#stream('claim', tick);
    const member = random.pick(this.#members);
    const start = at - random.int(2, 20) * DAY;
    const resource = professionalClaim(
      {
        member,
        roster: this.#roster,
        random,
        id: `${member.id}-eob-live-${tick}`,
        start,
        end: start,
        // The payer adjudicates a claim some days after it is received.
        received: Math.min(start + DAY, at),
        disease: random.pick(DISEASES.filter(({ from }) => from <= member.age)),
        practitioner: random.pick(member.home.practitioners),
      },
      true,
    );
    return recordedAt('claims', RECORDED, member, resource, at);
  }

  #authorization(round: number, requested: number, at: number, decision: 'pended' | 'approved'): DomainEvent {
    const random = this.#stream('authorization', round);
    const member = random.pick(this.#members);
    const { document: _, ...authorization } = authorizationOf(
      member,
      this.#roster,
      random,
      `${member.id}-pa-live-${round}`,
      requested - HOUR,
    );
    const resource = priorAuthorization(authorization, { decision, at });
    return recordedAt('authorizations', AUTHORIZATION_CHANGED, member, resource, at);
  }

  #preference(round: number, at: number, out: boolean): DomainEvent {
    const member = this.#stream('preference', round).pick(this.#members);
    const choice = out ? 'opted-out' : 'opted-in';
    return {
      id: `${member.id}.live-${choice}-${round}`,
      source: `${PAYER}/preferences`,
      type: `payer.member-${choice}.v1`,
      time: instantOf(at),
      subject: member.id,
      data: { ...(out && { scope: 'global' }), setBy: 'member', channel: 'portal' },
    };
  }
}

const recordedAt = (system: string, type: string, member: Member, resource: Resource, at: number): DomainEvent => ({
  id: `${resource.id}.${at}`,
  source: `${PAYER}/${system}`,
  type,
  time: instantOf(at),
  subject: member.id,
  data: { resource },
});
