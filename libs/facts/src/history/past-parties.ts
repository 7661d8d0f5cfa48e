import type { ClientFacts, HoldFact, LinesFact, NetworkFact, PartyFacts } from '@provider-access/domain/access';
import { PA_DIRECTORY, PA_PROVIDERS, PA_REGISTRY, type ProviderKey } from '@provider-access/events';
import type { LogRecord } from '@provider-access/engines/log';
import { Networks } from '../networks.ts';
import { Registrations } from '../registrations.ts';
import { SourceHolds } from '../source-holds.ts';
import { Specialties } from '../specialties.ts';
import { subjectOf } from '../record.ts';

/** Apps, networks, directory and holds of sources after some of the statements, by the folds of the present. */
export class PastParties implements PartyFacts {
  readonly holdsUntilNotice: boolean;
  readonly #registry = new Registrations();
  readonly #networks = new Networks();
  readonly #directory = new Specialties();
  readonly #holds = new SourceHolds();
  #names: (client: string) => string | undefined;
  #asOf: string | undefined;
  #askedDirectory = false;

  /**
   * @param holdsUntilNotice as the deployment is configured now
   * @param names of apps, which the history does not keep
   */
  constructor(holdsUntilNotice: boolean, names: (client: string) => string | undefined) {
    this.holdsUntilNotice = holdsUntilNotice;
    this.#names = names;
  }

  /** Takes one more record, in the order of its topic. One that cannot be read denies whom it concerns. */
  take(record: LogRecord): void {
    const time = record.headers['ce_time'];
    if (time !== undefined && (this.#asOf === undefined || time > this.#asOf)) this.#asOf = time;
    try {
      if (record.topic === PA_REGISTRY) this.#registry.evolve(record);
      else if (record.topic === PA_PROVIDERS) this.#networks.evolve(record);
      else if (record.topic === PA_DIRECTORY) this.#directory.evolve(record);
      else this.#holds.evolve(record);
    } catch {
      if (record.topic === PA_REGISTRY) this.#registry.failed(record);
      else if (record.topic === PA_PROVIDERS) this.#networks.failed(record);
      else if (record.topic === PA_DIRECTORY) this.#directory.forget(subjectOf(record) ?? '');
      else this.#holds.failed(record);
    }
  }

  client(id: string): ClientFacts | undefined {
    const known = this.#registry.get(id);
    return known && { ...known, name: this.#names(id) ?? known.name };
  }
  network(provider: ProviderKey): readonly NetworkFact[] {
    return this.#networks.of(provider);
  }
  sourceHolds(source: string): readonly HoldFact[] {
    return this.#holds.facts(source);
  }
  identity(provider: ProviderKey): readonly ProviderKey[] {
    return this.#networks.identity(provider);
  }
  specialties(provider: ProviderKey): readonly string[] {
    this.#askedDirectory = true;
    return this.#directory.of(provider);
  }
  deactivated(provider: ProviderKey): boolean {
    this.#askedDirectory = true;
    return this.#directory.deactivated(provider);
  }
  lines(): readonly LinesFact[] {
    return this.#registry.lines.facts();
  }
  asOf(): string | undefined {
    return this.#asOf;
  }
  /** Whether a decision has read the directory, of which the log keeps only the newest entries. */
  askedDirectory(): boolean {
    return this.#askedDirectory;
  }
}
