import { Inject, Injectable } from '@nestjs/common';
import type { ProviderKey } from '@provider-access/events';
import { directory, directoryEntries, type DirectoryEntry } from '@provider-access/records';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import type { ViewReader } from '@provider-access/engines/views';
import { PayerDirectory } from './payer-directory.ts';

/** Names providers as the payer's directory does. */
@Injectable()
export class GroupNames {
  private readonly directory: ViewReader;
  constructor(
    @Inject(PORTS) ports: ServicePorts,
    @Inject(PayerDirectory) private readonly readable: PayerDirectory,
  ) {
    this.directory = ports.views.reader(directory);
  }

  /**
   * The name of each provider that the directory names for this client: an entry that a label withholds names nobody.
   * One query for each provider, and one for all labels.
   */
  async of(client: string, providers: Iterable<ProviderKey>): Promise<ReadonlyMap<ProviderKey, string>> {
    const found: { readonly provider: ProviderKey; readonly named: readonly DirectoryEntry[] }[] = [];
    // One after the other: a client may be bound to hundreds of providers.
    for (const provider of new Set(providers)) {
      const entries = await directoryEntries(this.directory, provider);
      const named = entries.filter(({ name }) => name !== '');
      found.push({ provider, named: named.toSorted((a, b) => (a.resource < b.resource ? -1 : 1)) });
    }
    const resources = found.flatMap(({ named }) => named.map(({ resource }) => resource));
    const readable = new Set(resources.length === 0 ? [] : await this.readable.readable(client, resources));
    return new Map(
      found.flatMap(({ provider, named }) => {
        const first = named.find(({ resource }) => readable.has(resource));
        return first === undefined ? [] : [[provider, first.name] as const];
      }),
    );
  }
}
