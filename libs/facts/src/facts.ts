import type { Service } from '@provider-access/events';
import type { Logger, Metrics, Sample } from '@provider-access/service/observability';
import type { ViewPosition, ViewReader, Views } from '@provider-access/engines/views';
import { Access } from './access.ts';
import { DEFAULT_BOUND_MS, Freshness, type FreshnessOptions } from './freshness.ts';
import { HeardMembers } from './heard-members.ts';
import { Parties, type PartyPolicy } from './parties.ts';
import { PartiesPresence, type PresenceOptions, PresentReaders } from './presence.ts';
import { memberFacts } from './projections.ts';

export interface FactsOptions extends PartyPolicy, Pick<FreshnessOptions, 'log' | 'clock' | 'boundMs' | 'pollMs'> {
  readonly views: Views;
  readonly metrics?: Metrics;
  /** The log for records that could not be read. */
  readonly logger?: Pick<Logger, 'error'>;
  /** The service whose facts these are, as metrics name it. */
  readonly service?: Service;
  /**
   * Needed if several processes decide. Without it this process is the only one, or its runner waits for it directly.
   */
  readonly presence?: PresenceOptions | undefined;
}

/** All parts that a service needs to decide. Start it before the first request and stop it at the end. */
export class Facts {
  readonly reader: ViewReader;
  readonly parties: Parties;
  readonly freshness: Freshness;
  readonly access: Access;
  readonly #presence: PartiesPresence | undefined;
  readonly #options: FactsOptions;
  #measured: (() => void)[] = [];

  constructor(options: FactsOptions) {
    const { log, views, presence } = options;
    this.#options = options;
    this.reader = views.reader(memberFacts);
    this.parties = new Parties(undefined, options);
    const { reader, parties } = this;
    const heard = new HeardMembers(options.boundMs ?? DEFAULT_BOUND_MS);
    parties.onMember((member, record) => heard.heard(member, record));
    const memberFactsReader = {
      position: async (): Promise<ViewPosition> => {
        const position = await reader.position();
        heard.passed(position);
        return position;
      },
    };
    this.freshness = new Freshness({ ...options, memberFactsReader, parties });
    this.access = new Access(
      {
        ...options,
        reader,
        parties,
        freshness: this.freshness,
        present: presence && new PresentReaders(presence.port),
        versions: { own: memberFacts.version, readerOf: (version) => views.reader({ ...memberFacts, version }) },
      },
      heard,
    );
    const caughtUp = async (timeoutMs: number): Promise<boolean> =>
      this.reader.waitFor(await log.head(Object.keys(memberFacts.topics)), timeoutMs);
    this.#presence =
      presence &&
      new PartiesPresence(this.parties, log, {
        serving: () => this.freshness.fresh(),
        memberFacts: { version: memberFacts.version, caughtUp },
        ...presence,
      });
  }

  async start(): Promise<void> {
    this.#measure();
    await this.parties.start(this.#options);
    await this.freshness.start();
    await this.#presence?.start();
  }
  async stop(): Promise<void> {
    for (const end of this.#measured.splice(0)) end();
    this.freshness.stop();
    await this.#presence?.stop();
    await this.parties.stop();
  }
  #measure(): void {
    const { metrics, service, clock } = this.#options;
    if (metrics === undefined) return;
    this.#measured.push(
      metrics.read('pa_access_held_sources', () =>
        this.parties.ready() ? [{ labels: {}, value: this.parties.heldSources() }] : [],
      ),
    );
    if (service === undefined) return;
    const unreadable = (): Sample<'pa_facts_unreadable_records'>[] => [
      { labels: { service }, value: this.parties.unreadable() },
    ];
    this.#measured.push(metrics.read('pa_facts_unreadable_records', unreadable));
    // If the age is unknown (the start does not end, or nobody has accepted a restore or a loss), it grows with each
    // sample.
    let unconfirmedSince: number | undefined = clock.now();
    this.#measured.push(
      metrics.read('pa_facts_age_seconds', () => {
        const age = this.freshness.ageMs();
        unconfirmedSince = Number.isFinite(age) ? undefined : (unconfirmedSince ?? clock.now());
        return [
          {
            labels: { service },
            value: (unconfirmedSince === undefined ? age : Math.abs(clock.now() - unconfirmedSince)) / 1000,
          },
        ];
      }),
    );
  }
  /** For readiness: without protected data. */
  check(): { readonly ready: boolean; readonly detail?: string } {
    if (!this.parties.ready()) return { ready: false, detail: 'the registry is still being read' };
    if (!this.freshness.fresh()) {
      const why = this.freshness.reason() ?? this.parties.failure();
      return {
        ready: false,
        detail: `facts are older than ${this.freshness.boundMs} ms${why === undefined ? '' : ` (${why})`}`,
      };
    }
    if (!this.parties.current())
      return { ready: false, detail: 'the other processes cannot be told that this one is here' };
    const notice = this.parties.notice();
    return { ready: true, ...(notice !== undefined && { detail: notice }) };
  }
}
