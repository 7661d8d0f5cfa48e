import { PA_RECORDS, type RecordAccepted, type RecordDeleted, typeOf, dataOf } from '@provider-access/events';
import type { LogRecord } from '@provider-access/engines/log';
import type { Projection, TopicEvolve } from '@provider-access/engines/views';
import { compareVersions, VERSION_HEADER, type LocatorPart, type RecordPart, type VersionOrder } from './record.ts';

const ACCEPTED = 'pa.record-accepted.v1';
const DELETED = 'pa.record-deleted.v1';
const RELEVANT = new Set<string | undefined>([ACCEPTED, DELETED]);

/** pa.records keys are `<member>/<Type>/<id>`: the id of the record needs no parse. */
export const recordKeys = (record: LogRecord): readonly string[] => (RELEVANT.has(typeOf(record)) ? [record.key] : []);

/**
 * Whether a record replaces the version that the view has. An instance that was taken for dead, and its successor, may
 * both append versions in any order, so an older version never replaces a newer one. If one event comes twice, the
 * first stays with its versionId and lastUpdated, unless the other instance knew more (or it is the tombstone of a
 * take-over): then its versionId is higher.
 */
export function replaces(
  known: VersionOrder & { readonly versionId: number },
  data: RecordAccepted | RecordDeleted,
): boolean {
  const order = {
    businessTime: Date.parse(data.businessTime),
    sequence: data.sequence,
    source: data.source ?? '',
    event: data.event ?? '',
  };
  const newer = compareVersions(order, known);
  return newer > 0 || (newer === 0 && data.versionId > known.versionId);
}

const fromRecords: TopicEvolve<RecordPart & { line?: string }> = {
  part: 'record',
  keys: recordKeys,
  evolve(part, record) {
    // Not cached, because the log keeps its newest records in memory, and every line would be there a second time.
    const data = dataOf<RecordAccepted | RecordDeleted>(record);
    if (part !== undefined && !replaces(part, data)) return undefined;
    const common = {
      member: data.member,
      type: data.type,
      id: data.id,
      versionId: data.versionId,
      lastUpdated: Date.parse(data.lastUpdated),
      businessTime: Date.parse(data.businessTime),
      sequence: data.sequence,
      ...(data.source !== undefined && { source: data.source }),
      ...(data.event !== undefined && { event: data.event }),
      ...(data.labels !== undefined && { labels: data.labels }),
      ...(data.tie !== undefined && { tie: { said: Date.parse(data.tie.said), events: data.tie.events } }),
    };
    if (!('line' in data))
      return { ...common, references: [], tokens: [], bytes: 0, deleted: true, reason: data.reason };
    return {
      ...common,
      contentHash: data.contentHash,
      ...(data.sourceHash !== undefined && { sourceHash: data.sourceHash }),
      ...(data.serviceDate !== undefined && { serviceDate: data.serviceDate }),
      references: data.references,
      tokens: data.tokens,
      bytes: Buffer.byteLength(data.line),
      line: data.line,
    };
  },
};

/**
 * One document for each resource, with the encoded line beside it. Resources writes it; resources and export read it.
 * `sourceHash`, `tie` and `labels` came without a new version of the view: a document without them means the same, so
 * both releases may write it.
 */
export const records: Projection = {
  owner: 'resources',
  name: 'records',
  version: 1,
  topics: { [PA_RECORDS]: fromRecords },
  indexes: [
    { name: 'by_type', fields: ['record.member', 'record.type', 'record.id'] },
    { name: 'by_updated', fields: ['record.member', 'record.type', 'record.lastUpdated', 'record.id'] },
  ],
  bodies: ['record.line'],
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
    if (!RELEVANT.has(typeOf(record))) return [];
    return [record.key.slice(record.key.indexOf('/') + 1)];
  },
  evolve(part, record) {
    const member = record.key.slice(0, record.key.indexOf('/'));
    const at = Date.parse(record.headers['ce_time'] ?? '');
    const version = record.headers[VERSION_HEADER];
    return locate(part, member, {
      at,
      ...(version !== undefined && { v: Number(version) }),
      ...(typeOf(record) === DELETED && { deleted: true as const }),
    });
  },
};

/** `Type/id` -> member. With it a read needs one get before it, and never searches all members. */
export const locators: Projection = {
  owner: 'resources',
  name: 'locators',
  version: 1,
  topics: { [PA_RECORDS]: fromRecordsLocator },
  indexes: [],
};
