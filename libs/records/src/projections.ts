import { PA_RECORDS, type RecordAccepted, type RecordDeleted, typeOf } from '@provider-access/events';
import type { LogRecord } from '@provider-access/eventlog';
import type { Projection, TopicEvolve } from '@provider-access/views';
import type { LocatorPart, RecordPart } from './record.ts';

const ACCEPTED = 'pa.record-accepted.v1';
const DELETED = 'pa.record-deleted.v1';
const RELEVANT = new Set<string | undefined>([ACCEPTED, DELETED]);

/** Not kept: the log keeps its newest records in memory, and every line would be there a second time. */
const dataOf = ({ value }: LogRecord): RecordAccepted | RecordDeleted =>
  JSON.parse(Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('utf8')) as RecordAccepted | RecordDeleted;

/** pa.records keys are `<member>/<Type>/<id>`: the id of the record needs no parse. */
const recordKeys = (record: LogRecord): readonly string[] => (RELEVANT.has(typeOf(record)) ? [record.key] : []);

const fromRecords: TopicEvolve<RecordPart & { line?: string }> = {
  part: 'record',
  blind: true,
  keys: recordKeys,
  evolve(_part, record) {
    const data = dataOf(record);
    const common = {
      member: data.member, type: data.type, id: data.id, versionId: data.versionId, lastUpdated: Date.parse(data.lastUpdated),
      businessTime: Date.parse(data.businessTime), sequence: data.sequence,
      ...(data.source !== undefined && { source: data.source }), ...(data.event !== undefined && { event: data.event }),
    };
    if (!('line' in data)) return { ...common, references: [], tokens: [], bytes: 0, deleted: true, reason: data.reason };
    return {
      ...common, contentHash: data.contentHash, ...(data.serviceDate !== undefined && { serviceDate: data.serviceDate }),
      references: data.references, tokens: data.tokens, bytes: Buffer.byteLength(data.line), line: data.line,
    };
  },
};

/** One document a resource, the encoded line beside it. Written by resources, read by resources and export. */
export const records: Projection = {
  owner: 'resources', name: 'records', version: 1,
  topics: { [PA_RECORDS]: fromRecords },
  indexes: [
    { name: 'by_type', fields: ['record.member', 'record.type', 'record.id'] },
    { name: 'by_updated', fields: ['record.member', 'record.type', 'record.lastUpdated', 'record.id'] },
  ],
  bodies: ['record.line'],
};

/**
 * Events of two members reach this view in any order (they are in different partitions), so the part keeps what it knows of
 * each member: whoever has it and was accepted last is the holder, in whatever order that was heard.
 */
function locate(part: LocatorPart | undefined, member: string, at: number, deleted: boolean): LocatorPart {
  const members = { ...part?.members, [member]: deleted ? { at, deleted: true as const } : { at } };
  let holder: string | undefined;
  for (const [name, entry] of Object.entries(members)) {
    if (entry.deleted !== true && (holder === undefined || entry.at > members[holder]!.at || (entry.at === members[holder]!.at && name < holder))) holder = name;
  }
  return holder === undefined ? { member, deleted: true, members } : { member: holder, members };
}

const fromRecordsLocator: TopicEvolve<LocatorPart> = {
  part: 'locator',
  keys(record) {
    if (!RELEVANT.has(typeOf(record))) return [];
    return [record.key.slice(record.key.indexOf('/') + 1)];
  },
  evolve(part, record) {
    const member = record.key.slice(0, record.key.indexOf('/'));
    const at = Date.parse(record.headers['ce_time'] ?? '');
    const deleted = typeOf(record) === DELETED;
    return locate(part, member, at, deleted);
  },
};

/** `Type/id` -> member: one get before a read, never a scatter. */
export const locators: Projection = {
  owner: 'resources', name: 'locators', version: 1,
  topics: { [PA_RECORDS]: fromRecordsLocator },
  indexes: [],
};

