import {
  COST,
  type DateSearch,
  exactKeys,
  keyConditions,
  type KeyRange,
  keyRanges,
  Matcher,
  matchesInstant,
  type SearchFilter,
  type SearchWork,
} from '@provider-access/fhir';
import {
  hasAllLabels,
  mayBeShared,
  NOBODY,
  PROVENANCE,
  recordId,
  type RecordPart,
  SHARED,
} from '@provider-access/records';
import type { DocumentVersion, ElementRange, JoinedBody, ViewDocument } from '@provider-access/engines/views';
import {
  type Entry,
  entryOfJoined,
  entryOfText,
  type FoundHead,
  headOfText,
  idsOf,
  parsedLine,
  sizeOf,
} from './entry.ts';
import type { Behind, Conditions, Holders } from './conditions.ts';
import { inOrder, inTime } from './rows.ts';
import type { VisibleRecords } from './visible-records.ts';

/**
 * Bytes of lines after which a query ends. A page of 200 ordinary resources has half of it, so it is one query. Large
 * claims take several, so that a search never has more than this and one line in memory beside its page, and the
 * process does nothing else for about 1 ms.
 */
const MOST_BYTES = 1024 * 1024;
/** Ids that one query of the index returns, and rows that one query reads. */
const IDS = 500;
/** Members in one query of the index. */
const MEMBERS = 200;
/** Records with many values of a parameter that one query finds. If there are more, every line is looked into. */
const MOST_UNSURE = 1_000;
/** Keys times members that one query of the index looks up, because nothing else runs meanwhile (about 10 ms). */
const LOOKUPS = 50_000;
const LINE = ['record.line'];
/**
 * Which lines a search needs: none, so that an entry may have an empty one; those that it sends, so that an entry may
 * lack the time; or lines with heads.
 */
export type Lines = 'none' | 'to send' | 'and heads';

/** The order of record ids, which begin with the member. */
export const byRecord = (a: string, b: string): number => (`${a}/` < `${b}/` ? -1 : a === b ? 0 : 1);

/**
 * The records of the members that fit the query, as the client may see them. They come in the order of member and id,
 * or of member, time of the version and id for a query by `_lastUpdated` that no index of keys helps (`isByTime`).
 * They come in batches, because a step of a generator for each record costs more than the record.
 * @param members in the order of `byRecord`
 * @param lines what the caller needs
 * @throws OverBudget
 */
export async function* fitting(
  records: VisibleRecords,
  query: Conditions,
  members: readonly string[],
  behind: Behind | undefined,
  wanted: number,
  lines: Lines = 'and heads',
): AsyncGenerator<readonly Entry[]> {
  const rest = behind === undefined ? members : members.filter((member) => byRecord(member, behind.member) >= 0);
  const conditions = conditionsOf(query);
  const found =
    query.ids !== undefined
      ? byIds(records, query, query.ids, { members, behind, wanted })
      : conditions.length > 0
        ? byKeys(records, query, conditions, { members: rest, behind, wanted }, lines)
        : byType(records, query, rest, behind, wanted, lines === 'none' && looksInto(query) ? 'and heads' : lines);
  const matcher = query.filters.length === 0 ? undefined : new Matcher(query.filters);
  for await (const batch of found) {
    const kept = await keptOf(records, query, matcher, await records.seen(batch));
    if (kept.length > 0) yield kept;
  }
}

/** Whether `fitting` returns a member's records in the order of `_lastUpdated`. */
export const isByTime = (query: Conditions): boolean =>
  query.updated.length > 0 && query.ids === undefined && conditionsOf(query).length === 0;

/** The entries that fit. They have the parsed resource if a filter had to look into it. */
async function keptOf(
  { work }: VisibleRecords,
  { updated, isEvaluated, also }: Pick<Conditions, 'updated' | 'isEvaluated' | 'also'>,
  matcher: Matcher | undefined,
  entries: readonly Entry[],
): Promise<readonly Entry[]> {
  work.count(entries.length * COST.row);
  if (matcher === undefined && updated.length === 0 && also === undefined) {
    await work.pause();
    return entries;
  }
  const kept: Entry[] = [];
  for (const entry of entries) {
    const pause = work.pause();
    if (pause !== undefined) await pause;
    if (!fitsTime(work, updated, entry)) continue;
    if (matcher === undefined && also === undefined) kept.push(entry);
    else if (matcher !== undefined && entry.fits === true) {
      // The index has made these comparisons.
      if (isEvaluated !== true) work.evaluate(matcher.evaluations);
      kept.push(entry);
    } else {
      work.count(sizeOf(entry) * COST.byte);
      const resource = parsedLine(entry);
      if (matcher?.matches(resource, work) !== false && also?.matches(resource, work) !== false)
        kept.push({ ...entry, line: entry.line, resource });
    }
  }
  return kept;
}

function fitsTime(
  work: SearchWork,
  updated: readonly DateSearch[],
  { lastUpdated }: Pick<Entry, 'lastUpdated'>,
): boolean {
  work.evaluate(updated.length);
  return updated.length === 0 || (lastUpdated !== undefined && matchesInstant(updated, lastUpdated));
}

/** The parts of the index that hold what fits the filter; none if the index cannot help. */
export const rangesOf = (filter: SearchFilter): readonly ElementRange[] => elementsOf(keyRanges(filter) ?? []);
export const elementsOf = (ranges: readonly KeyRange[]): readonly ElementRange[] =>
  ranges.map((range) => ('key' in range ? range.key : range));

/** The conditions of a query that the index of keys can check, the most selective one first. */
export const conditionsOf = ({
  filters,
  also,
}: Pick<Conditions, 'filters' | 'also'>): readonly (readonly ElementRange[])[] =>
  [...keyConditions(filters), also?.condition].filter((condition) => condition !== undefined).map(elementsOf);
/** Whether a search compares lines. */
const looksInto = ({ filters, also }: Pick<Conditions, 'filters' | 'also'>): boolean =>
  filters.length > 0 || also !== undefined;

/**
 * The records of these ids in their order, in chunks, because the caller may stop after a few.
 * @param together rows of a chunk, if they are not too large
 * @param of.versions of the records of which the index says that they fit; `fits` tells whether the line is of that
 *   version
 * @param of.joined whether entries may lack the time
 */
export async function* linesOf(
  { reader, work, hasLines }: VisibleRecords,
  ids: readonly string[],
  together: number,
  { versions, joined = false }: { versions?: ReadonlyMap<string, string> | undefined; joined?: boolean } = {},
): AsyncGenerator<readonly Entry[]> {
  const load = {
    ...({ bodies: LINE, fields: 'text', maxBytes: MOST_BYTES, versions: versions !== undefined } as const),
    ...(joined && ({ joined } as const)),
  };
  for (let at = 0; at < ids.length;) {
    work.count(COST.query);
    await work.pause();
    const documents = await reader.views.records.getMany(ids.slice(at, at + together), load);
    at += documents.length;
    // Skips records that were deleted since the index was read.
    yield documents.flatMap((document) => {
      if (document === undefined) return [];
      const version = versions?.get(document._id);
      const fits = version !== undefined && version === document._version;
      return (joined ? entryOfJoined(document, fits) : entryOfText(document, hasLines, fits)) ?? [];
    });
  }
}

/** Reads heads first, because a search may name many ids and only the entries of the page need their lines. */
async function* byIds(
  records: VisibleRecords,
  { type, updated, holders, within }: Conditions,
  ids: readonly string[],
  { members, behind, wanted }: Wanted,
): AsyncGenerator<readonly Entry[]> {
  const last = behind === undefined ? '' : recordId(behind.member, type, behind.id);
  const idsOf = lookedUp([...ids].toSorted(), members, holders);
  async function* linesAfter(heads: readonly RecordPart[]): AsyncGenerator<readonly Entry[]> {
    const own = heads
      .filter((head) => fitsTime(records.work, updated, head))
      .map((head) => recordId(head.member, type, head.id))
      .filter((id) => id > last);
    // The line tells what is outside of the scopes, and an unknown id costs the same query.
    const isNothing = within !== undefined && own.length === 0;
    yield* linesOf(records, isNothing ? [recordId(NOBODY, type, NOBODY)] : own, Math.min(wanted + 1, IDS));
  }
  if (mayBeShared(type)) {
    const copies: RecordPart[] = [];
    for (const [member, own] of idsOf) copies.push(...(await headsOf(records, member, type, own)));
    yield* linesAfter(oneOfEach(copies));
    return;
  }
  for (const [member, own] of idsOf)
    if (behind === undefined || byRecord(member, behind.member) >= 0)
      yield* linesAfter(await headsOf(records, member, type, own));
}

/**
 * The ids to look up for each member, in the order of the members. An id that none of them has is looked up for the
 * first one, so that an id of somebody else costs what an unknown one costs.
 */
function lookedUp(
  ids: readonly string[],
  members: readonly string[],
  holders: Holders | undefined,
): ReadonlyMap<string, readonly string[]> {
  if (holders === undefined) return new Map(members.map((member) => [member, ids]));
  const found = new Map(members.map((member) => [member, [] as string[]]));
  for (const id of ids) {
    const of = (holders.get(id) ?? []).filter((member) => found.has(member));
    for (const member of of.length > 0 ? of : members.slice(0, 1)) found.get(member)!.push(id);
  }
  return found;
}

/** The heads of the member's live records of these ids that the client may see. */
async function headsOf(
  records: VisibleRecords,
  member: string,
  type: string,
  ids: readonly string[],
): Promise<readonly RecordPart[]> {
  const withheld = await records.withheldIds([member], type);
  // A withheld id is looked up as one of nobody, which costs what an unknown id costs.
  const own = ids.map((id) => recordId(withheld.has(recordId(member, type, id)) ? NOBODY : member, type, id));
  records.work.count(COST.query + own.length * COST.row);
  return records.unwithheld(type, await records.reader.heads(own));
}

/**
 * Several members and `shared` may have a Medication of one id, and a Bundle has each URL once. A copy of a member
 * stands before the shared one, then the one that was accepted last.
 */
function oneOfEach(copies: readonly RecordPart[]): readonly RecordPart[] {
  const chosen = new Map<string, RecordPart>();
  for (const copy of copies) {
    const other = chosen.get(copy.id);
    if (other === undefined || standsBefore(copy, other)) chosen.set(copy.id, copy);
  }
  return copies.filter((copy) => chosen.get(copy.id) === copy);
}
const standsBefore = (a: RecordPart, b: RecordPart): boolean =>
  (a.member === SHARED) === (b.member === SHARED) ? a.lastUpdated > b.lastUpdated : b.member === SHARED;

/** Which records a query by keys reads, and how many the caller wants. */
interface Wanted {
  readonly members: readonly string[];
  readonly behind: Behind | undefined;
  readonly wanted: number;
}

/** As many members as one query of the index looks up. */
export function* together(
  members: readonly string[],
  conditions: readonly (readonly ElementRange[])[],
): Generator<readonly string[]> {
  const keys = conditions.reduce((sum, { length }) => sum + length, 0);
  const most = Math.max(1, Math.min(MEMBERS, Math.floor(LOOKUPS / keys)));
  for (let at = 0; at < members.length; at += most) yield members.slice(at, at + most);
}
/** The work of a query of the index for these members. */
export const lookups = (members: readonly string[], conditions: readonly (readonly ElementRange[])[]): number =>
  conditions.reduce((sum, { length }) => sum + length, 0) * members.length * COST.condition;

async function* byKeys(
  records: VisibleRecords,
  query: Conditions,
  conditions: readonly (readonly ElementRange[])[],
  { members, behind, wanted }: Wanted,
  lines: Lines,
): AsyncGenerator<readonly Entry[]> {
  const { type, filters, also } = query;
  const { search } = records.reader.views;
  const exact = also === undefined ? exactKeys(filters) : undefined;
  let after = behind === undefined ? undefined : recordId(behind.member, type, behind.id);
  let open = wanted + 1;
  for (const some of together(members, conditions)) {
    const of = { index: 'by_key', equals: [some.length === 1 ? some[0]! : some, type] as const };
    const withheld = await records.withheldIds(some, type);
    const unsure = exact && new Set(await search.ids({ ...of, all: [exact.unsure], limit: MOST_UNSURE }));
    const isExact = unsure !== undefined && unsure.size < MOST_UNSURE;
    const all = isExact && unsure.size === 0 ? exact!.all.map(elementsOf) : conditions;
    for (;;) {
      records.work.count(lookups(some, all));
      await records.work.pause();
      // Withheld records are in the index too. The number of queries must not tell how many there are.
      const enough = isExact && unsure.size === 0 ? Math.max(1, open) + withheld.size : IDS;
      const limit = Math.min(enough, IDS);
      const asked = { ...of, all, limit, ...(after !== undefined && { after }) };
      const found = isExact ? await search.versions(asked) : (await search.ids(asked)).map((id) => ({ id }));
      records.work.count(COST.query + found.length * COST.row);
      const ids = found.flatMap(({ id }) => (withheld.has(id) ? [] : [id]));
      const versions = isExact
        ? new Map(
            (found as readonly DocumentVersion[]).flatMap(({ id, version }) => (unsure.has(id) ? [] : [[id, version]])),
          )
        : undefined;
      // One entry keeps the joined lines of all. So they are joined only if the index says that all of them fit.
      const joined = isExact && unsure.size === 0 && mayBeJoined(records, query, lines);
      for await (const batch of linesOf(records, ids, Math.min(wanted + 1, IDS), { versions, joined })) {
        open -= batch.length;
        yield batch;
      }
      after = found.at(-1)?.id ?? after;
      if (found.length < limit) break;
    }
  }
}

/** Lines of business look into references, and a Provenance has the labels of its targets. */
const mayBeJoined = ({ hasLines }: VisibleRecords, { type, updated }: Conditions, lines: Lines): boolean =>
  lines === 'to send' && updated.length === 0 && !hasLines && type !== PROVENANCE;

async function* byType(
  records: VisibleRecords,
  query: Conditions,
  members: readonly string[],
  behind: Behind | undefined,
  wanted: number,
  lines: Lines,
): AsyncGenerator<readonly Entry[]> {
  const timed = isByTime(query);
  // Some of what a query finds may not fit.
  const isCertain = !looksInto(query) && query.updated.length === 0;
  const joined = isCertain && mayBeJoined(records, query, lines);
  for (const member of members) {
    let at = behind?.member === member ? behind : undefined;
    const except = [...(await records.withheldIds([member], query.type))];
    for (let open = wanted + 1; ;) {
      // The number of queries should not tell how many are outside of the scopes.
      const rows = isCertain ? open : query.within === undefined ? wanted + 1 : IDS;
      const limit = Math.max(1, Math.min(rows, IDS));
      const asked = timed ? inTime(query, member, at) : inOrder(query, member, at);
      const what = lines === 'none' ? {} : { bodies: LINE, maxBytes: MOST_BYTES, ...(joined && ({ joined } as const)) };
      records.work.count(COST.query);
      await records.work.pause();
      const documents = await records.reader.views.records.find({ ...asked, except, limit, fields: 'text', ...what });
      const live =
        lines === 'none' ? await withoutLines(records, documents) : liveOf(documents, joined, records.hasLines);
      open -= live.length;
      yield live;
      if (documents.length < limit && !(lines !== 'none' && isFull(documents))) break;
      const last = documents.at(-1)!;
      at = { member, ...(timed ? headOfText(last) : { id: idsOf(last._id).id }) };
    }
  }
}

/** The entries of documents with lines, without tombstones. */
function liveOf(documents: readonly ViewDocument[], joined: boolean, hasLines: boolean): readonly Entry[] {
  const live: Entry[] = [];
  for (const document of documents) {
    const entry = joined ? entryOfJoined(document) : entryOfText(document, hasLines);
    if (entry !== undefined) live.push(entry);
  }
  return live;
}

/** Whether a query of documents as text ended because of their bytes. */
function isFull(documents: readonly ViewDocument[]): boolean {
  let bytes = 0;
  for (const { record } of documents) {
    const { line } = record as { readonly line?: Entry['line'] | JoinedBody };
    if (line !== undefined)
      bytes += typeof line === 'object' && 'end' in line ? line.end - line.start : sizeOf({ line });
  }
  return bytes >= MOST_BYTES;
}

const NO_LINE = new Uint8Array();
/** Entries without lines. Where an earlier release wrote the record, only the line shows its labels. */
async function withoutLines(records: VisibleRecords, documents: readonly ViewDocument[]): Promise<readonly Entry[]> {
  const live = documents
    .map((document) => headOfText(document, records.hasLines))
    .filter(({ deleted }) => deleted !== true);
  const former = live.filter((head) => !hasAllLabels(head)).map(idOf);
  const loaded: Entry[] = [];
  for await (const batch of linesOf(records, former, IDS)) loaded.push(...batch);
  return [...live.flatMap((head) => (hasAllLabels(head) ? [{ ...head, line: NO_LINE }] : [])), ...loaded];
}
const idOf = ({ member, type, id }: FoundHead): string => recordId(member, type, id);
