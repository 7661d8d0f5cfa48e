import { AUDIT_ACTIONS, type Disclosure, type ReadUntil } from '@provider-access/events';
import type { ViewReader } from '@provider-access/engines/views';
import type { DisclosureOf, KeptDisclosure } from './disclosures.ts';

/** At least one should be given, because the audit is large. */
export interface DisclosureFilter {
  readonly member?: string;
  readonly client?: string;
  readonly outcome?: Disclosure['outcome'];
  readonly group?: string;
  /** Only looks of the payer's own people and systems, or all entries but these. No index applies it. */
  readonly looks?: 'only' | 'without';
  /** RFC 3339 instants in UTC with milliseconds: [from, before). */
  readonly from?: string;
  readonly before?: string;
}
/** A document of the view: one entry of the audit, or up to 250 members of it. */
export interface StoredDisclosure {
  readonly id: string;
  readonly disclosure: Disclosure;
  /** How far the facts of the decisions had been read. Absent in entries of before. */
  readonly read?: ReadUntil;
}
export interface DisclosurePage {
  readonly found: readonly StoredDisclosure[];
  /** The id behind which the next page begins. Absent on the last page. */
  readonly next?: string;
}

/**
 * Most documents that one page looks at. Two filters may share no index, so a page may have fewer rows than asked for,
 * and a next one.
 */
const LOOKED_AT = 1000;
const BATCH = 200;

const OUTCOMES = ['released', 'refused'] as const satisfies readonly Disclosure['outcome'][];

/** An index, and the values for which it is read side by side: each reading is in the order of ids. */
interface Driver {
  readonly index: string;
  readonly each: readonly (readonly string[])[];
  /** The filters that the index applies. */
  readonly applied: readonly (keyof DisclosureFilter)[];
}
function driverOf({ member, client, outcome, group }: DisclosureFilter): Driver {
  const outcomes = outcome === undefined ? OUTCOMES : [outcome];
  if (member !== undefined && client !== undefined)
    return { index: 'by_member_client', each: [[client, member]], applied: ['member', 'client'] };
  if (member !== undefined)
    return { index: 'by_member_outcome', each: outcomes.map((one) => [one, member]), applied: ['member', 'outcome'] };
  if (group !== undefined) return { index: 'by_group', each: [[group]], applied: ['group'] };
  if (client !== undefined)
    return { index: 'by_client_outcome', each: outcomes.map((one) => [client, one]), applied: ['client', 'outcome'] };
  return { index: 'by_outcome', each: outcomes.map((one) => [one]), applied: ['outcome'] };
}
const keeps = ({ client, outcome, group, looks }: DisclosureFilter, { disclosure }: StoredDisclosure): boolean =>
  (looks === undefined || (AUDIT_ACTIONS[disclosure.action].isLook === true) === (looks === 'only')) &&
  (client === undefined || disclosure.client === client) &&
  (outcome === undefined || disclosure.outcome === outcome) &&
  (group === undefined || disclosure.group === group);

/** The newest first, at most `count`, behind the document `after`. */
export async function findDisclosures(
  reader: ViewReader,
  filter: DisclosureFilter,
  { count, after }: { readonly count: number; readonly after?: string | undefined },
): Promise<DisclosurePage> {
  const { index, each, applied } = driverOf(filter);
  const exact = (['client', 'outcome', 'group'] as const).every((n) => filter[n] === undefined || applied.includes(n));
  const found: StoredDisclosure[] = [];
  // An id is greater than the time with which it begins. So behind `before` are the documents of earlier times.
  const { from, before } = filter;
  let last = after !== undefined && (before === undefined || after < before) ? after : before;
  for (let looked = 0; looked < LOOKED_AT;) {
    // Most pages of a member have no looks, or nothing else. So only the first reading is as small as the page.
    const isSmall = exact && (filter.looks === undefined || looked === 0);
    const limit = isSmall ? Math.min(BATCH, count + 1 - found.length) : BATCH;
    const behind = last === undefined ? {} : { after: { values: [], id: last } };
    const read = await Promise.all(
      each.map((equals) => reader.find({ index, equals, order: 'desc', limit, ...behind })),
    );
    const docs = read
      .flat()
      .toSorted((a, b) => (a._id < b._id ? 1 : -1))
      .slice(0, limit);
    for (const doc of docs) {
      const { read: until, ...disclosure } = doc['disclosure'] as KeptDisclosure;
      const one: StoredDisclosure = { id: doc._id, disclosure, ...(until !== undefined && { read: until }) };
      if (from !== undefined && one.id < from) return { found };
      if (keeps(filter, one)) {
        if (found.length === count) return { found, next: last! };
        found.push(one);
      }
      last = one.id;
    }
    looked += docs.length;
    if (docs.length < limit) return { found };
  }
  return { found, next: last! };
}

/**
 * What a document says of one of its members.
 * @param recalls as `recallsOf` answers
 */
export function disclosureOf(
  { id, disclosure }: StoredDisclosure,
  member: string,
  recalls: ReadonlyMap<string, readonly string[]> = new Map(),
): DisclosureOf {
  const { members, perMember, resources: _ofAll, ...common } = disclosure;
  const resources = perMember?.[members.indexOf(member)];
  const recalled = recalls.get(id);
  return {
    id,
    ...common,
    member,
    ...(resources !== undefined && { resources }),
    ...(recalled !== undefined && { recalled }),
  };
}

/** Entries of a member that a recall says had what was wrong: names of recalls, by the id of the entry's document. */
export async function recallsOf(reader: ViewReader, member: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const marks = new Map<string, Set<string>>();
  for (let after: string | undefined; ;) {
    const { found, next } = await findDisclosures(reader, { member, client: RECALLING }, { count: BATCH, after });
    for (const { disclosure } of found)
      for (const entry of disclosure.recall?.entries ?? [])
        marks.set(entry, (marks.get(entry) ?? new Set()).add(disclosure.recall!.name));
    if (next === undefined) break;
    after = next;
  }
  return new Map(Array.from(marks, ([entry, names]) => [entry, [...names].toSorted()]));
}
/** The role whose token a recall needs. */
const RECALLING = 'administrator';
