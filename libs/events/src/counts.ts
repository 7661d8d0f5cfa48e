/** How often something happened, by name. Names are paths, types or codes, never values. */
export type Counts = Readonly<Record<string, number>>;

/** So many names a table of counts may have, whatever payers send: it stays small in events, receipts and reports. */
export const MAX_COUNTED = 100;
/** What is counted under no name of its own. */
export const COUNTED_ELSEWHERE = '(others)';

/**
 * Adds counts to a table. A name that comes when the table is full is counted as `(others)`, so that the sum stays
 * right.
 */
export function addCounts(into: Record<string, number>, counts: Counts): void {
  for (const name in counts) {
    const known = Object.hasOwn(into, name) || Object.keys(into).length < MAX_COUNTED;
    const key = known ? name : COUNTED_ELSEWHERE;
    into[key] = (into[key] ?? 0) + counts[name]!;
  }
}
