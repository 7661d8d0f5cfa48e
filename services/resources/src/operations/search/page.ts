import { type SearchQuery, matchesDate } from '@provider-access/fhir';
import { type RecordPart, recordId, type StoredRecord } from '@provider-access/records';
import type { FindQuery, ViewDocument, ViewReader } from '@provider-access/views';
import type { PageCursor } from './page-links.ts';

/** A page is cut at the entry that passes this: pages are weighed, not only counted. */
const MAX_PAGE_BYTES = 8 * 1024 * 1024;
const LINE = ['record.line'];

export interface Page { readonly records: readonly (StoredRecord & { readonly line: Uint8Array | string })[]; readonly next?: PageCursor }

/** Entries of one search for the members that may be seen, in (member, id) order, or (member, lastUpdated, id) with `_lastUpdated`. */
export async function findPage(reader: ViewReader, query: SearchQuery, members: readonly string[], after: PageCursor | undefined, count: number): Promise<Page> {
  const found: RecordPart[] = [];
  let bytes = 0;
  let full = false;
  for (const member of members) {
    if (after !== undefined && member < after.member) continue;
    const from = after?.member === member ? after : undefined;
    for await (const part of candidates(reader, query, member, from, count)) {
      if (found.length >= count || (found.length > 0 && bytes + part.bytes > MAX_PAGE_BYTES)) {
        full = true;
        break;
      }
      found.push(part);
      bytes += part.bytes;
    }
    if (full) break;
  }
  const documents = found.length === 0 ? [] : await reader.getMany(found.map((p) => recordId(p.member, p.type, p.id)), { bodies: LINE });
  // What was deleted in between is left out.
  const records = documents.flatMap((d) => (d === undefined || recordOf(d).deleted === true ? [] : [recordOf(d) as StoredRecord]));
  const last = found.at(-1);
  return { records, ...(full && last !== undefined && { next: { member: last.member, id: last.id, ...(query.lastUpdated !== undefined && { lastUpdated: last.lastUpdated }) } }) };
}

const recordOf = (document: ViewDocument): RecordPart => document['record'] as RecordPart;

async function* candidates(reader: ViewReader, query: SearchQuery, member: string, after: PageCursor | undefined, count: number): AsyncGenerator<RecordPart> {
  const ids = query.ids === undefined ? undefined : [...query.ids].toSorted();
  if (ids !== undefined) {
    const documents = await reader.getMany(ids.map((id) => recordId(member, query.type, id)));
    const parts = documents.flatMap((d) => (d === undefined ? [] : [recordOf(d)])).filter((p) => keeps(query, p));
    if (query.lastUpdated !== undefined) parts.sort((a, b) => a.lastUpdated - b.lastUpdated || (a.id < b.id ? -1 : 1));
    for (const part of parts) if (after === undefined || isAfter(part, after)) yield part;
    return;
  }
  let at = after;
  for (;;) {
    const documents = await reader.find({ ...indexOf(query, member, at), limit: count + 1 });
    for (const document of documents) if (keeps(query, recordOf(document))) yield recordOf(document);
    if (documents.length <= count) return;
    const last = recordOf(documents.at(-1)!);
    at = { member, id: last.id, lastUpdated: last.lastUpdated };
  }
}

function isAfter(part: RecordPart, after: PageCursor): boolean {
  if (after.lastUpdated === undefined || part.lastUpdated === after.lastUpdated) return part.id > after.id;
  return part.lastUpdated > after.lastUpdated;
}

function keeps(query: SearchQuery, part: RecordPart): boolean {
  if (part.deleted === true) return false;
  const target = { start: part.lastUpdated, end: part.lastUpdated + 1 };
  return (query.lastUpdated ?? []).every(({ prefix, range }) => matchesDate(prefix, range, target));
}

/** With `_lastUpdated` the index that has it: a filter that leaves little does not read everything. */
function indexOf(query: SearchQuery, member: string, after: PageCursor | undefined): Omit<FindQuery, 'limit'> {
  const equals = [member, query.type];
  const id = after === undefined ? '' : recordId(member, query.type, after.id);
  if (query.lastUpdated === undefined) return { index: 'by_type', equals, ...(after !== undefined && { after: { values: [after.id], id } }) };
  let gte = 0;
  let lt = Number.MAX_SAFE_INTEGER;
  for (const { prefix, range } of query.lastUpdated) {
    if (prefix === 'eq' || prefix === 'ge') gte = Math.max(gte, range.start);
    if (prefix === 'gt') gte = Math.max(gte, range.end);
    if (prefix === 'eq' || prefix === 'le') lt = Math.min(lt, range.end);
    if (prefix === 'lt') lt = Math.min(lt, range.start);
  }
  return { index: 'by_updated', equals, range: { gte, lt }, ...(after !== undefined && { after: { values: [after.lastUpdated ?? 0, after.id], id } }) };
}
