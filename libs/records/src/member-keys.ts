import { storedKeys } from '@provider-access/domain/pdex/match';
import { dataOf, PA_RECORDS, type RecordAccepted, type RecordDeleted } from '@provider-access/events';
import type { Projection, TopicEvolve, ViewDocument } from '@provider-access/engines/views';
import { isFirstVersion, newerOf, orderOf, recordKeys } from './record-events.ts';
import type { Ordered } from './record.ts';

/** The keys under which a member is found by one Patient or Coverage; none once it is removed. */
export interface MemberKeysPart extends Ordered {
  readonly keys: readonly string[];
}
const TYPES = /\/(?:Patient|Coverage)\//;

const fromRecords: TopicEvolve<MemberKeysPart> = {
  part: 'member',
  keys: (record) => (TYPES.test(record.key) ? recordKeys(record) : []),
  begins: isFirstVersion,
  evolve(part, record) {
    const data = dataOf<RecordAccepted | RecordDeleted>(record);
    const order = { versionId: data.versionId, ...orderOf(data) };
    return newerOf(part, { ...order, keys: 'line' in data ? storedKeys(JSON.parse(data.line)) : [] });
  },
};

/**
 * One document for each Patient and Coverage, with the keys of `$provider-member-match` (ADR 0123): hashes of member
 * and subscriber ids, and of the birth date with each family name. Resources writes it; export reads it.
 */
export const memberKeys: Projection = {
  owner: 'resources',
  name: 'member-keys',
  version: 1,
  topics: { [PA_RECORDS]: fromRecords },
  lingerMs: 100,
  commitMs: 100,
  indexes: [{ name: 'by_key', fields: ['member.keys'], array: true }],
};

/** The keys of a document that was found. */
export const keysIn = (document: ViewDocument): readonly string[] => (document['member'] as MemberKeysPart).keys;
/** Whose Patient or Coverage it is. No member id has a slash. */
export const memberOfKeys = ({ _id }: ViewDocument): string => _id.slice(0, _id.indexOf('/'));
