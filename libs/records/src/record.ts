import type { RecordDeleted } from '@provider-access/events';

/**
 * Member key of resources without a patient (libs/fhir SHARED_TYPES). No member may
 * have this id.
 */
export const SHARED = 'shared';
/** No member has this id. A request for something unknown asks about it, so that it takes as long as others. */
export const NOBODY = '?';

/** The `records` view's data about one resource, beside its encoded line. Times are ms since the epoch. */
export interface RecordPart extends Ordered {
  readonly member: string;
  readonly type: string;
  readonly id: string;
  /** Time of acceptance, as in `meta.lastUpdated`. */
  readonly lastUpdated: number;
  readonly tie?: Tie;
  /** Hash of the accepted content; absent on a deleted record. */
  readonly contentHash?: string;
  /**
   * Hash of the resource as the payer sent it. Absent on a deleted record, and where an earlier release wrote the
   * record.
   */
  readonly sourceHash?: string;
  readonly serviceDate?: string;
  /** `Type/id` of every literal reference. A deleted record has the Coverages among those of its last version. */
  readonly references: readonly string[];
  /**
   * Security labels of the resource and of everything inside it, `system|code`. A deleted record has those of its last
   * version. Absent where an earlier release wrote the record: read them by `labelsOfRecord`.
   */
  readonly labels?: readonly string[];
  /** Which version of the rules found the labels. Another one than ours may have overlooked some (`hasAllLabels`). */
  readonly labelsBy?: string;
  /**
   * `Type/id` of the targets of a Provenance, whose labels withhold it too. A deleted record has those of its last
   * version. Absent for other types, and where an earlier release wrote the record.
   */
  readonly targets?: readonly string[];
  /** Of a prior authorization: a hash of its status, and when a version first had it. A deleted record keeps both. */
  readonly status?: string;
  readonly statusChanged?: number;
  /** Length of the line in UTF-8 bytes, without a newline; 0 on a deleted record without a line. */
  readonly bytes: number;
  /** Set on the tombstone that a delete leaves: an older version that arrives later must lose against it. */
  readonly deleted?: true;
  readonly reason?: RecordDeleted['reason'];
  /** `lastUpdated` of the newest removal by a recall: files of exports do not release older versions. */
  readonly recalled?: number;
}

const NO_BYTES = new Uint8Array(0);
/** The line of a document as bytes; none if the document has no line. */
export const bytesOfLine = (line: string | Uint8Array | undefined): Uint8Array =>
  typeof line === 'string' ? Buffer.from(line) : (line ?? NO_BYTES);

/** A live record with its encoded resource (one JSON line, no newline). */
export interface StoredRecord extends RecordPart {
  readonly line: Uint8Array;
}

/** The versionId is stored beside the data too, so that a view does not have to parse a resource. */
export const VERSION_HEADER = 'ce_paversion';

/** Several versions with one business time and sequence: the one that was appended last wins (ADR 0022). */
export interface Tie {
  /** The business time in the newest event, ms since the epoch. `businessTime` of the record may be later. */
  readonly said: number;
  /** Marks of the older events with this time. */
  readonly events: readonly string[];
}

export const recordId = (member: string, type: string, id: string): string => `${member}/${type}/${id}`;
/** As `recordId`. @param name of the resource (`nameOf`) */
export const recordIdNamed = (member: string, name: string): string => `${member}/${name}`;
/** The member of a record. Neither a type nor the id of a resource has a slash. */
export const memberOfRecord = (id: string): string => id.slice(0, id.lastIndexOf('/', id.lastIndexOf('/') - 1));
/** The name of a resource, as a reference has it. */
export const nameOf = (type: string, id: string): string => `${type}/${id}`;

/** What decides which version wins (`compareVersions`). */
export interface VersionOrder {
  readonly businessTime: number;
  readonly sequence: number;
  /** `source` and `id` of the event that made this version. */
  readonly source?: string;
  readonly event?: string;
}
export interface Ordered extends VersionOrder {
  readonly versionId: number;
}

/**
 * Negative if `a` is the older version. Compares business time, then sequence, then the event's source and id. This is
 * a total order of distinct events, so that every order of arrival ends in the same state.
 */
export function compareVersions(a: VersionOrder, b: VersionOrder): number {
  return (
    a.businessTime - b.businessTime ||
    a.sequence - b.sequence ||
    compareText(a.source ?? '', b.source ?? '') ||
    compareText(a.event ?? '', b.event ?? '')
  );
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
