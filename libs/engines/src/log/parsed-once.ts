import type { LogRecord } from './port.ts';

/** Parses each record once, although a view asks for its keys and then for each of its documents. */
export function parsedOnce<T>(parse: (record: LogRecord) => T): (record: LogRecord) => T {
  const parsed = new WeakMap<LogRecord, T>();
  return (record) => {
    let found = parsed.get(record);
    if (found === undefined) parsed.set(record, (found = parse(record)));
    return found;
  };
}

/** Bytes of a value. A larger record is not forgotten while it is in memory, because it is dear to parse. */
const LARGE = 16 * 1024;
const KEPT = 1024;

/**
 * As `parsedOnce`, for a topic of many small records that several views read at about the same time. It keeps the
 * newest 1024 of them. A WeakMap would keep what was parsed as long as the log keeps the record in memory, and the
 * garbage collector would copy and mark all of it.
 */
export function parsedLately<T>(parse: (record: LogRecord) => T): (record: LogRecord) => T {
  const ofLarge = parsedOnce(parse);
  const kept: ({ readonly record: LogRecord; readonly parsed: T } | undefined)[] = Array.from({ length: KEPT });
  return (record) => {
    if (record.value.byteLength > LARGE) return ofLarge(record);
    const place = record.offset % KEPT;
    const known = kept[place];
    if (known?.record === record) return known.parsed;
    const parsed = parse(record);
    kept[place] = { record, parsed };
    return parsed;
  };
}
