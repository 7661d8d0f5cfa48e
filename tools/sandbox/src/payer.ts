import { SANDBOX_SOURCE, type DomainEvent } from '@provider-access/events';
import { LivingPayer, PAYER, syntheticPayer, type SyntheticPayer } from '@provider-access/synthetic';

/** The same in every sandbox, so that the pages of the documentation can name members. */
const ALWAYS = { seed: 'sandbox', asOf: '2026-11-01T00:00:00.000Z' } as const;

/** The events of a sandbox's payer, and the providers that it knows. */
export class SandboxPayer {
  private readonly history: SyntheticPayer;
  private readonly living: LivingPayer;
  /** NPIs and TINs of organizations and practitioners, as a client claims them. */
  readonly npis: ReadonlySet<string>;
  readonly tins: ReadonlySet<string>;
  readonly organizations: SyntheticPayer['providerOrganizations'];

  constructor(members: number) {
    this.history = syntheticPayer({ ...ALWAYS, members });
    this.living = new LivingPayer({ ...ALWAYS, members });
    this.organizations = this.history.providerOrganizations;
    this.npis = new Set(
      this.organizations.flatMap(({ npi, practitioners }) => [npi, ...practitioners.map((p) => p.npi)]),
    );
    this.tins = new Set(this.organizations.map(({ tin }) => tin));
  }

  /** Everything that happened before the sandbox. */
  *past(): IterableIterator<DomainEvent> {
    for (const event of this.history.events()) yield ofSandbox(event);
  }

  /**
   * The event of a tick. Ticks are counted from the Unix epoch, so a restarted sandbox continues with the tick of the
   * present time.
   * @param everyMs ms between two ticks
   */
  at(tick: number, everyMs: number): DomainEvent {
    return ofSandbox(this.living.event(tick, (each) => each * everyMs));
  }
}

/** The same event with the source of the synthetic payer, which is the only source that a sandbox takes. */
const ofSandbox = (event: DomainEvent): DomainEvent => ({
  ...event,
  source: `${SANDBOX_SOURCE}${event.source.slice(PAYER.length)}`,
});
