import type { GroupFacts, GroupInput, GroupPayer } from '@provider-access/domain/pdex';
import { allows, readGranted } from '@provider-access/domain/smart';
import type { ViewReader, Views } from '@provider-access/engines/views';
import type { ProviderKey } from '@provider-access/events';
import type { OwnedGroup } from './group-lists.ts';
import { type ListPart, lists, replacesList } from './lists.ts';
import type { Parties } from './parties.ts';

/** The payer's directory, as far as a client can read it. */
interface Directory {
  entriesOf(
    client: string,
    providers: Iterable<ProviderKey>,
  ): Promise<ReadonlyMap<ProviderKey, { readonly resource: string; readonly name: string }>>;
  readable(client: string, references: readonly string[]): Promise<readonly string[]>;
}
export interface ListHeadsOptions {
  readonly views: Views;
  readonly parties: Pick<Parties, 'client'>;
  readonly directory: Directory;
}
/** How the deployment names contracts and itself. */
export interface ListSettings {
  readonly contractSystem: string;
  /** `Organization/<id>` */
  readonly payerOrganization: string;
  readonly payerIdentifiers?: readonly string[] | undefined;
  readonly payerName?: string | undefined;
}

/** What a Group says about itself, without the payer and without its members. */
export type GroupHead = Omit<GroupInput, 'versionId' | 'lastUpdated' | 'payer' | 'members' | 'quantity' | 'summary'>;
export interface NamedGroup extends OwnedGroup {
  readonly head: GroupHead;
  /** RFC 3339 instant: when the payer's newest statement about the list was recorded. */
  readonly changedAt?: string | undefined;
}

/** What a client sees of lists beside their members. */
export class ListHeads {
  readonly #options: ListHeadsOptions;
  readonly #settings: ListSettings;
  readonly #lists: ViewReader;
  /** The payer by an identifier and its name. Empty if nothing is configured that a client could use. */
  readonly #payer: GroupPayer;
  constructor(options: ListHeadsOptions, settings: ListSettings) {
    this.#options = options;
    this.#settings = settings;
    this.#lists = options.views.reader(lists);
    const { payerIdentifiers = [], payerName: display } = settings;
    const [system, value] = payerIdentifiers.find((text) => text.includes('|'))?.split('|') ?? [];
    this.#payer = { identifier: system && value ? { system, value } : undefined, display };
  }

  /** One query for each provider, one for all labels, and one for what the payer says about lists. */
  async named(client: string, groups: readonly OwnedGroup[]): Promise<readonly NamedGroup[]> {
    const { directory, parties } = this.#options;
    const entries = await directory.entriesOf(
      client,
      groups.flatMap(({ providers }) => providers),
    );
    const ids = groups.flatMap(({ shown }) => shown);
    const said = new Map<string, ListPart>();
    for (const document of ids.length === 0 ? [] : await this.#lists.getMany(ids))
      if (document?.['list'] !== undefined) said.set(document._id, document['list'] as ListPart);
    const scope = readGranted(parties.client(client)?.scope ?? '');
    return groups.map((group) => {
      // The NPI comes first, because a TIN may name the practice of several providers.
      const [known] = group.providers.toSorted().flatMap((provider) => entries.get(provider) ?? []);
      const isReadable = known !== undefined && allows(scope, known.resource.split('/')[0]!, 'r');
      const all = group.shown.flatMap((part) => said.get(part) ?? []);
      const list = all.reduce<ListPart | undefined>(
        (known, one) => (replacesList(known, one) ? one : known),
        undefined,
      );
      const head = headOf(group, list, this.#settings.contractSystem);
      const provider = { providerName: known?.name, providerReference: isReadable ? known.resource : undefined };
      return {
        ...group,
        head: { ...head, ...provider },
        changedAt: all
          .map((one) => one.recordedAt)
          .toSorted()
          .at(-1),
      };
    });
  }

  /**
   * The payer as `Group.managingEntity` names it. A reference must resolve: it is there only if the payer published its
   * Organization, no label withholds that, and the scope of the client covers the type. The registered scope counts and
   * not that of the token, so that a Group has one content for a client.
   */
  async payer(client: string): Promise<GroupPayer> {
    const { payerOrganization: reference } = this.#settings;
    const { directory, parties } = this.#options;
    if (!allows(readGranted(parties.client(client)?.scope ?? ''), 'Organization', 'r')) return this.#payer;
    const readable = await directory.readable(client, [reference]);
    return readable.length === 0 ? this.#payer : { reference, ...this.#payer };
  }
}

const valueOf = (providers: readonly ProviderKey[], prefix: 'npi|' | 'tin|'): string | undefined =>
  providers.find((p) => p.startsWith(prefix))?.slice(prefix.length);

/** `system`: of numbers of contracts and lists which events give without one. */
function headOf({ id, providers, contract: value }: OwnedGroup, list: ListPart | undefined, system: string): GroupHead {
  const contract = value === undefined ? undefined : { system: list?.contractSystem ?? system, value };
  const [providerNpi, tin] = [valueOf(providers, 'npi|'), valueOf(providers, 'tin|')];
  return { id, providerNpi, tin, contract, facts: list && factsOf(list, system) };
}
function factsOf(
  { status, name, validFrom, validTo, acoIds = [], settlementIds = [], recipient }: ListPart,
  system: string,
): GroupFacts {
  return {
    ...{ status, name, validFrom, validTo },
    identifiers: [...acoIds, ...settlementIds].map((one) => ({ system, ...one })),
    recipient: recipient && { system, ...recipient },
  };
}
