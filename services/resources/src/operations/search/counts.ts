import { COST, exactKeys, Matcher } from '@provider-access/fhir';
import { PROVENANCE, recordId } from '@provider-access/records';
import { conditionsOf, elementsOf, linesOf, lookups, together } from './candidates.ts';
import type { Conditions } from './conditions.ts';
import { parsedLine, sizeOf } from './entry.ts';
import type { VisibleRecords } from './visible-records.ts';

/**
 * Records that keys do not decide, in one query. If there are more, the search looks into every line. Withheld ones
 * count too, so it is as many as a search knows withheld ids.
 */
const MOST_UNSURE = 10_000;

/**
 * The number of results of each member, counted in the index of keys, without a line. Undefined if keys do not decide
 * the search: a filter is not exact in keys, or the search asks for ids or times.
 *
 * Two kinds of records are counted one by one: those with a label of the policy, and those with too many values of a
 * parameter. The keys of both are in the document of the other keys. So one query of the index leaves them out, and no
 * record is counted by the keys of one version and released by the labels of another one. Their heads come before their
 * lines, and none of a withheld record is read.
 * @param limit the count ends at about so many results
 * @throws OverBudget
 */
export async function countedByKeys(
  records: VisibleRecords,
  query: Conditions,
  members: readonly string[],
  limit: number,
): Promise<ReadonlyMap<string, number> | undefined> {
  const { type, filters } = query;
  // Keys of one parameter do not tell whether one of several scopes covers the record.
  if (query.also !== undefined) return undefined;
  // No key tells the lines of business, whose coverages decide about each record.
  if (records.hasLines) return undefined;
  // The labels of its targets withhold a Provenance, and its own keys do not tell them.
  if (query.ids !== undefined || query.updated.length > 0 || type === PROVENANCE) return undefined;
  const exact = exactKeys(filters);
  // A policy without labels still withholds records that name another member, and no key tells those.
  if (exact === undefined || records.labelKeys.length === 0 || !records.keysAreTagged) return undefined;
  const { work, reader } = records;
  const { search } = reader.views;
  const matcher = new Matcher(filters);
  const conditions = conditionsOf(query);
  const none = [...records.labelKeys, ...exact.unsure];
  const totals = new Map<string, number>();
  let total = 0;
  let compared = 0;
  const add = (member: string, results: number): void => {
    totals.set(member, (totals.get(member) ?? 0) + results);
    total += results;
  };
  for (const some of together(members, conditions)) {
    const of = { index: 'by_key', equals: [some.length === 1 ? some[0]! : some, type] as const };
    if (some.length === 1) await records.readConsents(some[0]!);
    work.count(2 * COST.query + 2 * lookups(some, conditions));
    await work.pause();
    const except = await search.ids({ ...of, all: [none, ...conditions], limit: MOST_UNSURE });
    if (except.length === MOST_UNSURE) return undefined;
    const visible = await records.visible(type, except);
    const rest = Math.max(1, limit - total);
    const sure = await search.count({ ...of, all: exact.all.map(elementsOf), none, except, limit: rest });
    for (const [member, results] of sure) {
      compared += results;
      work.count(results * COST.condition);
      add(member as string, results);
    }
    const ids = visible.map(({ member, id }) => recordId(member, type, id));
    for await (const batch of linesOf(records, ids, ids.length))
      for (const entry of await records.seen(batch)) {
        work.count(sizeOf(entry) * COST.byte);
        if (matcher.matches(parsedLine(entry), work)) add(entry.member, 1);
      }
    if (total >= limit) break;
  }
  // The index has made these comparisons. They are counted once, at the end: a search that goes on by lines makes them.
  work.evaluate(compared * matcher.evaluations);
  return totals;
}
