import {
  keysWithLabels,
  type LabelCheck,
  NOBODY,
  type RecordPart,
  type RecordsReader,
  recordId,
} from '@provider-access/facts/records';
import { type Entry } from './entry.ts';

/** One query of the index returns at most so many records that a label may withhold. */
const MOST = 10_000;

/** The stored records as one client may see them: without those that their security labels withhold. */
export class VisibleRecords {
  readonly reader: RecordsReader;
  private readonly check: LabelCheck;
  private readonly keys: readonly string[];
  constructor(reader: RecordsReader, check: LabelCheck) {
    this.reader = reader;
    this.check = check;
    this.keys = keysWithLabels(check.labels);
  }

  /**
   * The ids of these members' records of a type that labels withhold. A search leaves them out before it reads any
   * line, so that the time does not tell the size of a withheld record. It makes the same number of queries if there
   * are none. The index may lack a label that came just now, so `seen` checks each loaded record once more.
   */
  async withheldIds(members: readonly string[], type: string): Promise<ReadonlySet<string>> {
    // The policy withholds nothing.
    if (this.keys.length === 0) return new Set();
    if (members.length === 1) await this.check.readConsents(members[0]!);
    const found = await this.reader.views.search.ids({
      index: 'by_key',
      equals: [members.length === 1 ? members[0]! : members, type],
      all: [this.keys],
      limit: MOST,
    });
    const ids = found.length === 0 ? [recordId(NOBODY, type, NOBODY)] : found;
    const heads = await this.reader.heads(ids);
    const withheld = new Set<string>();
    for (const [i, head] of heads.entries())
      if (head !== undefined && head.deleted !== true && (await this.isWithheld(head))) withheld.add(ids[i]!);
    return withheld;
  }

  /** The entries that the client may see. */
  async seen(entries: readonly Entry[]): Promise<readonly Entry[]> {
    let withheld: Set<Entry> | undefined;
    for (const entry of entries) {
      const answer = this.check.withheld(entry);
      if (typeof answer === 'boolean' ? answer : await answer) (withheld ??= new Set()).add(entry);
    }
    return withheld === undefined ? entries : entries.filter((entry) => !withheld.has(entry));
  }

  /** Whether the record of this head is withheld. An earlier release wrote the labels in the line alone. */
  async isWithheld(head: RecordPart): Promise<boolean> {
    if (head.labels !== undefined) return this.check.withheld(head);
    const record = await this.reader.byTypeId(head.member, head.type, head.id);
    return record !== undefined && (await this.check.withheld(record));
  }
}
