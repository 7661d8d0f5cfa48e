import type { LogRecord } from './port.ts';

export const DEFAULT_MAX_RECORDS = 500;
/** Most bytes of values in a batch that has more than one record. */
export const MAX_BYTES = 4 * 1024 * 1024;

/** The records of a list, from an index on, that fit into one batch: at least one, if there is one. */
export function cut(
  records: readonly LogRecord[],
  from: number,
  maxRecords: number = DEFAULT_MAX_RECORDS,
  maxBytes: number = MAX_BYTES,
): readonly LogRecord[] {
  let bytes = 0;
  let to = from;
  while (to < records.length && to - from < maxRecords) {
    bytes += records[to]!.value.byteLength;
    if (to > from && bytes > maxBytes) break;
    to++;
  }
  return records.slice(from, to);
}
