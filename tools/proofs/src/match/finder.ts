import { type Finder, storedKeys } from '@provider-access/domain/pdex/match';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import type { ViewDocument } from '@provider-access/engines/views';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { MatchIndex, memberKeys, records, RecordsReader } from '@provider-access/records';
import type { PayerMember } from '@provider-access/testing/match';

/** A member of a payer, and a retired id whose Coverage is among what was published. */
interface Published extends PayerMember {
  readonly retired?: { readonly member: string };
}

/** The finder of the product over a store with these members. */
export async function finderOf(payer: readonly Published[]): Promise<Finder> {
  const views = openMemoryViews();
  const facts = new Map<string, object>();
  const order = { versionId: 1, businessTime: 0, sequence: 0 };
  let offset = 0;
  const op = (id: string, part: string, value: object) => ({ id, part, partition: 0, offset: offset++, value });
  for (const view of [records, memberKeys]) await views.store.ensure(view);
  for (const { member, patient, published, retired } of payer) {
    for (const resource of published) {
      const { resourceType, id } = resource as { resourceType: string; id: string };
      const owner = retired !== undefined && id.startsWith(retired.member) ? retired.member : member;
      const value = { ...order, keys: storedKeys(resource) };
      await views.store.apply(memberKeys, 1, [op(`${owner}/${resourceType}/${id}`, 'member', value)]);
    }
    const head = {
      ...order,
      member,
      type: 'Patient',
      id: member,
      lastUpdated: 0,
      references: [],
      bytes: 1,
      labels: [],
    };
    const record = { ...head, line: JSON.stringify(patient) };
    await views.store.apply(records, 1, [op(`${member}/Patient/${member}`, 'record', record)]);
    if (retired === undefined) continue;
    facts.set(retired.member, { mergedWith: [member], retired: true });
    facts.set(member, { mergedWith: [retired.member] });
  }
  const getMany = async (ids: readonly string[]): Promise<readonly (ViewDocument | undefined)[]> =>
    ids.map((id) => (facts.has(id) ? { _id: id, members: facts.get(id) } : undefined));
  const log = openMemoryLog();
  const options = { views, log, records: new RecordsReader(views), members: { getMany }, systems: [] };
  return new MatchIndex(options).finder(() => ({ readConsents: async () => undefined, withheld: () => false }));
}
