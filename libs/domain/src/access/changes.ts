import type { DenialReason, ProviderKey } from '@provider-access/events';
import { bindingEnd, providersAt } from './bindings.ts';
import {
  type AccessRequest,
  decide,
  type Decision,
  type DecisionFacts,
  decisionTime,
  type MemberFacts,
} from './decide.ts';
import { type ClientFacts, type Interval, type PartyFacts, sourcesOf } from './facts.ts';

/** What would have to change, in the words of the payer's events and of the reviewer. */
export interface DecisionChange {
  readonly change:
    | 'registration'
    | 'approval'
    | 'binding'
    | 'attribution'
    | 'coverage'
    | 'opt-in'
    | 'dead-letters'
    | 'line-of-business'
    | 'notice'
    | 'network';
  /** Of what: providers, events of opt-outs, dead letters or plans. Absent if the kind says all. */
  readonly of?: readonly string[];
}

const EVER = '0001-01-01T00:00:00.000Z';
const ALWAYS = { from: EVER, recordedAt: EVER, event: 'supposed' };
const NOBODY: Omit<MemberFacts, 'member'> = {
  sources: [],
  coverage: [],
  attributions: [],
  optOuts: [],
  holds: [],
  mergedWith: [],
};
const holdsAt = (interval: Interval, now: number): boolean =>
  Date.parse(interval.from) <= now && (interval.to === undefined || now < Date.parse(interval.to));

/** The same parties, with other answers to some questions. */
const supposing = (party: PartyFacts, other: Partial<PartyFacts>): PartyFacts => ({
  client: (id) => party.client(id),
  network: (provider) => party.network(provider),
  sourceHolds: (source) => party.sourceHolds(source),
  identity: (provider) => party.identity(provider),
  specialties: (provider) => party.specialties(provider),
  deactivated: (provider) => party.deactivated(provider),
  lines: () => party.lines(),
  asOf: () => party.asOf(),
  ...(party.holdsUntilNotice !== undefined && { holdsUntilNotice: party.holdsUntilNotice }),
  ...other,
});

interface Remedy {
  /** Absent if a later remedy names it. */
  readonly change?: DecisionChange;
  /** The facts after the change; undefined if nothing can be said about what follows. */
  readonly facts?: DecisionFacts;
}
type Remedies = Readonly<Record<DenialReason, (asked: Asked) => Remedy>>;
interface Asked extends DecisionFacts {
  readonly request: AccessRequest;
  readonly now: number;
  readonly known: MemberFacts;
  readonly app: ClientFacts | undefined;
}

const withMember = ({ party, known }: Asked, other: Partial<MemberFacts>): DecisionFacts => ({
  party,
  member: { ...known, ...other },
});
const withParty = ({ member, party }: Asked, other: Partial<PartyFacts>): DecisionFacts => ({
  member,
  party: supposing(party, other),
});

const REMEDIES: Remedies = {
  'client-unknown': () => ({ change: { change: 'registration' } }),
  'client-not-approved': (asked) => {
    const { app } = asked;
    if (app === undefined) return { change: { change: 'registration' } };
    const approved = { ...app, history: [...app.history, { status: 'approved' as const, at: EVER }] };
    return { change: { change: 'approval' }, facts: withParty(asked, { client: () => approved }) };
  },
  'member-unknown': (asked) => ({ facts: withMember(asked, {}) }),
  'on-hold': (asked) => ({
    change: {
      change: 'dead-letters',
      of: asked.known.holds.filter((h) => holdsAt(h, asked.now)).map(({ deadLetter }) => deadLetter),
    },
    facts: withMember(asked, { holds: [] }),
  }),
  'source-on-hold': (asked) => ({
    change: {
      change: 'dead-letters',
      of: sourcesOf(asked.known)
        .flatMap((source) => asked.party.sourceHolds(source))
        .filter((h) => holdsAt(h, asked.now))
        .map(({ deadLetter }) => deadLetter),
    },
    facts: withParty(asked, { sourceHolds: () => [] }),
  }),
  'not-attributed': (asked) => {
    const { known, now, request, app } = asked;
    const bound = app === undefined ? [] : providersAt(app, now);
    if (bound.length === 0) {
      const attributed = known.attributions.filter((a) => holdsAt(a, now)).flatMap(({ providers }) => providers);
      return { change: { change: 'binding', ...(attributed.length > 0 && { of: attributed }) } };
    }
    const attribution = { ...ALWAYS, group: request.purpose.group ?? 'supposed', providers: bound };
    return {
      change: { change: 'attribution', of: bound },
      facts: withMember(asked, { attributions: [...known.attributions, attribution] }),
    };
  },
  'opted-out': (asked) => ({
    change: {
      change: 'opt-in',
      of: asked.known.optOuts.filter((o) => holdsAt(o, asked.now)).map(({ event }) => event),
    },
    facts: withMember(asked, { optOuts: [] }),
  }),
  'not-covered': (asked) => ({
    change: { change: 'coverage' },
    facts: withMember(asked, { coverage: [...asked.known.coverage, { ...ALWAYS, coverageId: 'supposed' }] }),
  }),
  'line-not-started': (asked) => ({
    change: {
      change: 'line-of-business',
      of: (asked.known.plans ?? []).filter((p) => holdsAt(p, asked.now)).map(({ plan }) => plan),
    },
    facts: withParty(asked, { lines: () => [] }),
  }),
  notice: (asked) => ({
    change: { change: 'notice' },
    facts: withMember(asked, { notices: [{ ...ALWAYS, kind: 'supposed' }] }),
  }),
  'not-in-network': (asked) => {
    const bound: readonly ProviderKey[] = asked.app === undefined ? [] : providersAt(asked.app, asked.now);
    const inNetwork = [{ status: 'in-network' as const, from: EVER }];
    return { change: { change: 'network', of: bound }, facts: withParty(asked, { network: () => inNetwork }) };
  },
};

/**
 * What would have to change for a permit, one after another, as data (APPS.md P17); [] if the decision permits. Each
 * change is supposed, and the decision is made again, so the list has everything that stands in the way.
 */
export function changesToPermit(request: AccessRequest, facts: DecisionFacts): readonly DecisionChange[] {
  const changes: DecisionChange[] = [];
  const seen = new Set<DenialReason>();
  for (let supposed = facts; ;) {
    const decision = decide(request, supposed);
    if (decision.permit || seen.has(decision.reason)) return changes;
    seen.add(decision.reason);
    const { member = { ...NOBODY, member: request.member }, party } = supposed;
    const asked = { ...supposed, request, known: member, app: party.client(request.client) };
    const { change, facts: next } = REMEDIES[decision.reason]({ ...asked, now: decisionTime(request, supposed) });
    if (change !== undefined) changes.push(change);
    if (next === undefined) return changes;
    supposed = next;
  }
}

/** So many boundaries are looked at. */
const MOST = 200;
/**
 * The instants after `now` (ms since the epoch) at which one of these facts begins or ends, in their order. Between two
 * of them the decision about the member for this client stays the same.
 */
export function boundariesAfter(clientId: string, { member, party }: DecisionFacts, now: number): readonly number[] {
  const client = party.client(clientId);
  const boundaries = new Set<number>();
  const add = (at: string | undefined): void => {
    const time = at === undefined ? Number.NaN : Date.parse(at);
    if (time > now) boundaries.add(time);
  };
  const { coverage = [], attributions = [], attestations = [], optOuts = [], notices = [], plans = [] } = member ?? {};
  const holds =
    member === undefined ? [] : [...member.holds, ...sourcesOf(member).flatMap((source) => party.sourceHolds(source))];
  for (const interval of [...coverage, ...attributions, ...attestations, ...optOuts, ...notices, ...plans, ...holds]) {
    add(interval.from);
    add(interval.to);
  }
  for (const { at } of client?.history ?? []) add(at);
  for (const binding of client?.bindings ?? []) {
    add(binding.from);
    const end = bindingEnd(binding);
    if (end > now && Number.isFinite(end)) boundaries.add(end);
  }
  const providers = [...attributions.flatMap((a) => a.providers), ...attestations.map(({ provider }) => provider)];
  for (const change of providers.flatMap((provider) => party.network(provider))) add(change.from);
  for (const { setAt, plans: lines } of party.lines())
    for (const at of [setAt, ...[...lines.values()].map(({ from }) => from)]) add(at);
  return [...boundaries].sort((a, b) => a - b);
}

/** The next instant at which the facts that are known now decide otherwise, and what they decide then (P17). */
export function nextChange(
  request: AccessRequest,
  facts: DecisionFacts,
): { readonly at: string; readonly decision: Decision } | undefined {
  const verdictOf = (d: Decision): string => (d.permit ? 'permit' : d.reason);
  const present = verdictOf(decide(request, facts));
  const boundaries = boundariesAfter(request.client, facts, decisionTime(request, facts));
  for (const boundary of boundaries.slice(0, MOST)) {
    const at = new Date(boundary).toISOString();
    const decision = decide({ ...request, now: at, past: true }, facts);
    if (verdictOf(decision) !== present) return { at, decision };
  }
  return undefined;
}
