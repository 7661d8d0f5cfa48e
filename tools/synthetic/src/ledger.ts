import type { Outcome } from './draft.ts';
import type { Member } from './member.ts';
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

/** Who may see a member after the last event. */
export interface MemberOutline {
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
}
/** What a correct platform stores of a member, and which providers may see it, after the last event. */
export interface MemberLedger extends MemberOutline {
  readonly outcomes: OutcomeCounts;
  readonly parked: readonly ExpectedEvent[];
  /** By `Type/id` in the payer's form, with money. */
  readonly resources: ReadonlyMap<string, HeldResource>;
  readonly perType: Readonly<Record<string, number>>;
  /** `Type/id` of the Organizations, Practitioners and Locations that these resources refer to directly. */
  readonly supporting: ReadonlySet<string>;
}

const SUPPORTING = /^(Organization|Practitioner|PractitionerRole|Location)\//;

/** Resources are plain data, so `for in` names their own elements, and makes no list of them. */
function collect(value: object, into: Set<string>): void {
  if (Array.isArray(value)) {
    for (const item of value as unknown[]) if (typeof item === 'object' && item !== null) collect(item, into);
    return;
  }
  for (const key in value) {
    const inner = (value as Readonly<Record<string, unknown>>)[key];
    if (typeof inner === 'object') {
      if (inner !== null) collect(inner, into);
    } else if (key === 'reference' && typeof inner === 'string' && SUPPORTING.test(inner)) into.add(inner);
  }
}

/** @param onHold whether the member has an unreadable opt-out */
export function outlineOf(member: Member, onHold: boolean, asOf: number): MemberOutline {
  const out =
    member.optOut !== undefined && (member.optOut.back === undefined || member.optOut.back > asOf)
      ? member.optOut
      : undefined;
  const covered = member.terminatedAt === undefined || member.terminatedAt > asOf;
  const optedOut = out !== undefined && out.targets === undefined;
  const optedOutOf = (out?.targets ?? []).map((o) => o.npi);
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
  };
}

export function ledgerOf({ member, expected, held }: MemberStory, asOf: number): MemberLedger {
  const outcomes = noOutcomes();
  for (const e of expected) outcomes[e.outcome]++;
  const parked = expected.filter((e) => e.outcome === 'parked');
  const perType: Record<string, number> = {};
  for (const { resource } of held.values()) perType[resource.resourceType] = (perType[resource.resourceType] ?? 0) + 1;
  let supporting: Set<string> | undefined;
  return {
    ...outlineOf(
      member,
      parked.some((e) => e.fault === 'unreadable-opt-out'),
      asOf,
    ),
    outcomes,
    parked,
    resources: held,
    perType,
    // Walks all resources, and most callers ask for few members.
    get supporting() {
      if (supporting !== undefined) return supporting;
      supporting = new Set<string>();
      for (const { resource } of held.values()) collect(resource, supporting);
      return supporting;
    },
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
  /** The same members without their resources, which takes a fraction of the time. */
  outlines(): IterableIterator<MemberOutline>;
  /** Members whom the organization with this NPI may see at the end. */
  visibleMembers(npi: string): IterableIterator<MemberLedger>;
  expectedForProvider(npi: string): ProviderExpectation;
  /** Totals, and every provider's expectation. One pass over all members, unless all events were taken before. */
  summary(): LedgerSummary;
}

/** Adds members up. */
export class Totals {
  readonly #outcomes = noOutcomes();
  readonly #faults: Record<string, number> = {};
  readonly #perType: Record<string, number> = {};
  readonly #providers: ReadonlyMap<string, ProviderExpectation>;
  #resources = 0;
  #size = 0;

  constructor(npis: readonly string[], providerEvents: number) {
    this.#outcomes.recorded += providerEvents;
    this.#providers = new Map(npis.map((npi) => [npi, nothingOf(npi)]));
  }

  add(m: MemberLedger): void {
    this.#size++;
    for (const outcome of Object.keys(this.#outcomes) as Outcome[]) this.#outcomes[outcome] += m.outcomes[outcome];
    for (const e of m.parked) this.#faults[e.fault!] = (this.#faults[e.fault!] ?? 0) + 1;
    this.#resources += add(this.#perType, m.perType);
    for (const npi of m.attributedTo) count(this.#providers.get(npi)!, m);
  }

  summary(): LedgerSummary {
    return {
      members: this.#size,
      events: Object.values(this.#outcomes).reduce((a, b) => a + b, 0),
      outcomes: this.#outcomes,
      faults: this.#faults,
      resources: this.#resources,
      perType: this.#perType,
      providers: this.#providers,
    };
  }
}

const nothingOf = (npi: string): ProviderExpectation => ({
  npi,
  attributed: 0,
  members: 0,
  optedOut: 0,
  notCovered: 0,
  resources: 0,
  perType: {},
});

/** @param known the summary, if something else has already added up all members */
export function ledgerOver(
  numbers: () => Iterable<number>,
  totals: () => Totals,
  member: (n: number) => MemberLedger,
  outline: (n: number) => MemberOutline,
  known: () => LedgerSummary | undefined,
): Ledger {
  function* members(): IterableIterator<MemberLedger> {
    for (const n of numbers()) yield member(n);
  }
  let own: LedgerSummary | undefined;
  const summary = (): LedgerSummary => {
    own ??= known();
    if (own !== undefined) return own;
    const all = totals();
    for (const m of members()) all.add(m);
    own = all.summary();
    return own;
  };
  return {
    member,
    members,
    summary,
    *outlines() {
      for (const n of numbers()) yield outline(n);
    },
    *visibleMembers(npi) {
      for (const n of numbers()) if (outline(n).visibleTo.includes(npi)) yield member(n);
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
}
