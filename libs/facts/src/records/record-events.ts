import { dataOf, type RecordAccepted, type RecordDeleted, typeOf } from '@provider-access/events';
import type { LogRecord } from '@provider-access/engines/log';
import { compareVersions, type VersionOrder } from './record.ts';

const ACCEPTED = 'pa.record-accepted.v1';
export const RECORD_DELETED = 'pa.record-deleted.v1';
const RELEVANT = new Set<string | undefined>([ACCEPTED, RECORD_DELETED]);

/** pa.records keys are `<member>/<Type>/<id>`: the id of the record needs no parse. */
export const recordKeys = (record: LogRecord): readonly string[] => (RELEVANT.has(typeOf(record)) ? [record.key] : []);

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
interface Ordered extends VersionOrder {
  readonly versionId: number;
}

type RecordData = RecordAccepted | RecordDeleted;

/**
 * Values that one view has parsed and another one of this process has not read yet. Two views read the same events, and
 * parsing one costs more than writing it. The second reader takes the value out, because the log keeps its newest
 * records in memory, and every line would be there a second time.
 */
const parsed = new WeakMap<LogRecord, RecordData>();

export function recordData(record: LogRecord): RecordData {
  const known = parsed.get(record);
  if (known !== undefined) {
    parsed.delete(record);
    return known;
  }
  const data = dataOf<RecordData>(record);
  parsed.set(record, data);
  return data;
}
