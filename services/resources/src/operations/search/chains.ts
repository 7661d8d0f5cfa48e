import { isSharedType, referenceTo, type SearchChain, type SearchQuery } from '@provider-access/fhir';
import { Refusal } from '@provider-access/kernel';
import { SHARED } from '@provider-access/records';
import { fitting } from './candidates.ts';
import type { VisibleRecords } from './visible-records.ts';

/** As many values as a client may write in one search. */
const MAX_CHAINED = 1000;

/**
 * The query with each chain, such as `practitioner.name`, replaced by the references to the resources that fit it and
 * that the client may see. So the cost follows the number of these resources and the answer.
 * @throws Refusal too-costly, if more than 1000 resources fit a chain; OverBudget
 */
export async function unchained(records: VisibleRecords, query: SearchQuery, base: string): Promise<SearchQuery> {
  let result = query;
  for (const chain of query.chains) {
    const { parameter, type } = chain;
    const ids = await fittingIds(records, chain);
    if (ids.length === 0) return { ...result, ids: [] };
    const names = ids.map((id) => `${type}/${id}`);
    result = { ...result, filters: [...result.filters, referenceTo(parameter, names, base)] };
  }
  return result;
}

async function fittingIds(records: VisibleRecords, { parameter, type, filter }: SearchChain): Promise<string[]> {
  if (!isSharedType(type)) throw new TypeError('a chain leads to a type of the directory');
  const ids: string[] = [];
  const conditions = records.restricted({ type, filters: [filter], updated: [] });
  for await (const batch of fitting(records, conditions, [SHARED], undefined, MAX_CHAINED)) {
    ids.push(...batch.map(({ id }) => id));
    if (ids.length > MAX_CHAINED)
      throw new Refusal(
        'too-costly',
        `More than ${MAX_CHAINED} resources fit ${parameter.name}.${filter.parameter.name}. Narrow it.`,
        { expression: parameter.name },
      );
  }
  return ids;
}
