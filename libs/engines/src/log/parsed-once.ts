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
