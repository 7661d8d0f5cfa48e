import { Inject, Injectable } from '@nestjs/common';
import { type ClientFacts, type NetworkFact, providersAt } from '@provider-access/domain/access';
import { npiKey, type ProviderKey, tinKey } from '@provider-access/events';
import { type ClientRegistration, Parties } from '@provider-access/facts';
import { Refusal } from '@provider-access/kernel';
import { lasting } from '../../domain/bindings.ts';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { directory, type DirectoryEntry, directoryEntries } from '@provider-access/records';
import type { ViewReader } from '@provider-access/engines/views';

/** How the answer names another app. */
export const brief = ({ client, name, status }: Pick<ClientFacts, 'client' | 'name' | 'status'>) => ({
  client_id: client,
  client_name: name,
  status,
});

/** Identifiers of an app that the answer shows. Each needs a query to the directory. */
const MAX_SHOWN = 100;
/** Identifiers of one app that a list checks, and queries to the directory for one list. */
const MAX_CHECKED = 5;
const MAX_QUERIES = 100;

/** What is known about the identifiers that an app claims or is bound to, as counts. */
export interface IdentifierChecks {
  readonly identifiers: number;
  /** Beyond the bound of a list. The counts below do not have them. */
  readonly not_checked: number;
  /** Absent while the directory cannot be asked. */
  readonly in_directory?: number;
  readonly in_network: number;
  readonly out_of_network: number;
  /** Those that another app has that is approved or suspended. */
  readonly bound_elsewhere: number;
}

/** Collects what a reviewer needs to decide whether an identifier belongs to an app. */
@Injectable()
export class Identifiers {
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(Parties) private readonly parties: Parties,
  ) {}

  /** The first hundred identifiers of the app: apps that registered with earlier releases may have thousands. */
  async of(client: ClientRegistration): Promise<Readonly<Record<string, unknown>>> {
    const { claimed, bound, providers } = this.namedBy(client);
    const reader = this.ports.views.reader(directory);
    const documents = [];
    for (const provider of providers.slice(0, MAX_SHOWN))
      documents.push({
        ...(await this.document(client, provider, reader)),
        claimed: claimed.includes(provider),
        bound: bound.includes(provider),
      });
    const hidden = providers.length - documents.length;
    return { identifiers: documents, ...(hidden > 0 && { identifiers_not_shown: hidden }) };
  }

  /**
   * The same as counts for the apps of a page, by `client_id`. It asks the directory once for each identifier, and
   * MAX_QUERIES times at most; all else is in memory.
   */
  async checksOf(clients: readonly ClientRegistration[]): Promise<Readonly<Record<string, IdentifierChecks>>> {
    const reader = this.ports.views.reader(directory);
    const listed = new Map<ProviderKey, boolean | undefined>();
    const checks: Record<string, IdentifierChecks> = {};
    for (const client of clients) {
      const { providers } = this.namedBy(client);
      const checked: ProviderKey[] = [];
      for (const provider of providers.slice(0, MAX_CHECKED)) {
        if (!listed.has(provider)) {
          if (listed.size === MAX_QUERIES) continue;
          const entries = await this.entries(reader, provider);
          listed.set(provider, entries === undefined ? undefined : entries.length > 0);
        }
        checked.push(provider);
      }
      const count = (holds: (provider: ProviderKey) => boolean): number => checked.filter(holds).length;
      checks[client.client] = {
        identifiers: providers.length,
        not_checked: providers.length - checked.length,
        ...(checked.every((one) => listed.get(one) !== undefined) && {
          in_directory: count((one) => listed.get(one)!),
        }),
        in_network: count((one) => this.networkOf(one) === 'in-network'),
        out_of_network: count((one) => this.networkOf(one) === 'out-of-network'),
        bound_elsewhere: count((one) => this.others(client.client, one).length > 0),
      };
    }
    return checks;
  }

  /**
   * Requires that the reviewer has named every other approved client of these providers.
   * @throws Refusal 409 that lists the missing ones
   */
  requireNamed(client: string, providers: readonly ProviderKey[], named: readonly string[]): void {
    const missing = providers.flatMap((provider) =>
      this.others(client, provider)
        .filter((other) => other.status === 'approved' && !named.includes(other.client))
        .map((other) => `${other.client} has ${provider.replace('|', ' ')}`),
    );
    if (missing.length === 0) return;
    throw new Refusal(
      'conflict',
      `Other approved clients are bound to the same identifier: ${missing.slice(0, 10).join('; ')}. If this is ` +
        'right, repeat the request with their ids in sharedWith.',
    );
  }

  /** The providers that the app is bound to now, or will be when it is approved again. */
  boundTo(client: ClientRegistration): readonly ProviderKey[] {
    return providersAt(client, this.now());
  }
  /** Those of them without an end. */
  lasting(client: ClientRegistration): readonly ProviderKey[] {
    return lasting({ now: this.now(), bindings: client.bindings });
  }
  private now(): number {
    return this.parties.decisionTime(this.ports.clock.now());
  }
  /**
   * Requires an explicit word for each identifier that is out of network, or that neither the directory nor a network
   * status knows (APPS.md P7).
   * @param confirmed NPIs and TINs, without a system
   * @throws Refusal 409 that names the missing ones
   */
  async requireConfirmed(providers: readonly ProviderKey[], confirmed: readonly string[]): Promise<void> {
    const reader = this.ports.views.reader(directory);
    const missing: string[] = [];
    for (const provider of providers) {
      const value = provider.slice(provider.indexOf('|') + 1);
      if (confirmed.includes(value)) continue;
      const status = this.networkOf(provider);
      if (status === 'in-network') continue;
      const isOut = status === 'out-of-network';
      // Without an answer of the directory nobody knows the identifier.
      if (!isOut && ((await this.entries(reader, provider)) ?? []).length > 0) continue;
      missing.push(`${provider.replace('|', ' ')} is ${isOut ? 'out of network' : 'unknown'}`);
    }
    if (missing.length === 0) return;
    const values = missing.map((each) => JSON.stringify(each.split(' ')[1]));
    throw new Refusal(
      'conflict',
      `${missing.slice(0, 10).join('; ')}. If this is right, repeat the request with confirm: ` +
        `[${values.slice(0, 10).join(', ')}].`,
    );
  }

  /** What the app claims, what it is bound to, and both without repetition. */
  private namedBy(client: ClientRegistration) {
    const claimed = [...client.npis.map(npiKey), ...client.tins.map(tinKey)];
    const bound = this.boundTo(client);
    return { claimed, bound, providers: [...new Set([...claimed, ...bound])] };
  }
  private others(client: string, provider: ProviderKey): ReturnType<Parties['registry']['boundTo']> {
    return this.parties.registry.boundTo(provider, this.now()).filter((other) => other.client !== client);
  }
  /** An NPI or TIN that an app claims or is bound to, as a reviewer sees it. */
  private async document(client: ClientRegistration, provider: ProviderKey, reader: ViewReader) {
    const [system, value] = provider.split('|') as ['npi' | 'tin', string];
    return {
      [system]: value,
      evidence: client.evidence?.find((e) => e.provider === provider)?.text,
      // The owner: empty if the identifier is unknown, absent if the directory is unavailable.
      directory: await this.entries(reader, provider),
      // `unknown`: the payer has published no status.
      network: this.networkOf(provider) ?? 'unknown',
      // Every other client that is approved or suspended for the same identifier.
      bound_to: this.others(client.client, provider).map(brief),
    };
  }
  private networkOf(provider: ProviderKey): NetworkFact['status'] | undefined {
    const now = this.now();
    return this.parties.network(provider).findLast((change) => Date.parse(change.from) <= now)?.status;
  }
  /** If the view does not exist or its engine is unavailable, the review continues without the directory. */
  private async entries(reader: ViewReader, provider: ProviderKey): Promise<readonly DirectoryEntry[] | undefined> {
    try {
      return await directoryEntries(reader, provider);
    } catch (error) {
      this.ports.logger.warn(
        { error: error instanceof Error ? error.name : typeof error },
        'could not look up the owner of an identifier in the directory',
      );
      return undefined;
    }
  }
}
