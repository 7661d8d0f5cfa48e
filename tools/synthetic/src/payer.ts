import { flat } from './flat.ts';
import type { DomainEvent } from '@provider-access/events';
import { instantOf } from './calendar.ts';
import { type Ledger, ledgerOf, ledgerOver, type LedgerSummary, outlineOf, Totals } from './ledger.ts';
import { memberOf } from './member.ts';
import { PAYER, type Resource } from './profiles.ts';
import { type ProviderOrganization, type Roster, roster as rosterOf } from './roster.ts';
import { type MemberStory, tellStory } from './story.ts';

export interface SyntheticPayerOptions {
  readonly seed: string | number;
  /** How many members, or which ones by number: a test publishes only the members that it needs. */
  readonly members: number | readonly number[];
  /** RFC 3339 instant: the present of the generated payer; nothing happens after it. */
  readonly asOf: string;
  readonly providers?: { readonly practitionersEach?: number };
  /** Members (by number) whose last event is an unreadable opt-out, which denies them until it is resolved. */
  readonly unreadableOptOuts?: readonly number[];
  /** How many members' events overlap in `events()`, 10 by default; each costs some megabytes. */
  readonly window?: number;
}

export interface SyntheticPayer {
  readonly roster: Roster;
  readonly providerOrganizations: readonly ProviderOrganization[];
  /** The roster and the network, for `payer.provider-events`. */
  providerEvents(): IterableIterator<DomainEvent>;
  /** 1-based; the same for any number of members. */
  memberEvents(n: number): MemberStory;
  /** The members' events in publish order: windows of members whose events overlap. Default: all events. */
  membersEvents(choose?: Choice): IterableIterator<DomainEvent>;
  /** Everything in publish order: providers first, then the members' events. */
  events(): IterableIterator<DomainEvent>;
  /**
   * The same as `of` makes it, for example as text. `of` gets the events of a member as soon as the story is told, so
   * that nothing else of the stories is kept until it is their turn.
   */
  eventsAs<T>(of: (event: DomainEvent) => T): IterableIterator<T>;
  readonly ledger: Ledger;
}

/** Which events of a member, by their place in the story. */
type Choice = (story: MemberStory) => (place: number) => boolean;

/**
 * A fictitious payer, as a pure function of seed and member number. Any number of members streams in constant memory.
 * @throws RangeError if `members`, `asOf` or a member number is out of range.
 */
export function syntheticPayer(options: SyntheticPayerOptions): SyntheticPayer {
  const { seed, members, window = 10 } = options;
  const asOf = Date.parse(options.asOf);
  if (Number.isNaN(asOf) || asOf < Date.UTC(2020, 0, 1))
    throw new RangeError('asOf must be an instant in 2020 or later');
  if (typeof members === 'number' && (!Number.isInteger(members) || members < 0))
    throw new RangeError('members must be a whole number');
  if (!Number.isInteger(window) || window < 1) throw new RangeError('window must be a positive whole number');
  const roster = rosterOf(seed, options.providers?.practitionersEach ?? 8);
  const unreadable = new Set(options.unreadableOptOuts ?? []);

  const memberEvents = (n: number): MemberStory => {
    if (!Number.isInteger(n) || n < 1) throw new RangeError('members are numbered from 1');
    return tellStory(seed, memberOf(seed, n, asOf, roster), roster, asOf, unreadable.has(n));
  };

  const size = typeof members === 'number' ? members : members.length;
  const numberAt = (i: number): number => (typeof members === 'number' ? i + 1 : members[i]!);
  function* numbers(): IterableIterator<number> {
    for (let i = 0; i < size; i += 1) yield numberAt(i);
  }
  const npis = roster.organizations.map((o) => o.npi);
  const totals = (): Totals => new Totals(npis, countOf(roster));
  /** Known once all stories were told for their events. */
  let known: LedgerSummary | undefined;
  function* membersEventsAs<T>(of: (event: DomainEvent) => T, choose?: Choice): IterableIterator<T> {
    const all = totals();
    for (let first = 0; first < size; first += window) {
      yield* interleave(
        Array.from({ length: Math.min(window, size - first) }, (_, i) => {
          const story = memberEvents(numberAt(first + i));
          all.add(ledgerOf(story, asOf));
          return queueOf(story, of, choose?.(story));
        }),
      );
    }
    known ??= all.summary();
  }
  function* eventsAs<T>(of: (event: DomainEvent) => T): IterableIterator<T> {
    for (const event of providerEvents(roster)) yield of(event);
    yield* membersEventsAs(of);
  }

  return {
    roster,
    providerOrganizations: roster.organizations,
    providerEvents: () => providerEvents(roster),
    memberEvents,
    membersEvents: (choose) => membersEventsAs(itself, choose),
    events: () => eventsAs(itself),
    eventsAs,
    ledger: ledgerOver(
      numbers,
      totals,
      (n) => ledgerOf(memberEvents(n), asOf),
      (n) => outlineOf(memberOf(seed, n, asOf, roster), unreadable.has(n), asOf),
      () => known,
    ),
  };
}

const OPENED = Date.UTC(2014, 0, 2, 10);
const LEFT = Date.UTC(2021, 5, 30);
const countOf = (roster: Roster): number =>
  roster.resources.length + roster.organizations.length + roster.organizations.filter((o) => !o.inNetwork).length;

function* providerEvents(roster: Roster): IterableIterator<DomainEvent> {
  const source = flat(PAYER, '/providers');
  for (const resource of roster.resources) {
    yield {
      id: flat('provider.', resource.id),
      source,
      type: 'payer.provider-recorded.v1',
      time: instantOf(OPENED),
      subject: subjectOf(resource, roster),
      data: { resource },
    };
  }
  for (const o of roster.organizations) {
    const provider = { npi: o.npi, tin: o.tin };
    yield {
      id: flat('network.', o.id, '.1'),
      source,
      type: 'payer.network-status-changed.v1',
      time: instantOf(OPENED),
      subject: o.npi,
      data: { ...provider, status: 'in-network', from: '2014-01-02' },
    };
    if (!o.inNetwork)
      yield {
        id: flat('network.', o.id, '.2'),
        source,
        type: 'payer.network-status-changed.v1',
        time: instantOf(LEFT),
        subject: o.npi,
        data: { ...provider, status: 'out-of-network', from: '2021-06-30' },
      };
  }
}

/** NPI for people, organization id for organizations and their sites: the key of payer.provider-events. */
function subjectOf(resource: Resource, roster: Roster): string {
  const practitioner = roster.organizations
    .flatMap((o) => o.practitioners)
    .find((p) => p.id === resource.id || p.role === resource.id);
  if (practitioner !== undefined) return practitioner.npi;
  const managing = resource['managingOrganization'] as { reference: string } | undefined;
  return managing?.reference.slice('Organization/'.length) ?? resource.id;
}

const itself = (event: DomainEvent): DomainEvent => event;

/** The rest of a member's events, last one first, so that published ones can be freed. */
interface Queue<T> {
  readonly events: T[];
  readonly published: number[];
}
function queueOf<T>(
  story: MemberStory,
  of: (event: DomainEvent) => T,
  chosen: (place: number) => boolean = () => true,
): Queue<T> {
  const queue: Queue<T> = { events: [], published: [] };
  for (let i = story.events.length - 1; i >= 0; i -= 1)
    if (chosen(i)) {
      queue.events.push(of(story.events[i]!));
      queue.published.push(story.published[i]!);
    }
  return queue;
}

/** Merges by publish time; order within a member stays. */
function* interleave<T>(queues: readonly Queue<T>[]): IterableIterator<T> {
  for (;;) {
    let next: Queue<T> | undefined;
    for (const queue of queues)
      if (queue.events.length > 0 && (next === undefined || queue.published.at(-1)! < next.published.at(-1)!))
        next = queue;
    if (next === undefined) return;
    next.published.pop();
    yield next.events.pop()!;
  }
}
