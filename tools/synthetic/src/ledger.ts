import type { Outcome } from './draft.ts';
import type { ExpectedEvent, HeldResource, MemberStory } from './story.ts';

type OutcomeCounts = Record<Outcome, number>;
const noOutcomes = (): OutcomeCounts => ({
  recorded: 0,
  unchanged: 0,
  superseded: 0,
  'before-floor': 0,
  'not-served': 0,
  parked: 0,
});

/** What a correct platform stores of a member, and which providers may see it, after the last event. */
export interface MemberLedger {
  readonly n: number;
  readonly member: string;
  readonly covered: boolean;
  /** A global opt-out at the end; `optedOutOf` are the NPIs of provider-specific ones. */
  readonly optedOut: boolean;
  readonly optedOutOf: readonly string[];
  /** An unreadable opt-out, a dead letter, denies the member. */
  readonly onHold: boolean;
  /** NPIs of the organizations the member is attributed to at the end: one Group each. */
  readonly attributedTo: readonly string[];
  /** Those that may see the member: attributed, in network, covered, not opted out. */
  readonly visibleTo: readonly string[];
  readonly outcomes: OutcomeCounts;
  readonly parked: readonly ExpectedEvent[];
  /** By `Type/id` in the payer's form, with money. */
  readonly resources: ReadonlyMap<string, HeldResource>;
  readonly perType: Readonly<Record<string, number>>;
  /** `Type/id` of the Organizations, Practitioners and Locations that these resources refer to directly. */
  readonly supporting: ReadonlySet<string>;
}

const SUPPORTING = /^(Organization|Practitioner|PractitionerRole|Location)\//;

function collect(value: unknown, into: Set<string>): void {
  if (Array.isArray(value)) for (const item of value) collect(item, into);
  else if (typeof value === 'object' && value !== null) {
    for (const [key, inner] of Object.entries(value)) {
      if (key !== 'reference') collect(inner, into);
      else if (typeof inner === 'string') {
        if (SUPPORTING.test(inner)) into.add(inner);
      } else collect(inner, into);
    }
  }
}

export function ledgerOf(story: MemberStory, asOf: number): MemberLedger {
  const { member } = story;
  const outcomes = noOutcomes();
  for (const e of story.expected) outcomes[e.outcome]++;
  const parked = story.expected.filter((e) => e.outcome === 'parked');
  const perType: Record<string, number> = {};
  const supporting = new Set<string>();
  for (const { resource } of story.held.values()) {
    perType[resource.resourceType] = (perType[resource.resourceType] ?? 0) + 1;
    collect(resource, supporting);
  }
  const out =
    member.optOut !== undefined && (member.optOut.back === undefined || member.optOut.back > asOf)
      ? member.optOut
      : undefined;
  const covered = member.terminatedAt === undefined || member.terminatedAt > asOf;
  const optedOut = out !== undefined && out.targets === undefined;
  const optedOutOf = (out?.targets ?? []).map((o) => o.npi);
  const onHold = parked.some((e) => e.fault === 'unreadable-opt-out');
  const attributed = member.attributions.filter((a) => a.to === undefined || a.to > asOf).map((a) => a.organization);
  return {
    n: member.n,
    member: member.id,
    covered,
    optedOut,
    optedOutOf,
    onHold,
    attributedTo: attributed.map((o) => o.npi),
    visibleTo:
      covered && !optedOut && !onHold
        ? attributed.filter((o) => o.inNetwork && !optedOutOf.includes(o.npi)).map((o) => o.npi)
        : [],
    outcomes,
    parked,
    resources: story.held,
    perType,
    supporting,
  };
}

/** The content of one Group for its owner at the end. */
interface ProviderExpectation {
  readonly npi: string;
  /** Attributed at the end, visible or not. */
  attributed: number;
  members: number;
  optedOut: number;
  notCovered: number;
  resources: number;
  readonly perType: Record<string, number>;
  /** Bounded by the roster. */
  readonly supporting: Set<string>;
}
export interface LedgerSummary {
  readonly members: number;
  readonly events: number;
  readonly outcomes: OutcomeCounts;
  readonly faults: Readonly<Record<string, number>>;
  readonly resources: number;
  readonly perType: Readonly<Record<string, number>>;
  readonly providers: ReadonlyMap<string, ProviderExpectation>;
}

/** Members are generated one at a time, so nothing here grows with their number. */
export interface Ledger {
  member(n: number): MemberLedger;
  members(): IterableIterator<MemberLedger>;
  /** Members whom the organization with this NPI may see at the end. */
  visibleMembers(npi: string): IterableIterator<MemberLedger>;
  expectedForProvider(npi: string): ProviderExpectation;
  /** One pass over all members: totals, and every provider's expectation. */
  summary(): LedgerSummary;
}

export function ledgerOver(
  numbers: () => Iterable<number>,
  npis: readonly string[],
  member: (n: number) => MemberLedger,
  providerEvents: number,
): Ledger {
  function* members(): IterableIterator<MemberLedger> {
    for (const n of numbers()) yield member(n);
  }
  const summary = (): LedgerSummary => {
    const outcomes = noOutcomes();
    outcomes.recorded += providerEvents;
    const faults: Record<string, number> = {};
    const perType: Record<string, number> = {};
    const providers = new Map(
      npis.map((npi): [string, ProviderExpectation] => [
        npi,
        {
          npi,
          attributed: 0,
          members: 0,
          optedOut: 0,
          notCovered: 0,
          resources: 0,
          perType: {},
          supporting: new Set(),
        },
      ]),
    );
    let resources = 0;
    let size = 0;
    for (const m of members()) {
      size++;
      for (const outcome of Object.keys(outcomes) as Outcome[]) outcomes[outcome] += m.outcomes[outcome];
      for (const e of m.parked) faults[e.fault!] = (faults[e.fault!] ?? 0) + 1;
      resources += add(perType, m.perType);
      for (const npi of m.attributedTo) count(providers.get(npi)!, m);
    }
    return {
      members: size,
      events: Object.values(outcomes).reduce((a, b) => a + b, 0),
      outcomes,
      faults,
      resources,
      perType,
      providers,
    };
  };
  return {
    member,
    members,
    summary,
    *visibleMembers(npi) {
      for (const m of members()) if (m.visibleTo.includes(npi)) yield m;
    },
    expectedForProvider(npi) {
      const found = summary().providers.get(npi);
      if (found === undefined) throw new Error('no provider organization of the roster has this NPI');
      return found;
    },
  };
}

function add(into: Record<string, number>, counts: Readonly<Record<string, number>>): number {
  let sum = 0;
  for (const [type, n] of Object.entries(counts)) {
    into[type] = (into[type] ?? 0) + n;
    sum += n;
  }
  return sum;
}

function count(provider: ProviderExpectation, m: MemberLedger): void {
  provider.attributed++;
  if (m.optedOut || m.optedOutOf.includes(provider.npi)) provider.optedOut++;
  else if (!m.covered) provider.notCovered++;
  if (!m.visibleTo.includes(provider.npi)) return;
  provider.members++;
  provider.resources += add(provider.perType, m.perType);
  for (const s of m.supporting) provider.supporting.add(s);
}
