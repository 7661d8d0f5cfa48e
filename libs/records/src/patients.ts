import { dataOf, PA_RECORDS, type RecordAccepted, type RecordDeleted } from '@provider-access/events';
import { identifierKeys, type Persons } from '@provider-access/domain/pdex/labels';
import type { Projection, TopicEvolve, ViewDocument, ViewReader } from '@provider-access/engines/views';
import { newerOf, orderOf, recordKeys } from './record-events.ts';
import type { Ordered } from './record.ts';

/** The keys of the identifiers that a member's Patient has; none once it is removed. */
interface PatientPart extends Ordered {
  readonly identifiers: readonly string[];
}
const TYPE = '/Patient/';
/** A person has at most 100 ids (ADR 0031), so one more is another person. */
const MOST_IDS = 101;

const fromRecords: TopicEvolve<PatientPart> = {
  part: 'patient',
  keys: (record) => {
    const at = record.key.indexOf(TYPE);
    return at < 0 || recordKeys(record).length === 0 ? [] : [record.key.slice(0, at)];
  },
  evolve(part, record) {
    const data = dataOf<RecordAccepted | RecordDeleted>(record);
    return newerOf(part, {
      versionId: data.versionId,
      ...orderOf(data),
      identifiers: 'line' in data ? identifierKeys((JSON.parse(data.line) as { identifier?: unknown }).identifier) : [],
    });
  },
};

/** One document for each member with a Patient, by whose identifiers contained Patients are compared (ADR 0057). */
export const patients: Projection = {
  owner: 'resources',
  name: 'patients',
  version: 1,
  topics: { [PA_RECORDS]: fromRecords },
  commitMs: 100,
  indexes: [{ name: 'by_identifier', fields: ['patient.identifiers'], array: true }],
};

export interface PersonsOptions {
  readonly patients: Pick<ViewReader, 'getMany' | 'find'>;
  /** Reader of the member facts, which know members without a Patient, and merged ids. */
  readonly members: Pick<ViewReader, 'getMany'>;
}

/**
 * Whether one of these persons is another member of this payer. An identifier that the member has too names the member.
 * Reads nothing if nobody is named.
 */
export async function namesAnother(
  { patients: byId, members }: PersonsOptions,
  member: string,
  { ids, identifiers }: Persons,
): Promise<boolean> {
  const named = ids.filter((id) => id !== member);
  if (named.length === 0 && identifiers.length === 0) return false;
  const [facts, stored] = await Promise.all([members.getMany([member, ...named]), byId.getMany([member, ...named])]);
  const found = new Set(named.filter((_, i) => facts[i + 1] !== undefined || stored[i + 1] !== undefined));
  const own = new Set(keysOf(stored[0]));
  for (const key of identifiers)
    if (!own.has(key))
      for (const { _id } of await byId.find({ index: 'by_identifier', equals: [key], limit: MOST_IDS })) found.add(_id);
  found.delete(member);
  for (const merged of mergedWith(facts[0])) found.delete(merged);
  return found.size > 0;
}

const keysOf = (document: ViewDocument | undefined): readonly string[] =>
  (document?.['patient'] as PatientPart | undefined)?.identifiers ?? [];
const mergedWith = (document: ViewDocument | undefined): readonly string[] =>
  (document?.['members'] as { readonly mergedWith?: readonly string[] } | undefined)?.mergedWith ?? [];
