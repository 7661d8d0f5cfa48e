import { ANY_SOURCE } from '@provider-access/domain/access';
import { RECORDED_AT_HEADER } from '@provider-access/events';
import type { LogRecord } from '@provider-access/engines/log';

/** Header that carries the payer's source on the events that we derive from its. */
const SOURCE_HEADER = 'ce_pasource';

export const typeOfRecord = (record: LogRecord): string => record.headers['ce_type'] ?? '';
export const subjectOf = (record: LogRecord): string | undefined => record.headers['ce_subject'];
export const eventIdOf = (record: LogRecord): string => record.headers['ce_id'] ?? '';
/**
 * When it was recorded here: the append to our topic by the clock of the log, and not before the newest transactionTime
 * of an export at that time (ADR 0023), so that it lies after every position fixed before it.
 */
export function recordedAt({ timestamp, headers }: LogRecord): string {
  const atLeast = Date.parse(headers[RECORDED_AT_HEADER] ?? '');
  return new Date(Number.isNaN(atLeast) ? timestamp : Math.max(timestamp, atLeast)).toISOString();
}

/**
 * Sources of one member in one part. A payer has a few systems; one that names a new source in each event must not make
 * the document grow.
 */
const MOST_SOURCES = 50;
/**
 * With the source of the record. Beyond `MOST_SOURCES` one entry stands for any source: the member is denied while any
 * of them is held.
 */
export function withSource(sources: readonly string[] | undefined, record: LogRecord): readonly string[] {
  const source = record.headers[SOURCE_HEADER];
  const known = sources ?? [];
  if (source === undefined || known.includes(source) || known.includes(ANY_SOURCE)) return known;
  return [...known, known.length < MOST_SOURCES ? source : ANY_SOURCE];
}

/** A part whose sources include the record's, whether or not the record changed anything else in it. */
export function heardFrom<Part extends { readonly sources: readonly string[] }>(
  before: Part | undefined,
  after: Part | undefined,
  record: LogRecord,
  empty: Part,
): Part | undefined {
  if (after !== undefined) return after;
  const sources = withSource(before?.sources, record);
  return sources.length === (before?.sources.length ?? 0) ? undefined : { ...(before ?? empty), sources };
}
