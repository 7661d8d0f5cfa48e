import { PA_RECORDS } from '@provider-access/events';
import type { Projection, TopicEvolve } from '@provider-access/engines/views';
import { recordKeys, replaces } from './record-events.ts';
import { type SearchPart, searchPartOf } from './search-part.ts';

export { keysWithLabels } from './search-part.ts';

const fromRecords: TopicEvolve<SearchPart> = {
  part: 'search',
  keys: recordKeys,
  evolve(part, record) {
    const next = searchPartOf(record);
    return part === undefined || replaces(part, next) ? next : undefined;
  },
};

/**
 * The keys of every record, beside the view `records`. It is a view of its own, because a change of the search
 * parameters needs a new version of it, and the lines are large and stay where they are (ADR 0041).
 */
export const searchKeys: Projection = {
  owner: 'resources',
  name: 'search',
  version: 1,
  topics: { [PA_RECORDS]: fromRecords },
  indexes: [{ name: 'by_key', fields: ['search.member', 'search.type', 'search.keys'], array: true }],
};
