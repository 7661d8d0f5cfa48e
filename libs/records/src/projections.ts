import { PA_RECORDS, typeOf } from '@provider-access/events';
import { isFirstVersion, orderOf, recordData, recordKeys, RECORD_DELETED, replaces } from './record-events.ts';
import { LABELS_VERSION } from '@provider-access/domain/pdex/labels';
import type { Projection, TopicEvolve } from '@provider-access/engines/views';
import { VERSION_HEADER, type LocatorPart, type RecordPart } from './record.ts';
import { labelsOfRecord, UNLABELLED } from './record-labels.ts';

const fromRecords: TopicEvolve<RecordPart & { line?: string | Uint8Array }> = {
  part: 'record',
  keys: recordKeys,
  begins: isFirstVersion,
  evolve(part, record) {
    const data = recordData(record);
    const common = {
      member: data.member,
      type: data.type,
      id: data.id,
      versionId: data.versionId,
      lastUpdated: Date.parse(data.lastUpdated),
      ...orderOf(data),
      ...(data.targets !== undefined && { targets: data.targets }),
      ...(data.status !== undefined && { status: data.status }),
      ...(data.statusChanged !== undefined && { statusChanged: Date.parse(data.statusChanged) }),
      ...(data.tie !== undefined && { tie: { said: Date.parse(data.tie.said), events: data.tie.events } }),
    };
    if (part !== undefined && !replaces(part, common)) return undefined;
    if (!('line' in data))
      return {
        ...common,
        references: [],
        bytes: Buffer.byteLength(data.enteredInError ?? ''),
        deleted: true,
        ...(data.labels !== undefined && { labels: data.labels }),
        reason: data.reason,
        ...(data.enteredInError !== undefined && { line: data.enteredInError }),
      };
    return {
      ...common,
      contentHash: data.contentHash,
      ...(data.sourceHash !== undefined && { sourceHash: data.sourceHash }),
      ...(data.serviceDate !== undefined && { serviceDate: data.serviceDate }),
      references: data.references,
      bytes: Buffer.byteLength(data.line),
      // Side by side, because `UNLABELLED` is looked for in the text of a document.
      labels: labelsOfRecord(data),
      labelsBy: LABELS_VERSION,
      line: data.line,
    };
  },
};

/**
 * One document for each resource, with the encoded line beside it. Resources writes it; resources and export read it.
 * `sourceHash`, `tie`, `labels`, `labelsBy`, `targets` and `status` came without a new version of the view: a document
 * without them means the same, so both releases may write it.
 */
export const records: Projection = {
  owner: 'resources',
  name: 'records',
  version: 1,
  topics: { [PA_RECORDS]: fromRecords },
  commitMs: 100,
  indexes: [
    { name: 'by_type', fields: ['record.member', 'record.type', 'record.id'] },
    { name: 'by_updated', fields: ['record.member', 'record.type', 'record.lastUpdated', 'record.id'] },
  ],
  bodies: ['record.line'],
  plain: { part: 'record', text: UNLABELLED },
  subject: 'record.member',
};

/**
 * Events of two members reach this view in any order (they are in different partitions), so the part keeps the state of
 * each member. The member that has the resource and was accepted last is the holder, in whatever order the events came.
 */
function locate(
  part: LocatorPart | undefined,
  member: string,
  entry: LocatorPart['members'][string],
): LocatorPart | undefined {
  // A late event of an instance that lost its partition. Its successor has seen everything that this instance saw, and
  // more.
  if (entry.v !== undefined && entry.v < (part?.members[member]?.v ?? 0)) return undefined;
  const members = { ...part?.members, [member]: entry };
  let holder: string | undefined;
  for (const [name, { at, deleted }] of Object.entries(members)) {
    if (
      deleted !== true &&
      (holder === undefined || at > members[holder]!.at || (at === members[holder]!.at && name < holder))
    )
      holder = name;
  }
  return holder === undefined ? { member, deleted: true, members } : { member: holder, members };
}

const fromRecordsLocator: TopicEvolve<LocatorPart> = {
  part: 'locator',
  keys(record) {
    if (recordKeys(record).length === 0) return [];
    return [record.key.slice(record.key.indexOf('/') + 1)];
  },
  begins: isFirstVersion,
  evolve(part, record) {
    const member = record.key.slice(0, record.key.indexOf('/'));
    const at = Date.parse(record.headers['ce_time'] ?? '');
    const version = record.headers[VERSION_HEADER];
    return locate(part, member, {
      at,
      ...(version !== undefined && { v: Number(version) }),
      ...(typeOf(record) === RECORD_DELETED && { deleted: true as const }),
    });
  },
};

/** `Type/id` -> member. With it a read needs one get before it, and never searches all members. */
export const locators: Projection = {
  owner: 'resources',
  name: 'locators',
  version: 1,
  topics: { [PA_RECORDS]: fromRecordsLocator },
  commitMs: 100,
  indexes: [],
};
