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

/** Collects what a reviewer needs to decide whether an identifier belongs to an app. */
@Injectable()
export class Identifiers {
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(Parties) private readonly parties: Parties,
  ) {}

  /** The first hundred identifiers of the app: apps that registered with earlier releases may have thousands. */
  async of(client: ClientRegistration): Promise<Readonly<Record<string, unknown>>> {
    const claimed = [...client.npis.map(npiKey), ...client.tins.map(tinKey)];
    const bound = this.boundTo(client);
    const providers = [...new Set([...claimed, ...bound])];
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
