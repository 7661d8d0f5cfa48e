import type { PartyFacts } from '@provider-access/domain/access';
import type { ProviderKey } from '@provider-access/events';
import type { ViewReader, Views } from '@provider-access/engines/views';
import { directory, directoryEntries, type DirectoryEntry } from './directory.ts';
import type { LabelGate } from './labels.ts';
import { RecordsReader } from './reader.ts';
import { recordId, SHARED } from './record.ts';
import { hasAllLabels } from './record-labels.ts';

/** The payer's directory, as far as it exists for a client. */
export class PayerDirectory {
  readonly #records: RecordsReader;
  readonly #directory: ViewReader;
  readonly #parties: PartyFacts;
  readonly #labels: LabelGate;
  constructor(views: Views, parties: PartyFacts, labels: LabelGate) {
    this.#records = new RecordsReader(views);
    this.#directory = views.reader(directory);
    this.#parties = parties;
    this.#labels = labels;
  }

  /** The given references (`Type/id`) that a read by the client would find. The caller checks the scope. */
  async readable(client: string, references: readonly string[]): Promise<readonly string[]> {
    const labels = this.#labels.check(this.#parties, client);
    const ids = references.map((reference) => reference.split('/') as [string, string]);
    const heads = await this.#records.heads(ids.map(([type, id]) => recordId(SHARED, type, id)));
    const readable = await Promise.all(
      heads.map(async (head) => {
        if (head === undefined || head.deleted === true) return false;
        // The labels of a record of an earlier release are only in its line.
        const record = !hasAllLabels(head) ? await this.#records.byTypeId(SHARED, head.type, head.id) : head;
        return record !== undefined && !(await labels.withheld(record));
      }),
    );
    return references.filter((_, i) => readable[i]);
  }

  /**
   * The named entry of each provider in the directory, as far as the client can read it: an entry that a label
   * withholds is none. One query for each provider, and one for all labels.
   */
  async entriesOf(client: string, providers: Iterable<ProviderKey>): Promise<ReadonlyMap<ProviderKey, DirectoryEntry>> {
    const found: { readonly provider: ProviderKey; readonly named: readonly DirectoryEntry[] }[] = [];
    // One after the other: a client may be bound to hundreds of providers.
    for (const provider of new Set(providers)) {
      const entries = await directoryEntries(this.#directory, provider);
      const named = entries.filter(({ name }) => name !== '');
      found.push({ provider, named: named.toSorted((a, b) => (a.resource < b.resource ? -1 : 1)) });
    }
    const resources = found.flatMap(({ named }) => named.map(({ resource }) => resource));
    const readable = new Set(resources.length === 0 ? [] : await this.readable(client, resources));
    return new Map(
      found.flatMap(({ provider, named }) => {
        const first = named.find(({ resource }) => readable.has(resource));
        return first === undefined ? [] : [[provider, first] as const];
      }),
    );
  }

  /**
   * The name of each provider that the directory names now, for the payer's own people: labels withhold entries from
   * apps alone. One query for each provider.
   */
  async namesOf(providers: Iterable<ProviderKey>): Promise<ReadonlyMap<ProviderKey, string>> {
    const names = new Map<ProviderKey, string>();
    for (const provider of new Set(providers)) {
      const named = (await directoryEntries(this.#directory, provider)).filter(({ name }) => name !== '');
      const [first] = named.toSorted((a, b) => (a.resource < b.resource ? -1 : 1));
      if (first !== undefined) names.set(provider, first.name);
    }
    return names;
  }

  /** The providers that each of the references (`Type/id`) names, without those that the client cannot read. */
  async providersOf(client: string, references: readonly string[]): Promise<ReadonlyMap<string, ProviderKey[]>> {
    const readable = await this.readable(client, references);
    const documents = await this.#directory.getMany(readable);
    return new Map(
      documents.flatMap((document, at) => {
        const found = document?.['directory'] as { providers: ProviderKey[] } | undefined;
        return found === undefined ? [] : [[readable[at]!, found.providers] as const];
      }),
    );
  }
}
