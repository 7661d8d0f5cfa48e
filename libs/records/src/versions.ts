import { PA_RECORD_VERSIONS, type RecordDeleted, type RecordSuperseded, typeOf, dataOf } from '@provider-access/events';
import type { LogRecord } from '@provider-access/engines/log';
import type { Projection, TopicEvolve, ViewDocument, ViewReader, Views } from '@provider-access/engines/views';
import { notes } from '@provider-access/kernel';
import { bytesOfLine, recordId, VERSION_HEADER } from './record.ts';
import { labelRules } from '@provider-access/domain/pdex/labels';
import { labelsOfRecord } from './record-labels.ts';

/** The `versions` view's data about one superseded version. Times are ms since the epoch. */
export interface VersionPart {
  /** Id of the record: `member/Type/id`. */
  readonly resource: string;
  readonly versionId: number;
  /** `meta.lastUpdated` of the version. */
  readonly lastUpdated: number;
  /** When the next version replaced this one. */
  readonly supersededAt: number;
  /** Length of the line in UTF-8 bytes; 0 for a tombstone. */
  readonly bytes: number;
  /** Present on a tombstone: why the resource was removed. */
  readonly reason?: RecordDeleted['reason'];
  /**
   * Security labels, `system|code`, so that a reader decides before it loads the line. A tombstone has those of the
   * version before it.
   */
  readonly labels: readonly string[];
  /** Which rules found the labels. Absent on a tombstone, and where an earlier release wrote the part. */
  readonly labelsBy?: string;
  /** `Type/id` of the targets of a Provenance. Absent for other types, and where an earlier release wrote the part. */
  readonly targets?: readonly string[];
}
/** A superseded version with its line. A tombstone has an empty line. */
interface StoredVersion extends VersionPart {
  readonly line: Uint8Array;
}

const SUPERSEDED = 'pa.record-superseded.v1';
const LINE = ['version.line'];

/** The data of an event. The line of a version that this process replaced is bytes (`keepSuperseded`). */
type Superseded = Omit<RecordSuperseded, 'line'> & { readonly line?: string | Uint8Array };

/** Data that the view has not read yet, by the headers of its record, as of records (`keepData`). */
const kept = notes<LogRecord['headers'], Superseded>();

/** Keeps the data of a record that is about to be appended, so that the view of this process does not parse it. */
export const keepSuperseded = ({ headers }: Pick<LogRecord, 'headers'>, data: Superseded): void =>
  kept.set(headers, data);

function supersededData(record: LogRecord): Superseded {
  const known = kept.get(record.headers);
  if (known === undefined) return dataOf<RecordSuperseded>(record);
  kept.delete(record.headers);
  return known;
}

const versionDocumentId = (record: string, versionId: number): string => `${record}/${versionId}`;

/**
 * The key of the record and the header name the document, so that only `evolve` parses the event. The part is written
 * without being read, because a version that comes twice is the same.
 */
const fromVersions: TopicEvolve<VersionPart & { line?: string | Uint8Array }> = {
  part: 'version',
  blind: true,
  begins: () => true,
  keys: (record) =>
    typeOf(record) === SUPERSEDED ? [versionDocumentId(record.key, Number(record.headers[VERSION_HEADER]))] : [],
  evolve(_part, record) {
    const { member, type, id, versionId, lastUpdated, supersededAt, reason, line, targets, ...found } =
      supersededData(record);
    return {
      resource: recordId(member, type, id),
      versionId,
      lastUpdated: Date.parse(lastUpdated),
      supersededAt: Date.parse(supersededAt),
      bytes: line === undefined ? 0 : Buffer.byteLength(line),
      labels: line === undefined ? (found.labels ?? []) : labelsOfRecord({ ...found, line }),
      ...(line !== undefined && { labelsBy: labelRules() }),
      ...(targets !== undefined && { targets }),
      ...(reason !== undefined && { reason }),
      ...(line !== undefined && { line }),
    };
  },
};

/** One document for each superseded version of a resource (ADR 0045). Resources writes and reads it. */
export const versions: Projection = {
  owner: 'resources',
  name: 'versions',
  version: 2,
  topics: { [PA_RECORD_VERSIONS]: fromVersions },
  commitMs: 100,
  indexes: [
    { name: 'by_resource', fields: ['version.resource', 'version.versionId'] },
    { name: 'by_superseded', fields: ['version.supersededAt'] },
  ],
  bodies: LINE,
};

const part = (document: ViewDocument): VersionPart & { line?: string | Uint8Array } =>
  document['version'] as VersionPart & { line?: string | Uint8Array };

function stored(document: ViewDocument): StoredVersion {
  const version = part(document);
  return { ...version, line: bytesOfLine(version.line) };
}

/** Reads the `versions` view. Errors of the store pass through. */
export class VersionsReader {
  readonly view: ViewReader;
  constructor(views: Views) {
    this.view = views.reader(versions);
  }

  /** Superseded versions from `from` to `until` (both included), newest first, without their lines. */
  async list(
    resource: string,
    { from, until, limit }: { readonly from?: number; readonly until?: number; readonly limit: number },
  ): Promise<readonly VersionPart[]> {
    const range = { ...(from !== undefined && { gte: from }), ...(until !== undefined && { lte: until }) };
    const found = await this.view.find({ index: 'by_resource', equals: [resource], range, order: 'desc', limit });
    return found.map(part);
  }

  /** The versions with their lines, in the order of `versionIds`; undefined for a missing one. */
  async load(resource: string, versionIds: readonly number[]): Promise<readonly (StoredVersion | undefined)[]> {
    if (versionIds.length === 0) return [];
    const ids = versionIds.map((versionId) => versionDocumentId(resource, versionId));
    return (await this.view.getMany(ids, { bodies: LINE })).map((d) => (d === undefined ? undefined : stored(d)));
  }

  /** Ids of documents whose version was superseded before this time, at most `limit`. */
  async supersededBefore(time: number, limit: number): Promise<readonly string[]> {
    return (await this.view.find({ index: 'by_superseded', range: { lt: time }, limit })).map(({ _id }) => _id);
  }
}
