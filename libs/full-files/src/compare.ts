import { createHash } from 'node:crypto';
import { FileFault } from './fault.ts';
import type { HeldRow } from './holdings.ts';
import type { FullRow } from './sorted-rows.ts';

/** A row that the file adds, changes or no longer has. `row` is null for the last. */
export interface Change {
  readonly change: 'added' | 'changed' | 'ended' | 'kept';
  readonly subject: string;
  readonly key: string;
  readonly row: Readonly<Record<string, unknown>> | null;
  /** What the platform holds. */
  readonly held: Readonly<Record<string, unknown>> | null;
}
/** How a file differs from what the platform holds of its source. */
export interface Comparison {
  rows: number;
  /** Rows that stand in the file more than once, with equal content. */
  repeated: number;
  held: number;
  added: number;
  changed: number;
  ended: number;
  /** Opt-outs that the file lacks and that stay, because nobody has confirmed their end (A71). */
  kept: number;
  /** SHA-256 of the rows in their order, in hex: the same content in another order is the same file. */
  digest: string;
}

/** Two rows with equal text have equal content. */
export const textOf = (row: Readonly<Record<string, unknown>>): string =>
  JSON.stringify(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1)));

/** The rows of a file, each once. @throws FileFault for two rows with one name and two contents */
async function* distinct(rows: AsyncIterable<FullRow>, found: Comparison, file: string): AsyncGenerator<FullRow> {
  let last: FullRow | undefined;
  for await (const row of rows) {
    found.rows += 1;
    if (last?.subject !== row.subject || last.key !== row.key) yield (last = row);
    else if (textOf(last.row) === textOf(row.row)) found.repeated += 1;
    else
      throw new FileFault(
        'refused',
        `${file}: the lines ${last.line} and ${row.line} state the same row differently. A full file has one row for ` +
          'each member and provider, or coverage. Nothing was imported.',
        { code: 'two-contents', lines: [last.line, row.line] },
      );
  }
}

const orderOf = (a: { readonly subject: string }, b: { readonly subject: string }): number =>
  a.subject < b.subject ? -1 : a.subject > b.subject ? 1 : 0;

/** Groups a sequence that is ordered by subject. */
async function* bySubject<T extends { readonly subject: string }>(
  all: AsyncIterable<T>,
): AsyncGenerator<{ readonly subject: string; readonly rows: readonly T[] }> {
  let rows: T[] = [];
  for await (const one of all) {
    if (rows.length > 0 && rows[0]!.subject !== one.subject) {
      yield { subject: rows[0]!.subject, rows };
      rows = [];
    }
    rows.push(one);
  }
  if (rows.length > 0) yield { subject: rows[0]!.subject, rows };
}

/**
 * Compares two sequences that are ordered by subject, in the memory of one subject. `take` gets the changes of a
 * subject together, and the rows that the platform holds of it.
 */
export async function compareRows(
  { file, absent }: { readonly file: string; readonly absent: OfAbsent },
  rows: AsyncIterable<FullRow>,
  held: AsyncIterable<HeldRow>,
  take: (changes: readonly Change[], held: readonly HeldRow[]) => Promise<void>,
): Promise<Comparison> {
  const found: Comparison = { rows: 0, repeated: 0, held: 0, added: 0, changed: 0, ended: 0, kept: 0, digest: '' };
  const digest = createHash('sha256');
  const left = bySubject(distinct(rows, found, file));
  const right = bySubject(held);
  let [mine, theirs] = [await left.next(), await right.next()];
  while (mine.done !== true || theirs.done !== true) {
    const order = mine.done === true ? 1 : theirs.done === true ? -1 : orderOf(mine.value, theirs.value);
    const stated = order <= 0 && mine.done !== true ? mine.value.rows : [];
    const known = order >= 0 && theirs.done !== true ? theirs.value.rows.filter(({ row }) => row !== null) : [];
    for (const { subject, key, row } of stated) digest.update(`${subject}\t${key}\t${textOf(row)}\n`);
    const changes = changesOf(stated, known, absent);
    found.held += known.length;
    for (const { change } of changes) found[change] += 1;
    await take(changes, known);
    if (order <= 0) mine = await left.next();
    if (order >= 0) theirs = await right.next();
  }
  found.digest = digest.digest('hex');
  return found;
}

/** What becomes of a row that the file lacks. */
type OfAbsent = (row: HeldRow) => 'ended' | 'kept';
function changesOf(stated: readonly FullRow[], known: readonly HeldRow[], absent: OfAbsent): readonly Change[] {
  const held = new Map(known.map((row) => [row.key, row]));
  const changes: Change[] = [];
  for (const { subject, key, row } of stated) {
    const before = held.get(key)?.row ?? null;
    held.delete(key);
    if (before === null) changes.push({ change: 'added', subject, key, row, held: null });
    else if (textOf(before) !== textOf(row)) changes.push({ change: 'changed', subject, key, row, held: before });
  }
  for (const lost of held.values()) {
    const { subject, key, row } = lost;
    changes.push({ change: absent(lost), subject, key, row: null, held: row });
  }
  return changes;
}
