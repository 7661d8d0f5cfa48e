import { Inject, Injectable } from '@nestjs/common';
import { groupResource } from '@provider-access/domain/pdex';
import { type ProviderKey, TIN_SYSTEM } from '@provider-access/events';
import {
  type FhirResource,
  Matcher,
  type SearchFilter,
  type SearchQuery,
  type SearchWork,
} from '@provider-access/fhir';
import type { ClientGroup } from '../group-view.ts';
import { PayerDirectory } from '@provider-access/records';

const OF_PROVIDER = 'characteristic-value-reference';

interface Reader {
  readonly client: string;
  /** Whether the scopes of the client cover reads of a type. */
  readonly mayRead: (type: string) => boolean;
}

/** Decides which Groups a search means, by what a Group says without its members. */
@Injectable()
export class GroupFilters {
  constructor(@Inject(PayerDirectory) private readonly directory: PayerDirectory) {}

  /** A reference to a resource that the client cannot read finds nothing. */
  async matching(
    groups: readonly ClientGroup[],
    { ids, filters }: SearchQuery,
    reader: Reader,
    work: SearchWork,
  ): Promise<readonly ClientGroup[]> {
    const isOfProvider = ({ parameter, modifier }: SearchFilter): boolean =>
      parameter.name === OF_PROVIDER && modifier === undefined;
    const { referred = [], others = [] } = Object.groupBy(filters, (f) => (isOfProvider(f) ? 'referred' : 'others'));
    const providers = await this.providersOf(referred, reader);
    const matcher = new Matcher(others);
    const found: ClientGroup[] = [];
    for (const group of groups) {
      await work.pause();
      if (ids !== undefined && !ids.includes(group.id)) continue;
      work.evaluate(providers.length);
      if (
        providers.every((any) => group.providers.some((one) => any.has(one))) &&
        matcher.matches(searchable(group), work)
      )
        found.push(group);
    }
    return found;
  }

  /**
   * A Group names its provider by NPI or TIN. A reference to an Organization means the Groups of the identifiers that
   * the payer's directory has for it. One look at the directory serves all conditions.
   */
  private async providersOf(
    filters: readonly SearchFilter[],
    { client, mayRead }: Reader,
  ): Promise<readonly ReadonlySet<ProviderKey>[]> {
    if (filters.length === 0) return [];
    const namesOf = ({ any }: SearchFilter): readonly string[] =>
      any.flatMap((value) => (value.kind === 'reference' && !value.foreign ? value.names : []));
    const covered = filters.flatMap(namesOf).filter((name) => mayRead(name.split('/')[0]!));
    const providers = await this.directory.providersOf(client, [...new Set(covered)]);
    return filters.map((filter) => new Set(namesOf(filter).flatMap((name) => providers.get(name) ?? [])));
  }
}

/** A Group without members. A TIN is also found with its hyphen, as the IRS writes it. */
function searchable({ head }: ClientGroup): FhirResource {
  const resource = groupResource({ ...head, versionId: '', lastUpdated: '', quantity: 0, members: [], payer: {} });
  const { tin } = head;
  if (tin === undefined) return resource;
  const hyphenated = { system: TIN_SYSTEM, value: `${tin.slice(0, 2)}-${tin.slice(2)}` };
  return { ...resource, identifier: [...((resource['identifier'] ?? []) as readonly unknown[]), hyphenated] };
}
