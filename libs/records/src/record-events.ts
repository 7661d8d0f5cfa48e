import { dataOf, type RecordAccepted, type RecordDeleted, typeOf } from '@provider-access/events';
import type { LogRecord } from '@provider-access/engines/log';
import { notes } from '@provider-access/kernel';
import { compareVersions, type Ordered, VERSION_HEADER, type VersionOrder } from './record.ts';

const ACCEPTED = 'pa.record-accepted.v1';
export const RECORD_DELETED = 'pa.record-deleted.v1';
const RELEVANT = new Set<string | undefined>([ACCEPTED, RECORD_DELETED]);

/** pa.records keys are `<member>/<Type>/<id>`: the id of the record needs no parse. */
export const recordKeys = (record: LogRecord): readonly string[] => (RELEVANT.has(typeOf(record)) ? [record.key] : []);

/** Nearly every first version makes a new document, so the views do not look for one. */
export const isFirstVersion = ({ headers }: LogRecord): boolean => headers[VERSION_HEADER] === '1';

/**
 * Whether a record replaces the version that the view has. An instance that was taken for dead, and its successor, may
 * both append versions in any order, so an older version never replaces a newer one. If one event comes twice, the
 * first stays with its versionId and lastUpdated, unless the other instance knew more (or it is the tombstone of a
 * take-over): then its versionId is higher.
 */
export function replaces(known: Ordered, next: Ordered): boolean {
  const newer = compareVersions(next, known);
  return newer > 0 || (newer === 0 && next.versionId > known.versionId);
}
/** The part after a record: undefined if the record changes nothing. */
export const newerOf = <Part extends Ordered>(part: Part | undefined, next: Part): Part | undefined =>
  part === undefined || replaces(part, next) ? next : undefined;

/** The order of a version, as the parts of the views have it. */
export const orderOf = ({ businessTime, sequence, source, event }: Pick<RecordAccepted, keyof VersionOrder>) => ({
  businessTime: Date.parse(businessTime),
  sequence,
  ...(source !== undefined && { source }),
  ...(event !== undefined && { event }),
});

/** The line of a record that this process wrote is bytes (`keepData`). */
export type AcceptedData = Omit<RecordAccepted, 'line'> & { readonly line: string | Uint8Array };
export type RecordData = AcceptedData | RecordDeleted;

/** The views that read the value of each record: `records` and `search`. */
const READERS = 2;
/** What the key of a claim has. `authorizations` reads claims, too. */
export const OF_CLAIM = '/ExplanationOfBenefit/';

interface Kept {
  readonly data: RecordData;
  /** Number of readers that have not had it yet. */
  open: number;
  /** Whether this process wrote the record. */
  readonly isOwn: boolean;
}

/**
 * Values that a view of this process has not read yet, by the headers of their record: the log of this process hands
 * on the headers of an append as they are. Parsing a value costs more than writing it to a view. The last reader takes
 * the value out, because the log keeps its newest records in memory, and every line would be there a second time.
 */
const kept = notes<LogRecord['headers'], Kept>();

/**
 * Keeps the value of a record that is about to be appended, so that no view of this process has to parse it. Pass a
 * long line as bytes, which the garbage collector does not copy while they wait for the views.
 */
export const keepData = ({ headers, key }: Pick<LogRecord, 'headers' | 'key'>, data: RecordData): void =>
  kept.set(headers, { data, open: READERS + (key.includes(OF_CLAIM) ? 1 : 0), isOwn: true });

function taken({ headers }: LogRecord, known: Kept): RecordData {
  known.open -= 1;
  if (known.open <= 0) kept.delete(headers);
  return known.data;
}

export function recordData(record: LogRecord): RecordData {
  const known = kept.get(record.headers);
  if (known !== undefined) return taken(record, known);
  const data = dataOf<RecordData>(record);
  kept.set(record.headers, { data, open: READERS - 1, isOwn: false });
  return data;
}

/** The value of a claim, for `authorizations`. Undefined if this process did not write it just now. */
export function ownData(record: LogRecord): RecordData | undefined {
  const known = kept.get(record.headers);
  return known?.isOwn === true ? taken(record, known) : undefined;
}
