import { isCut } from '@provider-access/domain/pdex/labels';
import type { GrantedScopes, Interaction } from '@provider-access/domain/smart';
import {
  keysWithLabels,
  type LabelCheck,
  labelsInKeys,
  NOBODY,
  PROVENANCE,
  type RecordPart,
  type RecordsReader,
  recordId,
  type WithinScope,
  withinScope,
} from '@provider-access/records';
import { COST, SearchWork } from '@provider-access/fhir';
import { type Entry, type FoundHead, headOfText, parsedLine, sizeOf } from './entry.ts';
import type { Conditions } from './conditions.ts';
import type { Labelled, LabelledRecords } from './labelled-records.ts';

/** One query of the index returns at most so many records that a label may withhold. */
const MOST = 10_000;
/** Records whose lines are read at once while the keys do not tell labels. */
const TOGETHER = 100;

/** Whose scopes count, the absolute base of our FHIR resources, and which labelled records are known. */
export interface Scoped {
  readonly scopes: GrantedScopes;
  readonly base: string;
  readonly labelled: LabelledRecords;
  /** The patient for whom labelled records are remembered (`LabelledRecords`). */
  readonly named?: string | undefined;
}

/**
 * The stored records as one search may see them: without those that their security labels withhold, and those outside
 * of the parts of types that its scopes cover.
 */
export class VisibleRecords {
  readonly reader: RecordsReader;
  /** What the search has cost so far. */
  readonly work = new SearchWork();
  readonly #check: LabelCheck;
  readonly #keys: readonly string[];
  readonly #scoped: Scoped;
  constructor(reader: RecordsReader, check: LabelCheck, scoped: Scoped) {
    this.reader = reader;
    this.#check = check;
    this.#scoped = scoped;
    this.#keys = keysWithLabels(check.labels);
  }

  /** The part of a type that the scopes cover. Undefined: the whole type. */
  within(type: string, interaction: Interaction): WithinScope | undefined {
    const { scopes, base } = this.#scoped;
    return scopes.parts.size === 0 ? undefined : withinScope(scopes, type, interaction, base);
  }

  /**
   * The conditions of a search with those of the scopes (P53). So the index of keys leaves out what is outside, and
   * costs the same if nothing is.
   */
  restricted<C extends Conditions>(query: C): C {
    const within = this.within(query.type, 's');
    if (within === undefined) return query;
    const { filters } = within;
    return filters === undefined
      ? { ...query, within, also: within }
      : { ...query, within, filters: [...query.filters, ...filters] };
  }

  /**
   * The entries within the scopes, by their lines. Counts what the comparison costs.
   * @param within undefined: all of them
   */
  async inScope(
    entries: readonly Entry[],
    within: (type: string) => WithinScope | undefined,
  ): Promise<readonly Entry[]> {
    const kept: Entry[] = [];
    for (const entry of entries) {
      const part = within(entry.type);
      const pause = part && this.work.pause();
      if (pause !== undefined) await pause;
      if (part !== undefined) this.work.count(sizeOf(entry) * COST.byte);
      if (part === undefined || (sizeOf(entry) > 0 && part.matches(parsedLine(entry), this.work))) kept.push(entry);
    }
    return kept;
  }

  /**
   * The ids of these members' records of a type that labels withhold. A search leaves them out before it reads any
   * line, so that the time does not tell the size of a withheld record. It makes the same number of queries if there
   * are none: one for a member, two for several. `LabelledRecords` may remember the answer of the first one. The
   * documents of keys have the labels. They may lack a label that came just now, so `seen` checks each loaded record
   * once more. They have no labels of the targets of a Provenance; `unwithheld` asks for those, and every search for
   * Provenances names ids.
   */
  async withheldIds(members: readonly string[], type: string): Promise<ReadonlySet<string>> {
    // The policy withholds nothing.
    if (this.#keys.length === 0 && !this.hasLines) return new Set();
    if (members.length === 1) await this.#check.readConsents(members[0]!);
    if (type === PROVENANCE) return new Set();
    if (!this.#check.keysAreTagged || (this.hasLines && members.length === 1))
      return this.#withheldByRecords(members, type);
    if (this.#keys.length === 0) return new Set();
    const found = members.length === 1 ? await this.#ofMember(members[0]!, type) : await this.#ofMembers(members, type);
    // As many as two queries of records cost, so that the same searches are refused.
    this.work.count(2 * COST.query + found.length * COST.row);
    await this.work.pause();
    const withheld = new Set<string>();
    for (const { id, member, labels } of found) if (await this.#check.withheldBy(member, labels)) withheld.add(id);
    return withheld;
  }

  /**
   * As `withheldIds`, by the records themselves, while keys were written by other rules. It reads the line of each
   * record that other rules labelled, so it costs more for every search of that time. With a table of lines it does so
   * for one member, because keys do not have the coverages of a record. A search of several members leaves out what it
   * has read (`seen`).
   */
  async #withheldByRecords(members: readonly string[], type: string): Promise<ReadonlySet<string>> {
    const { records } = this.reader.views;
    const withheld = new Set<string>();
    for (const member of members)
      for (let after: string | undefined; ;) {
        const found = await records.find({
          ...{ index: 'by_type', equals: [member, type], limit: TOGETHER, fields: 'text' },
          ...(after !== undefined && { after: { values: [after], id: recordId(member, type, after) } }),
        });
        this.work.count(COST.query + found.length * COST.row);
        await this.work.pause();
        const heads = found
          .map((document) => headOfText(document, this.hasLines))
          .filter(({ deleted }) => deleted !== true);
        const answers = await this.#check.decideEach(heads);
        for (const [at, { id }] of heads.entries()) {
          const { withheld: is, labels } = answers[at]!;
          // The keys of other rules may be those of lines that are cut today.
          if (is || (!this.#check.keysAreTagged && labels.some(isCut))) withheld.add(recordId(member, type, id));
        }
        if (found.length < TOGETHER) break;
        after = headOfText(found.at(-1)!).id;
      }
    return withheld;
  }

  /** Whether the keys of records tell their labels. */
  get keysAreTagged(): boolean {
    return this.#check.keysAreTagged;
  }

  /** The records with labels that the policy may withhold. */
  #ofMember(member: string, type: string): Promise<readonly Labelled[]> {
    const { labelled, named } = this.#scoped;
    return labelled.of(this.reader.views.search, { keys: this.#keys, member, type }, named);
  }

  async #ofMembers(members: readonly string[], type: string): Promise<readonly Labelled[]> {
    const { search } = this.reader.views;
    const ids = await search.ids({ index: 'by_key', equals: [members, type], all: [this.#keys], limit: MOST });
    const found = await search.getMany(ids.length === 0 ? [recordId(NOBODY, type, NOBODY)] : ids);
    return found
      .filter((document) => document !== undefined)
      .map((document) => ({ id: document._id, ...labelsInKeys(document) }));
  }

  /** Whether lines of business decide too (`LabelCheck.hasLines`). */
  get hasLines(): boolean {
    return this.#check.hasLines;
  }

  /** In the index of keys, the keys of every record that a label may withhold. */
  get labelKeys(): readonly string[] {
    return this.#keys;
  }

  /** Reads what labels ask about a member, so that a record with a label costs no query that another one does not. */
  readConsents(member: string): Promise<void> | undefined {
    return this.#check.readConsents(member);
  }

  /** The live records of these ids, of one type, that the client may see. Without ids it makes as many queries. */
  async visible(type: string, ids: readonly string[]): Promise<readonly RecordPart[]> {
    this.work.count(COST.query + ids.length * COST.row);
    const heads = await this.reader.heads(ids.length === 0 ? [recordId(NOBODY, type, NOBODY)] : ids);
    return this.unwithheld(type, heads);
  }

  /** The entries that the client may see. */
  async seen(entries: readonly Entry[]): Promise<readonly Entry[]> {
    if (entries.some(({ type }) => type === PROVENANCE)) {
      const known = entries.map(({ line, ...head }) => (line.length === 0 ? head : { ...head, line }));
      const answers = await this.#check.withheldEach(known);
      return entries.filter((_, i) => answers[i] === false);
    }
    let withheld: Set<Entry> | undefined;
    for (const entry of entries) {
      const answer = this.#check.withheld(entry);
      if (typeof answer === 'boolean' ? answer : await answer) (withheld ??= new Set()).add(entry);
    }
    return withheld === undefined ? entries : entries.filter((entry) => !withheld.has(entry));
  }

  /**
   * The live records among these, of one type, that the client may see. For Provenances it makes the same number of
   * queries if there are none.
   */
  async unwithheld<H extends FoundHead>(type: string, heads: readonly (H | undefined)[]): Promise<readonly H[]> {
    const live = heads.filter((head) => head !== undefined).filter(({ deleted }) => deleted !== true);
    if (live.length === 0) await this.#check.readTargets(type);
    const withheld = await this.#check.withheldEach(live);
    return live.filter((_, i) => withheld[i] === false);
  }

  /** Makes the queries that one record of this type costs before its line is read. */
  async nothing(type: string): Promise<void> {
    await this.reader.heads([recordId(NOBODY, type, NOBODY)]);
    await this.#check.readTargets(type);
  }
}
