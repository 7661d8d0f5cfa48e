import { ANY_SOURCE } from '@provider-access/domain/access';
import { RECORDED_AT_HEADER } from '@provider-access/events';
import type { LogRecord } from '@provider-access/engines/log';
import type { OptIn } from './statements.ts';

/** Header that carries the payer's source on the events that we derive from its. */
const SOURCE_HEADER = 'ce_pasource';

export const typeOfRecord = (record: LogRecord): string => record.headers['ce_type'] ?? '';
export const subjectOf = (record: LogRecord): string | undefined => record.headers['ce_subject'];
export const eventIdOf = (record: LogRecord): string => record.headers['ce_id'] ?? '';
/**
 * When the statement was recorded: the time of the append to our topic by the log's clock, but not before the newest
 * transactionTime that an export had at that time (ADR 0023). So it lies after every position that was fixed earlier.
 */
export function recordedAt({ timestamp, headers }: LogRecord): string {
  const atLeast = Date.parse(headers[RECORDED_AT_HEADER] ?? '');
  return new Date(Number.isNaN(atLeast) ? timestamp : Math.max(timestamp, atLeast)).toISOString();
}

/** Which event a record about consent is, and when it was recorded, as the facts keep it. */
export const originOf = (record: LogRecord): Pick<OptIn, 'event' | 'recordedAt' | 'statedAt'> => ({
  event: eventIdOf(record),
  recordedAt: recordedAt(record),
  statedAt: record.headers['ce_time'],
});

/**
 * The most sources of one member in one part. A payer has a few systems. A system that names a new source in each event
 * must not make the document grow.
 */
const MOST_SOURCES = 50;
/**
 * The part with the source of the record. Beyond `MOST_SOURCES`, one entry stands for any source: then the member is
 * denied while any source is held.
 */
export function withSource(sources: readonly string[] | undefined, record: LogRecord): readonly string[] {
  const source = record.headers[SOURCE_HEADER];
  const known = sources ?? [];
  if (source === undefined || known.includes(source) || known.includes(ANY_SOURCE)) return known;
  return [...known, known.length < MOST_SOURCES ? source : ANY_SOURCE];
}

/** The part with the record's source among its sources, whether or not the record changed anything else. */
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
