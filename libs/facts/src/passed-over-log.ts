import type { LogRecord } from '@provider-access/engines/log';
import type { Logger } from '@provider-access/service/observability';
import { typeOfRecord } from './record.ts';

/** Takes one line for each error. */
export type ErrorLog = Pick<Logger, 'error'>;

const MOST_PLACES = 10_000;
/** Logged records by logger. In the standalone, five services follow the same records and share a logger. */
const logged = new WeakMap<ErrorLog, Set<string>>();

/**
 * Logs one error for each record that this process passed over (ADR 0018). The line names the record's place and type,
 * and the error's name. Key, data and error message may be protected, so the line leaves them out.
 */
export function logPassedOver(logger: ErrorLog | undefined, record: LogRecord, error: unknown): void {
  if (logger === undefined) return;
  const { topic, partition, offset } = record;
  const place = `${topic}/${partition}/${offset}`;
  const places = logged.get(logger) ?? new Set();
  logged.set(logger, places);
  if (places.has(place)) return;
  // After so many lines, a repeated line does less harm than a set that grows without end.
  if (places.size >= MOST_PLACES) places.clear();
  places.add(place);
  const name = error instanceof Error ? error.name : typeof error;
  const details = { topic, partition, offset, eventType: typeOfRecord(record), error: name };
  logger.error(
    details,
    'a record of the platform could not be read: whom it concerns is denied (runbook ProviderAccessRecordsUnreadable)',
  );
}
