import { COST, dateOf, SEARCH, type SearchQuery } from '@provider-access/fhir';
import { Refusal } from '@provider-access/kernel';
import { recordId } from '@provider-access/records';
import { fitting, isByTime, linesOf } from './candidates.ts';
import type { Behind, Conditions } from './conditions.ts';
import { countedByKeys } from './counts.ts';
import { type Entry, parsedLine, sizeOf } from './entry.ts';
import type { VisibleRecords } from './visible-records.ts';

/** A page ends with the entry that exceeds this size, although _count allows more entries. */
const MAX_PAGE_BYTES = 8 * 1024 * 1024;
/** The most resources that one search sorts or counts. */
const MAX_COUNTED = 20_000;

/** Values to sort by that a record has without its line. */
const OF_HEADS: ReadonlySet<string> = new Set(['_id', '_lastUpdated']);

/** The end of a page. `sort`: the values of the last entry by which the search is sorted. */
export interface PageCursor extends Behind {
  readonly sort?: readonly SortValue[];
}
type SortValue = string | number | null;

/** What a page link says. */
export interface PageToken {
  readonly client: string;
  readonly type: string;
  /** The normalised query of the first page. */
  readonly query: string;
  /** Absent for the first page. */
  readonly after?: PageCursor;
  /** The link must be encrypted, so the release before cannot follow it (`former-links.ts`). The next page's is too. */
  readonly sealed?: boolean;
}

export interface Page {
  readonly records: readonly Entry[];
  readonly next?: PageCursor;
  /** Number of all results. Absent where it was not asked for and is not known anyway. */
  readonly total?: number;
  /** The members whose resources a total counts beyond those of the page. */
  readonly counted?: ReadonlySet<string>;
}

/** A search, and the page of it that is wanted. */
export interface PageOf {
  readonly records: VisibleRecords;
  readonly query: SearchQuery & Pick<Conditions, 'holders' | 'isEvaluated' | 'within' | 'also'>;
  /** In the order of `byRecord`. */
  readonly members: readonly string[];
  readonly after?: PageCursor | undefined;
  /** 0 for a page that only counts. */
  readonly count: number;
}

/**
 * One page of the members' records, in the order of `_sort`, else of `fitting`.
 * @throws Refusal too-costly, if sorting or counting needs more than 20,000 resources; OverBudget
 */
export async function findPage(of: PageOf): Promise<Page> {
  const { query, after, count } = of;
  // A count has no order.
  if (query.sort.length > 0 && count > 0) return sortedPage(of);
  if (query.total !== 'accurate' && count > 0) return firstOf(of, false);
  const counted = await totalByKeys(of);
  if (counted !== undefined) {
    if (count === 0) return { records: [], ...counted };
    // The count has evaluated the results of the first page.
    const page = await firstOf({ ...of, query: { ...query, isEvaluated: after === undefined } }, false);
    return { ...page, ...counted };
  }
  const page = await firstOf(of, after === undefined);
  if (after === undefined) return page;
  const { total, counted: members } = await firstOf({ ...of, after: undefined, count: 0 }, true);
  return { ...page, ...(total !== undefined && { total }), ...(members !== undefined && { counted: members }) };
}

async function totalByKeys({ records, query, members }: PageOf): Promise<Pick<Page, 'total' | 'counted'> | undefined> {
  const totals = await countedByKeys(records, query, members, MAX_COUNTED + 1);
  if (totals === undefined) return undefined;
  const total = [...totals.values()].reduce((sum, results) => sum + results, 0);
  bounded(total);
  return { total, counted: new Set(totals.keys()) };
}

/** @param counts goes on to the last result, for the total */
async function firstOf({ records, query, members, after, count }: PageOf, counts: boolean): Promise<Page> {
  const page = new Filling(count);
  let next: PageCursor | undefined;
  let total = 0;
  const counted = new Set<string>();
  const lines = count > 0 ? 'to send' : 'none';
  for await (const batch of fitting(records, query, members, after, counts ? MAX_COUNTED : count, lines)) {
    total += batch.length;
    if (counts) bounded(total);
    if (counts) for (const { member } of batch) counted.add(member);
    if (next === undefined && count > 0 && !batch.every((entry) => page.add(entry))) {
      const { member, id, lastUpdated } = page.records.at(-1)!;
      next = { member, id, ...(isByTime(query) && lastUpdated !== undefined && { lastUpdated }) };
    }
    if (next !== undefined && !counts) return { records: page.records, next };
  }
  const whole = after === undefined ? { total, counted } : {};
  return { records: page.records, ...(next !== undefined && { next }), ...whole };
}

interface Place {
  readonly id: string;
  readonly member: string;
  readonly values: readonly SortValue[];
}

/**
 * Sorts the places of all results and reads the lines of one page. A deep page costs as much as the first one, and the
 * cost follows the number of results.
 */
async function sortedPage({ records, query, members, after, count }: PageOf): Promise<Page> {
  const places: Place[] = [];
  const lines = query.sort.some(({ by }) => !OF_HEADS.has(by));
  for await (const batch of fitting(records, query, members, undefined, MAX_COUNTED, lines ? 'and heads' : 'none')) {
    for (const entry of batch) {
      const pause = records.work.pause();
      if (pause !== undefined) await pause;
      const size = entry.resource === undefined && lines ? sizeOf(entry) : 0;
      records.work.count(size * COST.byte + query.sort.length * COST.condition);
      places.push({ id: idOf(entry), member: entry.member, values: valuesOf(query, entry) });
    }
    bounded(places.length);
  }
  records.work.count(places.length * Math.ceil(Math.log2(places.length + 1)) * COST.comparison);
  await records.work.pause();
  const directions = query.sort.map(({ descending }) => (descending ? -1 : 1));
  places.sort((a, b) => compare(a, b, directions));
  const total = places.length;
  const counted = new Set(places.map(({ member }) => member));
  const last: Place | undefined = after && {
    id: recordId(after.member, query.type, after.id),
    member: after.member,
    values: after.sort ?? [],
  };
  const rest = last === undefined ? places : places.filter((place) => compare(place, last, directions) > 0);
  const valuesById = new Map(rest.map(({ id, values }) => [id, values]));
  const page = new Filling(count);
  // A record that was removed meanwhile is left out, so the page may reach beyond the first `count` places.
  for await (const batch of linesOf(records, [...valuesById.keys()], count + 1)) {
    const seen = await records.seen(batch);
    if ((await records.inScope(seen, () => query.within)).every((entry) => page.add(entry))) continue;
    const end = page.records.at(-1)!;
    const sort = valuesById.get(idOf(end))!;
    return { records: page.records, next: { member: end.member, id: end.id, sort }, total, counted };
  }
  return { records: page.records, total, counted };
}

const idOf = ({ member, type, id }: Entry): string => recordId(member, type, id);

/** Collects entries until the page is full. */
class Filling {
  readonly records: Entry[] = [];
  #bytes = 0;
  readonly #count: number;
  constructor(count: number) {
    this.#count = count;
  }
  /** False if the entry belongs to the next page. */
  add(entry: Entry): boolean {
    const size = sizeOf(entry);
    const { length } = this.records;
    if (length > 0 && (length >= this.#count || this.#bytes + size > MAX_PAGE_BYTES)) return false;
    this.records.push(entry);
    this.#bytes += size;
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
    if (by === '_lastUpdated') return entry.lastUpdated ?? null;
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
  return a.id < b.id ? -1 : a.id === b.id ? 0 : 1;
}
