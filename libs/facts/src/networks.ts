import type { NetworkFact } from '@provider-access/domain/access';
import { type AccessHeld, dataOf, type NetworkStatusRecorded, type ProviderKey } from '@provider-access/events';
import type { LogRecord } from '@provider-access/engines/log';
import { held, heldUnprojected, holdFacts, type Holds, released } from './holds.ts';
import {
  networkFacts,
  type NetworkRowStep,
  type NetworkStatements,
  NO_STATEMENTS,
  outWhileHeld,
  rowOf,
  withNetworkRow,
  withNetworkStatus,
} from './network-status.ts';
import { eventIdOf, recordedAt, subjectOf, typeOfRecord } from './record.ts';
import type { Step } from './steps.ts';

interface Network extends NetworkStatements {
  steps: readonly Step[];
  readonly rows: Map<string, readonly NetworkRowStep[]>;
  /** Undefined until somebody asks. */
  facts: readonly NetworkFact[] | undefined;
}

/** Network status and identifiers of providers, from pa.providers, in memory. */
export class Networks {
  readonly #networks = new Map<ProviderKey, Network>();
  /** Holds of providers: a dead letter may have changed their network status. */
  readonly #holds = new Map<ProviderKey, Holds>();
  /** The identifiers of one provider. Each identifier maps to the same list. */
  readonly #identities = new Map<ProviderKey, ProviderKey[]>();

  of(provider: ProviderKey): readonly NetworkFact[] {
    const known = this.#networks.get(provider);
    if (known === undefined) return this.by(provider, NO_STATEMENTS);
    // A file states many rows about one TIN, so the facts are made when somebody asks.
    known.facts ??= networkFacts(known);
    return this.#unlessHeld(provider, known.facts);
  }
  /** The same, if these were all statements about the provider. */
  by(provider: ProviderKey, statements: NetworkStatements): readonly NetworkFact[] {
    return this.#unlessHeld(provider, networkFacts(statements));
  }
  #unlessHeld(provider: ProviderKey, facts: readonly NetworkFact[]): readonly NetworkFact[] {
    const holds = this.#holds.get(provider);
    return holds === undefined ? facts : outWhileHeld(facts, holdFacts(holds));
  }
  /** What is stated of the provider and still matters. */
  statements(provider: ProviderKey): NetworkStatements {
    return this.#networks.get(provider) ?? NO_STATEMENTS;
  }
  identity(provider: ProviderKey): readonly ProviderKey[] {
    return this.#identities.get(provider) ?? [provider];
  }

  evolve(record: LogRecord): void {
    const type = typeOfRecord(record);
    if (type === 'pa.network-status-recorded.v1') this.#changed(record);
    else if (type === 'pa.access-held.v1' || type === 'pa.access-released.v1') this.#providersHeld(record, type);
  }
  /** Denies the provider of a record that could not be read. */
  failed(record: LogRecord): void {
    const provider = subjectOf(record) as ProviderKey | undefined;
    if (provider !== undefined) this.#holds.set(provider, heldUnprojected(this.#holds.get(provider), record));
  }

  #providersHeld(record: LogRecord, type: string): void {
    const h = dataOf<AccessHeld>(record);
    const at = record.headers['ce_time']!;
    for (const provider of h.providers ?? []) {
      const known = this.#holds.get(provider);
      this.#holds.set(
        provider,
        type === 'pa.access-held.v1' ? held(known, h.deadLetter, h.eventType, at) : released(known, h.deadLetter, at),
      );
    }
  }

  #known(provider: ProviderKey): ProviderKey[] {
    let known = this.#identities.get(provider);
    if (known === undefined) this.#identities.set(provider, (known = [provider]));
    return known;
  }
  /**
   * Identifiers that were joined once stay joined, so that a later event cannot undo an opt-out that named one of them.
   */
  #join(providers: readonly ProviderKey[]): void {
    for (const provider of providers.slice(1)) {
      const [a, b] = [this.#known(providers[0]!), this.#known(provider)];
      if (a === b) continue;
      // The smaller list joins the larger one, because a TIN may have thousands of NPIs, and each event joins one more.
      const [few, many] = a.length < b.length ? [a, b] : [b, a];
      for (const one of few) {
        many.push(one);
        this.#identities.set(one, many);
      }
    }
  }

  /** A newer statement overrules everything from its date on, even if that date is earlier. */
  #changed(record: LogRecord): void {
    const change = dataOf<NetworkStatusRecorded>(record);
    const { provider } = change;
    if (change.with !== undefined) this.#join([provider, ...change.with]);
    const known = this.#networks.get(provider) ?? { steps: [], rows: new Map(), facts: undefined };
    const [event, at, row] = [eventIdOf(record), recordedAt(record), rowOf(change)];
    if (row === undefined) {
      const steps = withNetworkStatus(known.steps, event, change, at);
      if (steps === undefined) return;
      known.steps = steps;
    } else {
      const steps = withNetworkRow(known, event, change, at);
      if (steps === undefined) return;
      known.rows.set(row, steps);
    }
    known.facts = undefined;
    this.#networks.set(provider, known);
  }
}
