import { type DateSearch, matchesInstant, type FormerSearchQuery as SearchQuery } from '@provider-access/kernel/fhir';
import { type RecordPart, recordId } from '@provider-access/facts/records';
import type { FindQuery, ViewDocument, ViewReader } from '@provider-access/engines/views';
import type { PageCursor } from './page-links.ts';

/** A page ends with the entry that exceeds this size, although _count allows more entries. */
const MAX_PAGE_BYTES = 8 * 1024 * 1024;
/** Rows that one query reads with their lines. The number bounds the memory that a search needs beyond its page. */
const CHUNK = 32;
const LINE = ['record.line'];
/** The search parameters that this file applies. `patient` selects members; the others filter records. */
export const APPLIED: ReadonlySet<string> = new Set(['_id', 'patient', '_lastUpdated']);

/** The line as the store returns it, and the values that the indexes hold. A page parses no document. */
interface Entry extends Pick<RecordPart, 'member' | 'type' | 'id' | 'lastUpdated'> {
  readonly line: Uint8Array | string;
}
export interface Page {
  readonly records: readonly Entry[];
  readonly next?: PageCursor;
}

/**
 * One page for the permitted members, in the order of (member, id), or of (member, lastUpdated, id) with
 * `_lastUpdated`.
 */
export async function findPage(
  reader: ViewReader,
  query: SearchQuery,
  members: readonly string[],
  after: PageCursor | undefined,
  count: number,
): Promise<Page> {
  const records: Entry[] = [];
  let bytes = 0;
  for (const member of members) {
    if (after !== undefined && member < after.member) continue;
    const from = after?.member === member ? after : undefined;
    for await (const entry of candidates(reader, query, member, from, count)) {
      const last = records.at(-1);
      const size = typeof entry.line === 'string' ? Buffer.byteLength(entry.line) : entry.line.byteLength;
      if (last !== undefined && (records.length >= count || bytes + size > MAX_PAGE_BYTES)) {
        return {
          records,
          next: {
            member: last.member,
            id: last.id,
            ...(updatedOf(query) !== undefined && { lastUpdated: last.lastUpdated }),
          },
        };
      }
      records.push(entry);
      bytes += size;
    }
  }
  return { records };
}

type Head = Omit<Entry, 'line'> & { readonly deleted?: true };
const headOf = (document: ViewDocument): Head => document['record'] as Head;
/** Undefined for a tombstone, which has no line. */
function entryOf(document: ViewDocument): Entry | undefined {
  const record = document['record'] as Head & Partial<Entry>;
  return record.line === undefined || record.deleted === true ? undefined : (record as Entry);
}

async function* candidates(
  reader: ViewReader,
  query: SearchQuery,
  member: string,
  after: PageCursor | undefined,
  count: number,
): AsyncGenerator<Entry> {
  if (query.ids !== undefined) return yield* byIds(reader, query, member, after);
  let at = after;
  for (let wanted = count + 1; ;) {
    const limit = Math.max(1, Math.min(wanted, CHUNK));
    const documents = await reader.find({ ...indexOf(query, member, at), limit, bodies: LINE, fields: 'indexed' });
    for (const document of documents) {
      const entry = entryOf(document);
      if (entry === undefined || !keeps(query, entry)) continue;
      wanted -= 1;
      yield entry;
    }
    if (documents.length < limit) return;
    const last = headOf(documents.at(-1)!);
    at = { member, id: last.id, lastUpdated: last.lastUpdated };
  }
}

/** Reads heads first, because a search may name many ids and only the entries of the page need their lines. */
async function* byIds(
  reader: ViewReader,
  query: SearchQuery,
  member: string,
  after: PageCursor | undefined,
): AsyncGenerator<Entry> {
  const ids = [...(query.ids ?? [])].toSorted().map((id) => recordId(member, query.type, id));
  const heads = (await reader.getMany(ids))
    .flatMap((d) => (d === undefined ? [] : [headOf(d)]))
    .filter((p) => p.deleted !== true && keeps(query, p) && (after === undefined || isAfter(p, after)));
  if (updatedOf(query) !== undefined) heads.sort((a, b) => a.lastUpdated - b.lastUpdated || (a.id < b.id ? -1 : 1));
  for (let i = 0; i < heads.length; i += CHUNK) {
    const documents = await reader.getMany(
      heads.slice(i, i + CHUNK).map((p) => recordId(member, query.type, p.id)),
      { bodies: LINE },
    );
    // Skip records that were deleted between the two queries.
    for (const document of documents) {
      const entry = document === undefined ? undefined : entryOf(document);
      if (entry !== undefined) yield entry;
    }
  }
}

function isAfter(part: Pick<RecordPart, 'id' | 'lastUpdated'>, after: PageCursor): boolean {
  if (after.lastUpdated === undefined || part.lastUpdated === after.lastUpdated) return part.id > after.id;
  return part.lastUpdated > after.lastUpdated;
}

const updatedOf = ({ dates }: SearchQuery): readonly DateSearch[] | undefined => dates?.['_lastUpdated'];
const keeps = (query: SearchQuery, part: Pick<RecordPart, 'lastUpdated'>): boolean => {
  const updated = updatedOf(query);
  return updated === undefined || matchesInstant(updated, part.lastUpdated);
};

/** With `_lastUpdated`, uses the index that contains this value, so that a selective filter reads few rows. */
function indexOf(query: SearchQuery, member: string, after: PageCursor | undefined): Omit<FindQuery, 'limit'> {
  const equals = [member, query.type];
  const id = after === undefined ? '' : recordId(member, query.type, after.id);
  const updated = updatedOf(query);
  if (updated === undefined)
    return { index: 'by_type', equals, ...(after !== undefined && { after: { values: [after.id], id } }) };
  let gte = 0;
  let lt = Number.MAX_SAFE_INTEGER;
  for (const { prefix, range } of updated) {
    if (prefix === 'eq' || prefix === 'ge') gte = Math.max(gte, range.start);
    if (prefix === 'gt') gte = Math.max(gte, range.end);
    if (prefix === 'eq' || prefix === 'le') lt = Math.min(lt, range.end);
    if (prefix === 'lt') lt = Math.min(lt, range.start);
  }
  return {
    index: 'by_updated',
    equals,
    range: { gte, lt },
    ...(after !== undefined && { after: { values: [after.lastUpdated ?? 0, after.id], id } }),
  };
}
