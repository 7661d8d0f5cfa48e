import { dataOf, PA_RECORDS, type RecordAccepted, type RecordDeleted } from '@provider-access/events';
import type { Projection, TopicEvolve } from '@provider-access/engines/views';
import { type FhirResource, indexKeys } from '@provider-access/kernel/fhir';
import { recordKeys, replaces } from './projections.ts';
import type { VersionOrder } from './record.ts';

/** The search keys of one record, by which an array index finds it. */
interface SearchPart extends VersionOrder {
  readonly member: string;
  readonly type: string;
  readonly versionId: number;
  /** `indexKeys` of the resource; empty for a deleted record. */
  readonly keys: readonly string[];
}

const fromRecords: TopicEvolve<SearchPart> = {
  part: 'search',
  keys: recordKeys,
  evolve(part, record) {
    // Not cached, because the log keeps its newest records in memory, and every line would be there a second time.
    const data = dataOf<RecordAccepted | RecordDeleted>(record);
    if (part !== undefined && !replaces(part, data)) return undefined;
    return {
      member: data.member,
      type: data.type,
      versionId: data.versionId,
      businessTime: Date.parse(data.businessTime),
      sequence: data.sequence,
      ...(data.source !== undefined && { source: data.source }),
      ...(data.event !== undefined && { event: data.event }),
      keys: 'line' in data ? indexKeys(JSON.parse(data.line) as FhirResource) : [],
    };
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
