import { memberOfRecord, NOBODY, recordId, type RecordsReader, type StoredRecord } from '@provider-access/records';
import type { Asked, ByKeys } from './asked.ts';

/** Ids that one query of the index of keys returns. */
const IDS = 500;
/** Lines in memory at once. */
const LINES = 64;

/**
 * The records of a group of members that the filters of a type may find, by the index of keys. One query asks for all
 * members, and records of several members are loaded together, because most members have few or none.
 */
export class Candidates {
  readonly #records: RecordsReader;
  readonly #asked: Asked;
  readonly #members: readonly string[];
  readonly #types = new Map<string, Promise<Ids>>();
  /** Records that were loaded before their member's turn. */
  readonly #loaded = new Map<string, StoredRecord | undefined>();
  /** @param members all of them permitted, so that the number of queries tells nothing about others */
  constructor(records: RecordsReader, asked: Asked, members: readonly string[]) {
    this.#records = records;
    this.#asked = asked;
    this.#members = members;
  }

  /**
   * The live records of a member of the group. Undefined if the index of keys cannot tell them. There are as many
   * queries if there is no such record.
   */
  of(member: string, type: string): AsyncGenerator<StoredRecord> | undefined {
    const filters = this.#asked.byKeys(type);
    return filters && this.#each(member, type, filters);
  }

  async *#each(member: string, type: string, filters: readonly ByKeys[]): AsyncGenerator<StoredRecord> {
    let ids = this.#types.get(type);
    if (ids === undefined) this.#types.set(type, (ids = this.#idsOf(type, filters)));
    const { of, ordered } = await ids;
    for (const id of of.get(member) ?? []) {
      if (!this.#loaded.has(id)) await this.#load(ordered, id);
      const record = this.#loaded.get(id);
      this.#loaded.delete(id);
      if (record !== undefined && record.deleted !== true) yield record;
    }
  }

  async #load(ordered: readonly string[], first: string): Promise<void> {
    const at = ordered.indexOf(first);
    const ids = ordered.slice(at, at + LINES);
    for (const [i, record] of (await this.#records.load(ids)).entries()) this.#loaded.set(ids[i]!, record);
  }

  async #idsOf(type: string, filters: readonly ByKeys[]): Promise<Ids> {
    const found = new Map<string, Set<string>>(this.#members.map((member) => [member, new Set()]));
    for (const { query, keys } of filters)
      if (query.ids !== undefined)
        for (const [member, ids] of found) for (const id of query.ids) ids.add(recordId(member, type, id));
      else for await (const id of this.#byKeys(type, keys)) found.get(memberOfRecord(id))?.add(id);
    const of = new Map([...found].map(([member, ids]) => [member, [...ids].toSorted()]));
    const ordered = [...of.values()].flat();
    // As many queries as if there were one.
    if (ordered.length === 0) await this.#records.load([recordId(NOBODY, type, NOBODY)]);
    return { of, ordered };
  }

  async *#byKeys(type: string, all: ByKeys['keys']): AsyncGenerator<string> {
    // With a page for all members, a key that most records have would be found again for each page.
    const query = { index: 'by_key', all, limit: IDS } as const;
    const first = await this.#records.views.search.ids({ ...query, equals: [this.#members, type] });
    if (first.length < IDS) return yield* first;
    for (const member of this.#members) {
      let after: string | undefined;
      for (;;) {
        const page = { ...query, equals: [member, type] as const, ...(after !== undefined && { after }) };
        const ids = await this.#records.views.search.ids(page);
        yield* ids;
        after = ids.at(-1);
        if (ids.length < IDS) break;
      }
    }
  }
}

interface Ids {
  readonly of: ReadonlyMap<string, readonly string[]>;
  /** In the order of the members. */
  readonly ordered: readonly string[];
}
