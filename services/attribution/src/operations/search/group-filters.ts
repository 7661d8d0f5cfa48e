import { Inject, Injectable } from '@nestjs/common';
import { groupResource } from '@provider-access/domain/pdex';
import { type ProviderKey, TIN_SYSTEM } from '@provider-access/events';
import { directory } from '@provider-access/facts/records';
import { type FhirResource, matches, type SearchFilter, type SearchQuery } from '@provider-access/kernel/fhir';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import type { ViewReader } from '@provider-access/engines/views';
import { type ClientGroup, headOf } from '../group-view.ts';
import { PayerDirectory } from '../payer-directory.ts';

const OF_PROVIDER = 'characteristic-value-reference';

interface Reader {
  readonly client: string;
  /** Whether the scopes of the client cover reads of a type. */
  readonly mayRead: (type: string) => boolean;
}

/** Decides which Groups a search means, by what a Group says without its members. */
@Injectable()
export class GroupFilters {
  private readonly directory: ViewReader;
  constructor(
    @Inject(PORTS) ports: ServicePorts,
    @Inject(PayerDirectory) private readonly readable: PayerDirectory,
  ) {
    this.directory = ports.views.reader(directory);
  }

  /** A reference to a resource that the client cannot read finds nothing. */
  async matching(
    groups: readonly ClientGroup[],
    { ids, filters }: SearchQuery,
    reader: Reader,
  ): Promise<readonly ClientGroup[]> {
    const referred = new Map<SearchFilter, ReadonlySet<ProviderKey>>();
    for (const filter of filters)
      if (filter.parameter.name === OF_PROVIDER && filter.modifier === undefined)
        referred.set(filter, await this.providersOf(filter, reader));
    return groups.filter((group) => {
      if (ids !== undefined && !ids.includes(group.id)) return false;
      const head = searchable(group);
      return filters.every((filter) => {
        const providers = referred.get(filter);
        return providers === undefined ? matches(filter, head) : group.providers.some((one) => providers.has(one));
      });
    });
  }

  /**
   * A Group names its provider by NPI or TIN. A reference to an Organization means the Groups of the identifiers that
   * the payer's directory has for it.
   */
  private async providersOf({ any }: SearchFilter, { client, mayRead }: Reader): Promise<ReadonlySet<ProviderKey>> {
    const names = any.flatMap((value) => (value.kind === 'reference' && !value.foreign ? value.names : []));
    const covered = names.filter((name) => mayRead(name.split('/')[0]!));
    const readable = await this.readable.readable(client, [...new Set(covered)]);
    const documents = await this.directory.getMany(readable);
    return new Set(
      documents.flatMap(
        (document) => (document?.['directory'] as { providers: ProviderKey[] } | undefined)?.providers ?? [],
      ),
    );
  }
}

/** A Group without members. A TIN is also found with its hyphen, as the IRS writes it. */
function searchable(group: ClientGroup): FhirResource {
  const head = headOf(group);
  const resource = groupResource({ ...head, versionId: '', lastUpdated: '', quantity: 0, members: [], payer: {} });
  const { tin } = head;
  if (tin === undefined) return resource;
  const hyphenated = { system: TIN_SYSTEM, value: `${tin.slice(0, 2)}-${tin.slice(2)}` };
  return { ...resource, identifier: [...((resource['identifier'] ?? []) as readonly unknown[]), hyphenated] };
}
