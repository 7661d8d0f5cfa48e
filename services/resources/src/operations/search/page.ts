import { dateOf, SEARCH, type SearchQuery } from '@provider-access/kernel/fhir';
import { Refusal } from '@provider-access/kernel';
import { recordId } from '@provider-access/facts/records';
import { type Behind, fitting, isByTime } from './candidates.ts';
import { type Entry, parsedLine } from './entry.ts';
import type { VisibleRecords } from './visible-records.ts';

/** A page ends with the entry that exceeds this size, although _count allows more entries. */
const MAX_PAGE_BYTES = 8 * 1024 * 1024;
/** The most resources that one search sorts or counts. */
const MAX_COUNTED = 20_000;

/** The end of a page. `sort`: the values of the last entry by which the search is sorted. */
export interface PageCursor extends Behind {
  readonly sort?: readonly SortValue[];
}
type SortValue = string | number | null;

export interface Page {
  readonly records: readonly Entry[];
  readonly next?: PageCursor;
  /** Number of all results. Absent where it was not asked for and is not known anyway. */
  readonly total?: number;
}

/**
 * One page of the members' records, in the order of `_sort`, else of `fitting`.
 * @param members in the order of `byRecord`
 * @param count 0 for a page that only counts
 * @throws Refusal too-costly, if sorting or counting needs more than 20,000 resources
 */
export async function findPage(
  records: VisibleRecords,
  query: SearchQuery,
  members: readonly string[],
  after: PageCursor | undefined,
  count: number,
): Promise<Page> {
  const counted = query.total === 'accurate' || count === 0;
  if (query.sort.length > 0) return sortedPage(records, query, members, after, count);
  if (!counted) return firstOf(records, query, members, after, count);
  const total = await countOf(records, query, members);
  return { ...(count === 0 ? { records: [] } : await firstOf(records, query, members, after, count)), total };
}

async function firstOf(
  records: VisibleRecords,
  query: SearchQuery,
  members: readonly string[],
  after: PageCursor | undefined,
  count: number,
): Promise<Page> {
  const page = new Filling(count);
  const timed = isByTime(query);
  for await (const batch of fitting(records, query, members, after, count)) {
    if (batch.every((entry) => page.add(entry))) continue;
    const { member, id, lastUpdated } = page.records.at(-1)!;
    return { records: page.records, next: { member, id, ...(timed && { lastUpdated }) } };
  }
  return { records: page.records, ...(after === undefined && { total: page.records.length }) };
}

async function countOf(records: VisibleRecords, query: SearchQuery, members: readonly string[]): Promise<number> {
  let total = 0;
  for await (const batch of fitting(records, query, members, undefined, MAX_COUNTED)) bounded((total += batch.length));
  return total;
}

interface Place {
  readonly entry: Pick<Entry, 'member' | 'type' | 'id'>;
  readonly values: readonly SortValue[];
}

/**
 * Sorts the places of all results and reads the lines of one page. A deep page costs as much as the first one, and the
 * cost follows the number of results.
 */
async function sortedPage(
  records: VisibleRecords,
  query: SearchQuery,
  members: readonly string[],
  after: PageCursor | undefined,
  count: number,
): Promise<Page> {
  const places: Place[] = [];
  for await (const batch of fitting(records, query, members, undefined, MAX_COUNTED)) {
    for (const entry of batch) {
      const { member, type, id } = entry;
      places.push({ entry: { member, type, id }, values: valuesOf(query, entry) });
    }
    bounded(places.length);
  }
  const directions = query.sort.map(({ descending }) => (descending ? -1 : 1));
  places.sort((a, b) => compare(a, b, directions));
  const total = places.length;
  const last: Place | undefined = after && {
    entry: { member: after.member, type: query.type, id: after.id },
    values: after.sort ?? [],
  };
  const rest = last === undefined ? places : places.filter((place) => compare(place, last, directions) > 0);
  const page = new Filling(count);
  for (const [at, { entry }] of rest.slice(0, count + 1).entries()) {
    const record = await records.reader.byTypeId(entry.member, entry.type, entry.id);
    const [seen] = record === undefined ? [] : await records.seen([record]);
    if (seen === undefined || page.add(seen)) continue;
    const before = rest[at - 1]!;
    const { member, id } = before.entry;
    return { records: page.records, next: { member, id, sort: before.values }, total };
  }
  return { records: page.records, total };
}

/** Collects entries until the page is full. */
class Filling {
  readonly records: Entry[] = [];
  private bytes = 0;
  private readonly count: number;
  constructor(count: number) {
    this.count = count;
  }
  /** False if the entry belongs to the next page. */
  add(entry: Entry): boolean {
    const size = typeof entry.line === 'string' ? Buffer.byteLength(entry.line) : entry.line.byteLength;
    const { length } = this.records;
    if (length > 0 && (length >= this.count || this.bytes + size > MAX_PAGE_BYTES)) return false;
    this.records.push(entry);
    this.bytes += size;
    return true;
  }
}

function bounded(results: number): void {
  if (results > MAX_COUNTED)
    throw new Refusal(
      'too-costly',
      `This search has more than ${MAX_COUNTED} results, too many to sort or to count. Narrow it, or use $export.`,
    );
}

function valuesOf({ type, sort }: SearchQuery, entry: Entry): readonly SortValue[] {
  return sort.map(({ by }) => {
    if (by === '_id') return entry.id;
    if (by === '_lastUpdated') return entry.lastUpdated;
    const parameter = SEARCH[type]?.parameters.find(({ name }) => name === by);
    return parameter === undefined ? null : (dateOf(parameter, parsedLine(entry)) ?? null);
  });
}

/** Resources without a value come last in both directions. Ties are in the order of record ids. */
function compare(a: Place, b: Place, directions: readonly number[]): number {
  for (const [i, direction] of directions.entries()) {
    const [x = null, y = null] = [a.values[i], b.values[i]];
    if (x === y) continue;
    if (x === null || y === null) return x === null ? 1 : -1;
    return x < y ? -direction : direction;
  }
  const [x, y] = [a, b].map(({ entry }) => recordId(entry.member, entry.type, entry.id)) as [string, string];
  return x < y ? -1 : x === y ? 0 : 1;
}
