import { SANDBOX_SOURCE, type DomainEvent } from '@provider-access/events';
import { LivingPayer, type MemberStory, PAYER, syntheticPayer, type SyntheticPayer } from '@provider-access/synthetic';

/** The same in every sandbox, so that the pages of the documentation can name members. */
const ALWAYS = { seed: 'sandbox', asOf: '2026-11-01T00:00:00.000Z' } as const;

const DAY = 86_400_000;
/** What happened in so many days before the sandbox is its newest data. */
const NEWEST_DAYS = 90;
/** Resources that say who a member is, and of which payer. */
const MEMBER = /^(Patient|Coverage|RelatedPerson|payer\.)/;

/**
 * The events that come first: who the members are, who may see them, and the resources of the last days. All versions
 * of a resource stay together and in order. Faulty events come later, because what an event of another member becomes
 * depends on what was there before it.
 */
function isFirst({ events, expected }: MemberStory): (place: number) => boolean {
  const since = new Date(Date.parse(ALWAYS.asOf) - NEWEST_DAYS * DAY).toISOString();
  const newest = new Set(expected.flatMap(({ about }, i) => (events[i]!.time >= since ? [about] : [])));
  return (place) => {
    const { about, outcome } = expected[place]!;
    return outcome !== 'parked' && (MEMBER.test(about) || newest.has(about));
  };
}

/** The events of a sandbox's payer, and the providers that it knows. */
export class SandboxPayer {
  readonly #history: SyntheticPayer;
  readonly #living: LivingPayer;
  /** NPIs and TINs of organizations and practitioners, as a client claims them. */
  readonly npis: ReadonlySet<string>;
  readonly tins: ReadonlySet<string>;
  /** How many events `past` yields. It is known when `newest` has ended. */
  older = 0;
  readonly organizations: SyntheticPayer['providerOrganizations'];

  constructor(members: number) {
    this.#history = syntheticPayer({ ...ALWAYS, members });
    this.#living = new LivingPayer({ ...ALWAYS, members });
    this.organizations = this.#history.providerOrganizations;
    this.npis = new Set(
      this.organizations.flatMap(({ npi, practitioners }) => [npi, ...practitioners.map((p) => p.npi)]),
    );
    this.tins = new Set(this.organizations.map(({ tin }) => tin));
  }

  /** Providers, members and the newest data: with these alone, every answer about them is right. */
  *newest(): IterableIterator<DomainEvent> {
    for (const event of this.#history.providerEvents()) yield ofSandbox(event);
    this.older = 0;
    const counted = (story: MemberStory): ((place: number) => boolean) => {
      const first = isFirst(story);
      this.older += story.events.filter((_, place) => !first(place)).length;
      return first;
    };
    for (const event of this.#history.membersEvents(counted)) yield ofSandbox(event);
  }
  /** The rest of what happened before the sandbox. */
  *past(): IterableIterator<DomainEvent> {
    const isOlder = (story: MemberStory): ((place: number) => boolean) => {
      const first = isFirst(story);
      return (place) => !first(place);
    };
    for (const event of this.#history.membersEvents(isOlder)) yield ofSandbox(event);
  }

  /**
   * The event of a tick. Ticks are counted from the Unix epoch, so a restarted sandbox continues with the tick of the
   * present time.
   * @param everyMs ms between two ticks
   */
  at(tick: number, everyMs: number): DomainEvent {
    return ofSandbox(this.#living.event(tick, (each) => each * everyMs));
  }
}

/** The same event with the source of the synthetic payer, which is the only source that a sandbox takes. */
const ofSandbox = (event: DomainEvent): DomainEvent => ({
  ...event,
  source: `${SANDBOX_SOURCE}${event.source.slice(PAYER.length)}`,
});
