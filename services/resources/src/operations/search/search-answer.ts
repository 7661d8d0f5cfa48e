import { Inject, Injectable } from '@nestjs/common';
import { auditedQuery, basisOf, membersOf } from '@provider-access/audit';
import { Facts } from '@provider-access/facts';
import {
  type BundleEntryLine,
  COST,
  isWhole,
  OverBudget,
  outcomeIssue,
  searchsetBundle,
  type SearchQuery,
  type SearchWork,
  subsetOf,
} from '@provider-access/fhir';
import { Refusal, type RefusalKind } from '@provider-access/kernel';
import { LabelGate, RecordsReader, SHARED } from '@provider-access/records';
import { reaches } from '@provider-access/domain/smart';
import { readSearch } from '@provider-access/service/http';
import {
  type Audited,
  type Client,
  type Entries,
  type Entry as AuditEntry,
  type InTurn,
  inTurn,
  requireScope,
} from '@provider-access/service/operation';
import { CONFIG, type ResourcesConfig } from '../../config.ts';
import { unchained } from './chains.ts';
import { type Entry, parsedLine, sizeOf } from './entry.ts';
import { includedOf } from './includes.ts';
import { LabelledRecords } from './labelled-records.ts';
import { type Members, searchedOf, SearchMembers } from './members.ts';
import { findPage, type Page, type PageCursor, type PageToken } from './page.ts';
import { PAGE, PageLinks } from './page-links.ts';
import { VisibleRecords } from './visible-records.ts';

const DEFAULT_COUNT = 50;
const MAX_COUNT = 200;
/** Marks a query in a page link whose first request had `Prefer: handling=lenient`. */
export const LENIENT = '_lenient';
const CUT = 'This page does not have every included resource. Ask for fewer results with _count.';
/** Most members that the entry of a search names besides those whose resources it releases. */
const MOST_WITHOUT_RESOURCES = 200;
/** How long a search waits until the index of keys shows what the records show. */
const KEYS_PATIENCE_MS = 2_000;

/** How the operations that search may refuse a request. */
export const SEARCH_REFUSALS = [
  'invalid-request',
  'invalid-value',
  'required',
  'not-supported',
  'not-found',
  'not-acceptable',
  'too-costly',
  'over-budget',
  'too-many-requests',
] as const satisfies readonly RefusalKind[];

/** A search that was understood, or one page of it. */
export interface AskedSearch {
  readonly query: SearchQuery;
  /** The normalised query of the first page, for the links and the audit. */
  readonly text: string;
  readonly after?: PageCursor;
  /** Whether the link to the next page must not show its parameters, as after a POST. */
  readonly sealed?: boolean;
  /** The link of this page. */
  readonly self: string;
}

/** Answers searches of one client: decides, finds a page, decides again, records what leaves, and sends the Bundle. */
@Injectable()
export class SearchAnswer {
  readonly base: string;
  /** The generations of the two views when the index of keys had passed everything that the records show. */
  private current: { readonly records: number | undefined; readonly search: number | undefined } | undefined;
  private readonly labelled = new LabelledRecords();
  constructor(
    @Inject(RecordsReader) private readonly records: RecordsReader,
    @Inject(Facts) private readonly facts: Facts,
    @Inject(LabelGate) private readonly labels: LabelGate,
    @Inject(PageLinks) private readonly links: PageLinks,
    @Inject(SearchMembers) private readonly members: SearchMembers,
    @Inject(CONFIG) config: ResourcesConfig,
  ) {
    this.base = `${config.publicUrl}/fhir`;
  }

  /** @throws Refusal if the search needs another scope */
  answer(client: Client, asked: AskedSearch): InTurn<Audited> {
    // A chain searches among resources of another type.
    for (const chain of asked.query.chains) requireScope(client.scopes, chain.type, 's', 'part');
    if (asked.query.patientFilters.length > 0) requireScope(client.scopes, 'Patient', 's', 'part');
    return inTurn(() => this.search(client, asked));
  }

  private async search(by: Client, asked: AskedSearch): Promise<Audited> {
    const { text, after, self, sealed = false } = asked;
    const { client, scopes } = by;
    const check = this.labels.check(this.facts.parties, client);
    const of = { scopes, base: this.base, labelled: this.labelled, named: onlyPatientOf(asked.query) };
    const records = new VisibleRecords(this.records, check, of);
    await this.keysAreCurrent(asked.query, scopes.parts.size > 0);
    const query = await unchained(records, asked.query, this.base);
    const { type } = query;
    const counts = query.summary === 'count' || query.count === 0;
    const count = counts ? 0 : Math.min(query.count ?? DEFAULT_COUNT, MAX_COUNT);
    const searcher = { client, decisions: this.facts.access.ofRequest() };
    const members = await this.members.of(searcher, query, records);
    const mayRead = (of: string): boolean => reaches(scopes, of, 'r');
    const answered = await (async () => {
      const { holders } = members;
      const page = await findPage({
        records,
        query: records.restricted({ ...query, holders }),
        members: searchedOf(members),
        after,
        count,
      });
      return { page, included: await includedOf(records, query, page.records, { base: this.base, mayRead }) };
    })().catch(async (error: unknown) => {
      // The refusal tells that a member has much, so it may not be about a member who opted out meanwhile.
      const optedOutMeanwhile = isTooCostly(error)
        ? (await this.members.confirmed(searcher, new Set(members.because.keys()))).refused
        : [];
      if (optedOutMeanwhile.length === 0) throw error;
    });
    if (answered === undefined) return this.search(by, asked);
    const { page, included } = answered;
    // A search may take seconds, so whoever opted out meanwhile is left out now.
    const shown = shownOf(page, included.records);
    const { refused: optedOutMeanwhile, because } = await this.members.confirmed(searcher, shown);
    const permitted = new Map([...members.because, ...because]);
    for (const { member } of optedOutMeanwhile) permitted.delete(member!);
    // A count has nothing to leave out.
    if (counts && optedOutMeanwhile.length > 0) return this.search(by, asked);
    const found = without(optedOutMeanwhile, page.records);
    const includes = without(optedOutMeanwhile, included.records);
    const next = page.next && this.linkTo({ client, type, query: text, after: page.next, sealed });
    const hasNoNextLink = page.next !== undefined && next === undefined;
    // The refusal of a search without a link to its next page still tells that there are resources.
    const released = hasNoNextLink ? [] : includes.length === 0 ? found : [...found, ...includes];
    const audited = new Set([
      ...namedBy(query, members),
      ...(page.counted ?? []),
      ...(hasNoNextLink ? found.map(({ member }) => member) : []),
    ]);
    for (const { member } of optedOutMeanwhile) audited.delete(member!);
    const audit = entriesOf(type, text, released, audited, {
      ...members,
      because: permitted,
      refused: [...members.refused, ...optedOutMeanwhile],
    });
    if (hasNoNextLink) {
      const refusal = 'This search is too long to be continued by a link. Ask for fewer values.';
      return { audit, answer: new Refusal('invalid-value', refusal) };
    }
    const entries = [
      ...(await this.entries(found, 'match', query, records.work)),
      ...(await this.entries(includes, 'include', query, records.work)),
      ...this.remarks(query, included.cut),
    ];
    const body = searchsetBundle({
      selfUrl: self,
      nextUrl: next,
      // A total would count resources of the members who are optedOutMeanwhile.
      total: query.total === 'none' || optedOutMeanwhile.length > 0 ? undefined : page.total,
      entries,
    });
    return { audit, answer: { body } };
  }

  /** `_elements` does not apply to included resources; `_summary` does. https://hl7.org/fhir/R4/search.html#elements */
  private async entries(
    records: readonly Entry[],
    mode: 'match' | 'include',
    { summary, elements: named }: SearchQuery,
    work: SearchWork,
  ): Promise<readonly BundleEntryLine[]> {
    const shape = { summary, elements: mode === 'match' ? named : undefined };
    const entries: BundleEntryLine[] = [];
    for (const record of records) {
      const pause = work.pause();
      if (pause !== undefined) await pause;
      entries.push(this.entry(record, mode, shape, work));
    }
    return entries;
  }

  private entry(
    record: Entry,
    mode: 'match' | 'include',
    shape: Pick<SearchQuery, 'summary' | 'elements'>,
    work: SearchWork,
  ): BundleEntryLine {
    const fullUrl = `${this.base}/${record.type}/${record.id}`;
    if (isWhole(shape)) return { fullUrl, line: record.joined ?? record.line, mode };
    // Parsed and written again.
    work.count(2 * sizeOf(record) * COST.byte);
    return { fullUrl, line: JSON.stringify(subsetOf(parsedLine(record), shape)), mode };
  }

  /** What the search ignored or left out, as an entry of the Bundle. */
  private remarks({ ignored }: SearchQuery, cut: boolean): readonly BundleEntryLine[] {
    const issue = [...ignored, ...(cut ? [outcomeIssue('warning', 'incomplete', CUT)] : [])];
    return issue.length === 0
      ? []
      : [{ line: JSON.stringify({ resourceType: 'OperationOutcome', issue }), mode: 'outcome' }];
  }

  /** @throws Refusal that names the parameter */
  parsed(type: string, parameters: URLSearchParams, lenient: boolean): SearchQuery {
    return readSearch(type, parameters, { base: this.base, lenient });
  }

  /**
   * The parameters of a POST stay out of URLs, because they may name a person.
   *
   * @param operation of the type, such as `_search`. Its URL is the link of a search that is too long for a link.
   */
  selfOfPost(client: string, type: string, query: string, operation: string): string {
    return this.linkTo({ client, type, query }) ?? `${this.base}/${type}/${operation}`;
  }

  /** Undefined if the link would be too long. */
  private linkTo(token: PageToken): string | undefined {
    const link = this.links.write(token);
    return link === undefined ? undefined : `${this.base}/${token.type}?${PAGE}=${link}`;
  }

  /**
   * Waits until the index of keys has passed everything that the records show, so that a search does not miss a
   * resource that a read returns.
   * @param isRestricted whether scopes cover parts of types, which are conditions too
   */
  private async keysAreCurrent(
    { filters, revinclude, patientFilters, chains }: SearchQuery,
    isRestricted: boolean,
  ): Promise<void> {
    const conditions = [filters, revinclude, patientFilters, chains];
    if (!isRestricted && conditions.every(({ length }) => length === 0)) return;
    const { records, search } = this.records.views;
    const now = { records: records.generation(), search: search.generation() };
    // Neither view has changed since the index was current.
    if (now.records !== undefined && now.records === this.current?.records && now.search === this.current.search)
      return;
    const { topics } = await records.position();
    if (!(await search.waitFor(topics, KEYS_PATIENCE_MS)))
      throw new Refusal('unavailable', 'The index of this search is not current. Repeat the request.', {
        retryAfter: 1,
      });
    this.current = now;
  }
}

/**
 * @param audited the members about whom the answer says something, even if it says that they have no such resource. The
 *   entry names them with the number of their resources in it. If they are many, because a search about all members of
 *   the client counts, they are named in entries by the hour (ADR 0025).
 */
function entriesOf(
  type: string,
  text: string,
  released: readonly Entry[],
  audited: ReadonlySet<string>,
  { refused, because }: Members,
): Entries {
  const parameters = new URLSearchParams(text);
  parameters.delete(LENIENT);
  const query = auditedQuery(parameters);
  const entries = [...new Set(refused.map((r) => r.reason))].map((reason): AuditEntry => {
    const members = refused.flatMap((r) => (r.reason === reason && r.member !== undefined ? [r.member] : []));
    return { refused: { reason, members, ...query } };
  });
  const [first, ...rest] = entries;
  if (first !== undefined && because.size === 0 && released.length === 0) return [first, ...rest];
  const { given, types } = counted(type, released);
  const withoutResources = new Map(
    [...audited].flatMap((m) => (m === SHARED || given.has(m) ? [] : [[m, 0] as const])),
  );
  const many = withoutResources.size > MOST_WITHOUT_RESOURCES;
  const about = (named: ReadonlyMap<string, number>) => ({
    ...query,
    ...membersOf(named),
    ...basisOf([...named.keys()].map((member) => because.get(member))),
  });
  return [
    {
      released: {
        ...about(many ? given : new Map([...given, ...withoutResources])),
        resources: released.length,
        types,
      },
    },
    ...(many ? [{ hourly: { ...about(withoutResources), resources: 0 } }] : []),
    ...entries,
  ];
}

/** The number of resources of each member, and the types. */
function counted(type: string, released: readonly Entry[]): { given: Map<string, number>; types: string[] } {
  const given = new Map<string, number>();
  const types = [type];
  for (const { member, type: of } of released) {
    if (member !== SHARED) given.set(member, (given.get(member) ?? 0) + 1);
    if (of !== types.at(-1) && !types.includes(of)) types.push(of);
  }
  return { given, types };
}

/** The members of whom an answer has a resource or counts one. */
function shownOf({ records, counted: others }: Page, included: readonly Entry[]): ReadonlySet<string> {
  const shown = new Set(others);
  // Entries of a member stand together.
  let last: string | undefined;
  for (const entries of [records, included])
    for (const { member } of entries) if (member !== last) shown.add((last = member));
  return shown;
}

/** Nearly always nobody has opted out meanwhile. */
const without = (optedOut: Members['refused'], entries: readonly Entry[]): readonly Entry[] =>
  optedOut.length === 0 ? entries : entries.filter(({ member }) => !optedOut.some((one) => one.member === member));

const isTooCostly = (error: unknown): boolean =>
  error instanceof OverBudget || (error instanceof Refusal && error.kind === 'too-costly');

/** Without a chain, which finds one member or nobody by what is in records. */
const onlyPatientOf = ({ patients, patientFilters, chains }: SearchQuery): string | undefined =>
  patients?.length === 1 && patientFilters.length === 0 && chains.length === 0 ? patients[0] : undefined;

/** The permitted members whom the search itself names: by their id, by the id of a resource, or by a chain. */
function namedBy({ patients, ids, patientFilters }: SearchQuery, { permitted, because }: Members): Iterable<string> {
  if (patients !== undefined || ids !== undefined) return because.keys();
  return patientFilters.length > 0 ? permitted : [];
}
