import type { AttributionFact } from '@provider-access/domain/access';
import { changeSince, groupMember, listEntry, type ListEntry, providerOf } from '@provider-access/domain/pdex';
import { type LabelCheck, recordId, type RecordsReader } from '@provider-access/records';
import { deflateSegment, GROUP, type PartSet } from '@provider-access/jobs/files';
import type { AskedList } from './asked-list.ts';

interface Sources {
  readonly records: Pick<RecordsReader, 'heads'>;
  readonly check: LabelCheck;
  readonly parts: PartSet;
}

/**
 * Writes the entries of a chunk in the line of the Group: a segment for each member, which begins with a comma. The
 * seal joins the entries of all chunks.
 */
export class ListEntries {
  readonly #sources: Sources;
  readonly #list: AskedList;
  readonly #since: number | undefined;
  /** @param since `_since` of the job, ms since the epoch */
  constructor(sources: Sources, list: AskedList, since: number | undefined) {
    this.#sources = sources;
    this.#list = list;
    this.#since = since;
  }

  /** Undefined for a job without the line. */
  static of(
    { list, since }: { readonly list?: AskedList; readonly since?: number },
    sources: Sources,
  ): ListEntries | undefined {
    return list && new ListEntries(sources, list, since);
  }

  /**
   * Writes the entry of a permitted member. A member whose Patient a label withholds has none, as in the Group.
   * @param since since when the member is visible, ms since the epoch
   */
  async add(
    member: string,
    attributions: readonly AttributionFact[],
    since: number,
  ): Promise<{ readonly entry: ListEntry; readonly isSelected: boolean } | undefined> {
    const { records, check, parts } = this.#sources;
    await check.readConsents(member);
    const [head] = await records.heads([recordId(member, 'Patient', member)]);
    const [decision] = head === undefined || head.deleted === true ? [] : await check.decideEach([head]);
    if (decision?.withheld === true) return undefined;
    const entry = listEntry(member, attributions, since);
    const { since: _since, changed: _changed, ...shown } = entry;
    const change = changeSince(entry, this.#since);
    const line = `,${JSON.stringify(groupMember({ ...shown, change }, providerOf(this.#list.head)))}`;
    await parts.add('output', GROUP, [member], deflateSegment(Buffer.from(line), 0), decision?.labels ?? []);
    return { entry, isSelected: change !== 'nochange' };
  }
}
