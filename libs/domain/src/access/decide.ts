import type { DenialReason, ProviderKey } from '@provider-access/events';
import { bindingsAt, boundSince, endedBindings, providersAt } from './bindings.ts';
import {
  type AttestationFact,
  type AttributionFact,
  type ClientFacts,
  type CoverageFact,
  type HoldFact,
  type Interval,
  type NoticeFact,
  type OptOutFact,
  type PartyFacts,
  type PlanFact,
  sourcesOf,
} from './facts.ts';
import { coverageSharedSince, isAttributionShared, isCoverageShared, linesAt, withCoverageAt } from './lines.ts';
import { isInCategory } from './specialties.ts';

/** For what a decision is asked. */
export const PURPOSES = ['read', 'search', 'match', 'export', 'download', 'group', 'explain'] as const;
/** Another Group that is one list with the Group of a purpose (ADR 0098). */
export interface AlsoGroup {
  readonly group: string;
  /** RFC 3339 instant since when both are one list. A member of this one alone was not in the other before. */
  readonly since: string;
}
/**
 * With `group`, only attributions and attestations of this Group count, and of `also` (export, download, Group read).
 * Without it, each attribution to one of the client's providers counts, and so does each attestation of the client
 * (MATCH.md M70).
 */
export interface Purpose {
  readonly kind: (typeof PURPOSES)[number];
  readonly group?: string;
  readonly also?: AlsoGroup;
}
export interface AccessRequest {
  readonly client: string;
  readonly purpose: Purpose;
  readonly member: string;
  /** RFC 3339 instant, UTC (`Z`), milliseconds. */
  readonly now: string;
  /**
   * `now` is a past time that `explain` asks about, and not the clock. Only statements that were in force then count.
   */
  readonly past?: true;
}
/** The facts about a member. Whoever adds one adds the rule that reads it below. */
export interface MemberFacts {
  readonly member: string;
  /** Sources that ever published coverage, attribution or consent of this member. */
  readonly sources: readonly string[];
  readonly coverage: readonly CoverageFact[];
  /** Of which plans the coverages are, as far as the payer has said so. */
  readonly plans?: readonly PlanFact[];
  readonly attributions: readonly AttributionFact[];
  /** What providers attested. Absent without any. */
  readonly attestations?: readonly AttestationFact[];
  readonly optOuts: readonly OptOutFact[];
  readonly holds: readonly HoldFact[];
  /** Notices about Provider Access that were sent and have not come back. Absent without any. */
  readonly notices?: readonly NoticeFact[];
  /** Ids that this member was merged into or from. Their opt-outs are already among `optOuts`. */
  readonly mergedWith: readonly string[];
  /** The newest instant at which something about this member was recorded. */
  readonly asOf?: string;
  /**
   * From this instant on the facts are complete. Statements that only matter for earlier decisions may have been
   * dropped.
   */
  readonly completeFrom?: string;
}
export interface DecisionFacts {
  readonly member: MemberFacts | undefined;
  readonly party: PartyFacts;
}
export type Decision =
  | {
      readonly permit: true;
      /** Empty if attestations alone permit. */
      readonly attributions: readonly AttributionFact[];
      /** Absent if attributions alone permit. */
      readonly attestations?: readonly AttestationFact[];
    }
  | { readonly permit: false; readonly reason: DenialReason };

const deny = (reason: DenialReason): Decision => ({ permit: false, reason });
const ms = (instant: string): number => Date.parse(instant);
/**
 * The instant of the decision, ms since the epoch: the clock, but not before the newest event in the facts (ADR 0016).
 * This process's clock may step back or be behind the clock that stamped an event. A statement that took effect when it
 * was recorded must not be in the future of this process.
 */
export function decisionTime(request: Pick<AccessRequest, 'now' | 'past'>, { member, party }: DecisionFacts): number {
  const now = ms(request.now);
  if (request.past === true) return now;
  return Math.max(now, ...[member?.asOf, party.asOf()].map((at) => (at === undefined ? now : ms(at))));
}
const applies = (i: Interval, now: number): boolean => ms(i.from) <= now && (i.to === undefined || now < ms(i.to));

/** Status of the client at a time; undefined before its registration. */
export function clientStatusAt(client: ClientFacts, now: number): ClientFacts['status'] | undefined {
  let status: ClientFacts['status'] | undefined;
  for (const change of client.history) if (ms(change.at) <= now) status = change.status;
  return status;
}

/** The providers to whom the client is bound at the instant of the decision. The past has what was in force then. */
const boundAt = (client: ClientFacts, now: number, { past }: Pick<AccessRequest, 'past'>): readonly ProviderKey[] =>
  past === true ? bindingsAt(client, now).map(({ provider }) => provider) : providersAt(client, now);

/** Whether at least one of the providers is in network at `now` (ms since the epoch) and none is out of network. */
export function inNetwork(party: PartyFacts, providers: AttributionFact['providers'], now: number): boolean {
  let known = false;
  for (const provider of providers) {
    let status: string | undefined;
    for (const change of party.network(provider)) if (ms(change.from) <= now) status = change.status;
    if (status === 'out-of-network') return false;
    if (status === 'in-network') known = true;
  }
  return known;
}

/**
 * Start of the unbroken time in network until `now`, or when the platform recorded that start if that is later; ms
 * since the epoch.
 */
function inNetworkSince(party: PartyFacts, provider: AttributionFact['providers'][number], now: number): number {
  let since = 0;
  let status: string | undefined;
  for (const change of party.network(provider)) {
    if (ms(change.from) > now) continue;
    if (change.status === 'in-network' && status !== 'in-network')
      since = Math.max(ms(change.from), ms(change.recordedAt ?? change.from));
    status = change.status;
  }
  return status === 'in-network' ? since : 0;
}

/**
 * Whether the opt-out denies access by this attribution. What it does not narrow it denies. A target may be any
 * identifier of the attributed or of the client's providers, because a member may know a practice by another number
 * than the payer. A category denies both, if one has a specialty in it, or none that the directory knows (N7).
 */
function bars(
  optOut: Pick<OptOutFact, 'scope' | 'targets' | 'categories' | 'bars'>,
  attribution: AttributionFact,
  client: { readonly providers: readonly ProviderKey[] },
  party: PartyFacts,
): boolean {
  const { scope, targets = [], categories = [] } = optOut;
  if (optOut.bars === 'nobody') return false;
  const identities = (providers: readonly ProviderKey[]): readonly ProviderKey[] =>
    providers.flatMap((provider) => party.identity(provider));
  if (scope === 'provider-specific' && targets.length > 0)
    return identities([...attribution.providers, ...client.providers]).some((known) => targets.includes(known));
  if (scope === 'provider-category' && categories.length > 0) {
    // An attribution has the identifiers of one provider. A client may be bound to several, and each has to be known.
    return [attribution.providers, ...client.providers.map((provider) => [provider])].some((providers) => {
      const specialties = identities(providers).flatMap((known) => party.specialties(known));
      return specialties.length === 0 || specialties.some((one) => categories.some((code) => isInCategory(one, code)));
    });
  }
  return true;
}

/** What grounds access: an attribution, or an attestation in the form of one. */
type Ground = AttributionFact & { readonly attestation?: AttestationFact };
const groundOf = (attestation: AttestationFact): Ground => {
  const { group, provider, from, to, recordedAt, event } = attestation;
  const interval = { from, ...(to !== undefined && { to }) };
  return { ...interval, group, providers: [provider], recordedAt, event, attestation };
};

/** How many attributions and attestations of the member at `now` (ms since the epoch) an opt-out bars. */
export const barredBy = (
  optOut: Pick<OptOutFact, 'scope' | 'targets' | 'categories' | 'bars'>,
  { attributions, attestations = [] }: MemberFacts,
  party: PartyFacts,
  now: number,
): number =>
  [...attributions, ...attestations.map(groundOf)].filter((a) => applies(a, now) && bars(optOut, a, a, party)).length;

/** The holds that deny a member to everybody at `now`, ms since the epoch: its own, and those of its sources. */
export const holdsAt = (member: MemberFacts, party: PartyFacts, now: number): readonly HoldFact[] =>
  [...member.holds, ...sourcesOf(member).flatMap((source) => party.sourceHolds(source))].filter((h) => applies(h, now));

/** Whether a member is denied to everybody at `now` (ms) because the deployment waits for a first notice (N39). */
export const waitsForNotice = (member: MemberFacts, party: PartyFacts, now: number): boolean =>
  party.holdsUntilNotice === true && !(member.notices ?? []).some((n) => applies(n, now));

/**
 * The only code that permits (docs/architecture.md#one-decision; 42 CFR 422.121(a)(2),
 * docs/regulation.md#who-may-see-what). It permits if the client is approved, and the member is covered, has not opted
 * out and is not on hold. The coverage must be of a started line of business (PEOPLE.md N62). Where the deployment asks
 * for it, the member has got a notice. The member must also be attributed to a provider in network to which the client
 * is bound, or such a provider must have attested for this client that it treats the member (MATCH.md M36). The NPI of
 * an attestation must not be deactivated (M31). Intervals are [from, to).
 */
export function decide(request: AccessRequest, facts: DecisionFacts): Decision {
  const now = decisionTime(request, facts);
  const { party } = facts;
  const client = party.client(request.client);
  if (client === undefined) return deny('client-unknown');
  if (clientStatusAt(client, now) !== 'approved') return deny('client-not-approved');
  const member = facts.member;
  if (member === undefined) return deny('member-unknown');
  if (member.holds.some((h) => applies(h, now))) return deny('on-hold');
  if (sourcesOf(member).some((s) => facts.party.sourceHolds(s).some((h) => applies(h, now))))
    return deny('source-on-hold');
  const providers = boundAt(client, now, request);
  const { group, also } = request.purpose;
  const attested = (member.attestations ?? []).filter(
    (a) => a.client === request.client && !party.deactivated(a.provider),
  );
  const grounds = [...member.attributions, ...attested.map(groundOf)]
    .filter(
      (a: Ground) =>
        applies(a, now) &&
        (group === undefined || a.group === group || a.group === also?.group) &&
        a.providers.some((p) => providers.includes(p)),
    )
    .map((a): Ground => withCoverageAt(a, now));
  if (grounds.length === 0) return deny('not-attributed');
  const optOuts = member.optOuts.filter((o) => applies(o, now));
  const open = grounds.filter((a) => !optOuts.some((o) => bars(o, a, { providers }, facts.party)));
  if (open.length === 0) return deny('opted-out');
  const covered = member.coverage.filter((c) => applies(c, now));
  if (covered.length === 0) return deny('not-covered');
  const table = linesAt(facts.party, now);
  const started = open.filter((a) => isAttributionShared(table, member, a, now));
  if (started.length === 0 || !covered.some((c) => isCoverageShared(table, member, c.coverageId, now)))
    return deny('line-not-started');
  if (waitsForNotice(member, party, now)) return deny('notice');
  const permitted = started.filter((a) => inNetwork(facts.party, a.providers, now));
  if (permitted.length === 0) return deny('not-in-network');
  const attestations = permitted.flatMap(({ attestation }) => attestation ?? []);
  return {
    permit: true,
    attributions: permitted.filter(({ attestation }) => attestation === undefined),
    ...(attestations.length > 0 && { attestations }),
  };
}

/**
 * Since when no binding that has ended makes an opt-out in force bar a ground; ms since the epoch. An opt-out of one
 * provider bars each app that is bound to it (`bars`).
 */
function unbarredSince(client: ClientFacts, { member, party }: DecisionFacts, now: number): (a: Ground) => number {
  const optOuts = member!.optOuts.filter((o) => applies(o, now) && o.bars !== 'nobody');
  if (optOuts.length === 0) return () => 0;
  const ended = [...endedBindings(client, now)];
  return (a) =>
    Math.max(
      0,
      ...optOuts.flatMap((o) =>
        ended
          .filter(([provider, at]) => at > ms(o.from) && bars(o, a, { providers: [provider] }, party))
          .map(([, at]) => at),
      ),
    );
}

/**
 * The instant since which the permitted member has been visible to the client without a break, ms since the epoch. If
 * attribution, attestation, binding, coverage, network contract, opt-in or the end of a hold was recorded after
 * `_since`, or a line of business started, the member gets everything
 * (docs/regulation.md#members-who-become-visible). The end of a binding shows a member who had opted out of that
 * provider alone, because an opt-out bars an app that is bound to it.
 */
export function visibleSince(
  request: AccessRequest,
  facts: DecisionFacts,
  decision: Decision = decide(request, facts),
): number {
  const now = decisionTime(request, facts);
  if (!decision.permit) return Number.POSITIVE_INFINITY;
  const since = (i: Interval & { recordedAt: string }): number => Math.max(ms(i.from), ms(i.recordedAt));
  const member = facts.member!;
  const shared = (coverageId: string): number => coverageSharedSince(facts.party, member, coverageId, now);
  const { also } = request.purpose;
  const client = facts.party.client(request.client)!;
  const unbarred = unbarredSince(client, facts, now);
  const grounded = Math.min(
    ...[...decision.attributions, ...(decision.attestations ?? []).map(groundOf)].map((a) =>
      Math.max(
        since(a),
        boundSince(client, a.providers, now),
        unbarred(a),
        ...(also !== undefined && a.group === also.group ? [ms(also.since)] : []),
        ...a.providers.map((p) => inNetworkSince(facts.party, p, now)),
        ...(a.coverageId === undefined ? [] : [shared(a.coverageId)]),
      ),
    ),
  );
  const covered = Math.min(
    ...member.coverage.filter((c) => applies(c, now)).map((c) => Math.max(since(c), shared(c.coverageId))),
  );
  // A resource that names another coverage comes with the line of that one.
  const lines = (member.plans ?? []).map(({ coverageId }) => shared(coverageId)).filter((at) => at <= now);
  const optedIn = Math.max(
    0,
    ...member.optOuts
      .filter((o) => o.to !== undefined && ms(o.to) <= now)
      .map((o) => Math.max(ms(o.to!), ms(o.endRecordedAt ?? o.to!))),
  );
  const held = [...member.holds, ...sourcesOf(member).flatMap((s) => facts.party.sourceHolds(s))];
  const released = Math.max(0, ...held.filter((h) => h.to !== undefined && ms(h.to) <= now).map((h) => ms(h.to!)));
  const told = facts.party.holdsUntilNotice === true ? facts.member!.notices!.filter((n) => applies(n, now)) : [];
  const toldSince = told.length === 0 ? 0 : Math.min(...told.map(since));
  return Math.max(grounded, covered, optedIn, released, toldSince, ...lines);
}
