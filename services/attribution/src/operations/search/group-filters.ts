import { Inject, Injectable } from '@nestjs/common';
import { US_NPI } from '@provider-access/domain/pdex';
import { type ProviderKey, TIN_SYSTEM } from '@provider-access/events';
import {
  type FhirResource,
  Matcher,
  type SearchFilter,
  type SearchQuery,
  type SearchWork,
} from '@provider-access/fhir';
import { CONFIG, type AttributionConfig } from '../../config.ts';
import type { ClientGroup } from '../group-view.ts';
import { resourceOf } from '../matched-resource.ts';
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
  constructor(
    @Inject(PayerDirectory) private readonly directory: PayerDirectory,
    @Inject(CONFIG) private readonly config: Pick<AttributionConfig, 'publicUrl'>,
  ) {}

  /** A reference to a resource that the client cannot read finds nothing. */
  async matching(
    groups: readonly ClientGroup[],
    { ids, filters }: SearchQuery,
    reader: Reader,
    work: SearchWork,
  ): Promise<readonly ClientGroup[]> {
    const isOfProvider = ({ parameter, modifier }: SearchFilter): boolean =>
      parameter.name === OF_PROVIDER && modifier === undefined;
    const { referred = [], rest = [] } = Object.groupBy(filters, (f) => (isOfProvider(f) ? 'referred' : 'rest'));
    const known = await this.known([...referred, ...rest].flatMap(referencesIn), reader);
    const providers = referred.map((filter) => new Set(referencesIn(filter).flatMap((name) => known.get(name) ?? [])));
    const others = rest.map((filter) => byIdentifier(filter, known));
    const matcher = new Matcher(others);
    const found: ClientGroup[] = [];
    for (const group of groups) {
      await work.pause();
      if (ids !== undefined && !group.ids.some((id) => ids.includes(id))) continue;
      work.evaluate(providers.length);
      if (
        providers.every((any) => group.providers.some((one) => any.has(one))) &&
        matcher.matches(searchable(group, this.config.publicUrl), work)
      )
        found.push(group);
    }
    return found;
  }

  /**
   * A Group names its provider by NPI or TIN. A reference to an Organization means the Groups of the identifiers that
   * the payer's directory has for it. One look at the directory serves all conditions.
   */
  private async known(
    names: readonly string[],
    { client, mayRead }: Reader,
  ): Promise<ReadonlyMap<string, readonly ProviderKey[]>> {
    if (names.length === 0) return new Map();
    const covered = names.filter((name) => mayRead(name.split('/')[0]!));
    return this.directory.providersOf(client, [...new Set(covered)]);
  }
}

/** `Type/id` of the resources of ours that a condition names. */
const referencesIn = ({ any }: SearchFilter): readonly string[] =>
  any
    .map((value) => (value.kind === 'composite' ? value.value : value))
    .flatMap((value) => (value.kind === 'reference' && !value.foreign ? value.names : []));

/** A composite condition with the identifiers of the providers to whom its references lead. */
function byIdentifier(filter: SearchFilter, known: ReadonlyMap<string, readonly ProviderKey[]>): SearchFilter {
  if (filter.parameter.kind !== 'composite') return filter;
  const any = filter.any.flatMap((value) => {
    if (value.kind !== 'composite' || value.value.kind !== 'reference') return [value];
    const { names, foreign } = value.value;
    const keys = foreign ? [] : names.flatMap((name) => known.get(name) ?? []);
    return keys.map((key): SearchFilter['any'][number] => {
      const [system, code] = [key.startsWith('npi|') ? US_NPI : TIN_SYSTEM, key.slice(4)];
      return { ...value, value: { kind: 'token', system, code, folded: code } };
    });
  });
  return { ...filter, any };
}

/** A Group without members. A TIN is also found with its hyphen, as the IRS writes it. */
function searchable(group: ClientGroup, publicUrl: string): FhirResource {
  const resource = resourceOf(group, {}, publicUrl)({ versionId: '', lastUpdated: '', quantity: 0, members: [] });
  const { tin } = group.head;
  if (tin === undefined) return resource;
  const hyphenated = { system: TIN_SYSTEM, value: `${tin.slice(0, 2)}-${tin.slice(2)}` };
  return { ...resource, identifier: [...((resource['identifier'] ?? []) as readonly unknown[]), hyphenated] };
}
