import { Controller, Inject } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { auditedQuery, countedBy, membersOf } from '@provider-access/audit';
import { allows } from '@provider-access/domain/smart';
import {
  type BundleEntryLine,
  matchesInstant,
  SEARCH,
  searchsetBundle,
  type SearchQuery,
  SearchWork,
} from '@provider-access/fhir';
import { Refusal } from '@provider-access/kernel';
import {
  FHIR_TYPE,
  isLenient,
  linkedQuery,
  readGeneral,
  readSearch,
  SealedLinks,
  urlWith,
} from '@provider-access/service/http';
import { MEMBER_HASH, type MemberHash } from '@provider-access/service/observability';
import {
  type Asked,
  type Audited,
  type Client,
  type Entry,
  GENERAL_PARAMETERS,
  type InTurn,
  inTurn,
  LENIENT,
  operation,
  Operation,
  PAGE_PARAMETER,
  ref,
  RESULT_PARAMETERS,
} from '@provider-access/service/operation';
import { CONFIG, type AttributionConfig } from '../../config.ts';
import { shaped, showsMembers } from '../group-query.ts';
import { type ClientGroup, GroupView, INSTEAD, type VisibleGroup } from '../group-view.ts';
import { GroupFilters } from './group-filters.ts';

const REFUSALS = [
  'invalid-request',
  'invalid-value',
  'not-supported',
  'not-acceptable',
  'too-costly',
  'over-budget',
  'too-many-requests',
] as const;
/** https://hl7.org/fhir/R4/http.html#search , docs/regulation.md#search-for-groups */
const COMMON = {
  callers: 'app',
  scope: 's',
  audit: 'group-search',
  interaction: 'search-type',
  tag: 'Groups and exports',
  headers: [LENIENT],
  answer: {
    description: 'A searchset of Groups, with the members whom the app may see.',
    type: FHIR_TYPE,
    schema: ref('Bundle'),
  },
} as const;
const SEARCH_TYPE = operation({
  ...COMMON,
  route: 'GET /fhir/Group',
  summary: 'Find the Groups of the app',
  query: {
    parameters: [
      ...SEARCH['Group']!.parameters.map(({ name, documentation }) => ({ name, description: `${documentation}.` })),
      ...RESULT_PARAMETERS.filter(({ name }) => !name.endsWith('include')),
      ...GENERAL_PARAMETERS,
      PAGE_PARAMETER,
    ],
  },
  refusals: REFUSALS,
});
const SEARCH_BY_POST = operation({
  ...COMMON,
  route: 'POST /fhir/Group/_search',
  summary: 'Find the Groups of the app, with the parameters in the body',
  description: 'The same search as by GET.',
  body: {
    content: {
      'application/x-www-form-urlencoded': { schema: { type: 'object' }, example: { identifier: '1234567893' } },
    },
    parameters: readForm,
  },
  refusals: [...REFUSALS, 'unsupported-media-type'],
});

const DEFAULT_COUNT = 50;
const MAX_COUNT = 200;
interface Found {
  readonly page: readonly VisibleGroup[];
  readonly total: number;
  readonly next: string | undefined;
}
interface AskedSearch {
  readonly by: Client;
  readonly query: SearchQuery;
  /** The parameters of the first page, for sealed links and the audit. */
  readonly parameters: URLSearchParams;
  /** `_format`, for the links. */
  readonly format: string | undefined;
  /** The last Group of the page before. */
  readonly after: string | undefined;
  /** Whether the parameters came in a body, so that no URL may show them. */
  readonly posted: boolean;
}
/**
 * The cursor of a page: the last Group id of the page before, which names nothing that the client may not see. The
 * links of a search by POST have its parameters and the cursor sealed in it.
 */
const PAGE = '_page';
const badPage = (): Refusal =>
  new Refusal('invalid-value', 'The page link is not valid. Repeat the search from its first page.', {
    expression: PAGE,
  });

/** A client finds only its own Groups. */
@Controller()
export class GroupSearchController {
  private readonly links: SealedLinks;
  private readonly groups: string;
  constructor(
    @Inject(GroupView) private readonly view: GroupView,
    @Inject(GroupFilters) private readonly filters: GroupFilters,
    @Inject(CONFIG) private readonly config: AttributionConfig,
    @Inject(MEMBER_HASH) hash: MemberHash,
  ) {
    this.groups = `${config.publicUrl}/fhir/Group`;
    this.links = new SealedLinks(hash.keys, 'group page link');
  }

  @Operation(SEARCH_TYPE)
  search(asked: Asked<typeof SEARCH_TYPE>): InTurn<Audited> {
    return this.inTurn(asked, false);
  }

  /** Parameters in the body, in the URL, or in both. */
  @Operation(SEARCH_BY_POST)
  searchByPost(asked: Asked<typeof SEARCH_BY_POST>): InTurn<Audited> {
    return this.inTurn(asked, true);
  }

  private inTurn(asked: Asked<typeof SEARCH_TYPE>, posted: boolean): InTurn<Audited> {
    const understood = this.understand(asked, posted);
    return inTurn(() => this.answer(understood));
  }

  private async answer(asked: AskedSearch): Promise<Audited> {
    const query = auditedQuery(asked.parameters);
    try {
      const { page, total, next } = await this.find(asked);
      const nextUrl = next === undefined ? undefined : this.url(asked, next);
      if (next !== undefined && nextUrl === undefined)
        throw new Refusal('invalid-value', 'This search is too long to be continued by a link. Ask for fewer values.');
      const body = searchsetBundle({
        // Without a query, for a search by POST that is too long for a link.
        selfUrl: this.url(asked, asked.after) ?? `${this.groups}/_search`,
        ...(asked.query.total !== 'none' && { total }),
        entries: [
          ...page.map(({ id, resource }) => ({
            fullUrl: `${this.groups}/${id}`,
            line: JSON.stringify(shaped(resource, asked.query)),
          })),
          ...this.remarks(
            asked.query,
            page.some(({ isTooLarge }) => isTooLarge),
          ),
        ],
        nextUrl,
      });
      // Each Group of the page as a read would give it.
      const [first = { hourly: { members: [], resources: 0, ...query } }, ...others] = page.map(
        ({ id, members }): Entry => ({
          hourly: { ...membersOf(countedBy(members)), resources: 1, group: id, ...query },
        }),
      );
      return { audit: [first, ...others], answer: { body } };
    } catch (error) {
      // The frame of the service audits what a client could have asked for otherwise (400 and 403).
      if (!(error instanceof Refusal) || error.status === 400) throw error;
      return { audit: [{ refused: { reason: error.kind, ...query } }], answer: error };
    }
  }

  private understand(
    { request, given, base, client, scopes }: Asked<typeof SEARCH_TYPE>,
    posted: boolean,
  ): AskedSearch {
    const link = given.get(PAGE) ?? undefined;
    const sealed = link === undefined ? undefined : this.links.read(client, link);
    const linked = new URLSearchParams(sealed?.[0] as string | undefined);
    const { own, format } = readGeneral(request.headers.accept, given, linked);
    if (sealed !== undefined && own.size > 1) throw badPage();
    const parameters = sealed === undefined ? own : readGeneral(undefined, linked).own;
    parameters.delete(PAGE);
    const after = (sealed === undefined ? link : (sealed[1] as string | null)) ?? undefined;
    if (after !== undefined && !/^[a-z2-7]{26}$/.test(after)) throw badPage();
    // A page link of a lenient search is followed without its header.
    const lenient = sealed !== undefined || isLenient(request.headers.prefer);
    const query = readSearch('Group', parameters, { base, lenient });
    const by = { client, scopes };
    return { by, query, parameters, format, after, posted: posted || sealed !== undefined };
  }

  private async find({ by: { client, scopes }, query, after }: AskedSearch): Promise<Found> {
    const rendered = new Map<string, VisibleGroup>();
    // An answer has as many members as the largest Group that can be read.
    let left = this.config.maxGroupMembers;
    const render = async (group: ClientGroup): Promise<VisibleGroup> => {
      const known = rendered.get(group.id);
      if (known !== undefined) return known;
      const visible = await this.view.render(client, group, showsMembers(query) ? 'when-large' : true, left);
      left -= visible.members.length;
      rendered.set(group.id, visible);
      return visible;
    };
    const mayRead = (type: string): boolean => allows(scopes, type, 'r');
    const found: ClientGroup[] = [];
    const work = new SearchWork();
    const groups = await this.view.ofClient(client);
    for (const group of await this.filters.matching(groups, query, { client, mayRead }, work)) {
      work.evaluate(query.updated.length);
      if (query.updated.length === 0 || matchesInstant(query.updated, (await render(group)).lastUpdated))
        found.push(group);
    }
    await sort(found, query, render);
    const count = query.summary === 'count' ? 0 : Math.min(query.count ?? DEFAULT_COUNT, MAX_COUNT);
    const rest = behind(found, after, query);
    const page: VisibleGroup[] = [];
    for (const group of rest.slice(0, count)) page.push(await render(group));
    const isMore = count > 0 && rest.length > count;
    return { page, total: found.length, next: isMore ? page.at(-1)!.id : undefined };
  }

  /** What a lenient search ignored, and that members are left out, as an entry of the Bundle. */
  private remarks({ ignored }: SearchQuery, someTooLarge: boolean): readonly BundleEntryLine[] {
    const most = this.config.maxGroupMembers;
    const text =
      `A list shows at most ${most} members, so some Groups come as a summary (SUBSETTED). ` +
      `Read each of them alone. If one is larger: ${INSTEAD}`;
    const issue = [
      ...ignored,
      ...(someTooLarge ? [{ severity: 'information', code: 'too-costly', diagnostics: text }] : []),
    ];
    return issue.length === 0
      ? []
      : [{ line: JSON.stringify({ resourceType: 'OperationOutcome', issue }), mode: 'outcome' }];
  }

  /** Undefined if the link would be too long. */
  private url({ by, query, parameters, format, posted }: AskedSearch, page: string | undefined): string | undefined {
    // Each page reports what a lenient search ignored, so the link to it has more than the parameters that count.
    const isSealed = posted || (page !== undefined && query.ignored.length > 0);
    if (!isSealed)
      return urlWith(this.groups, linkedQuery(page === undefined ? query.used : [...query.used, [PAGE, page]], format));
    const link = this.links.write(by.client, [linkedQuery(parameters, format).toString(), page]);
    return link === undefined ? undefined : urlWith(this.groups, new URLSearchParams({ [PAGE]: link }));
  }
}

/** A list without a contract period comes last. */
const validFrom = ({ head }: ClientGroup): string => head.facts?.validFrom ?? '~';

/** Sorts by `_sort`. Groups come in the order of their ids, and equal ones stay in it. */
async function sort(
  groups: ClientGroup[],
  { sort: orders }: SearchQuery,
  render: (group: ClientGroup) => Promise<VisibleGroup>,
): Promise<void> {
  const updated = new Map<string, number>();
  if (orders.some(({ by }) => by === '_lastUpdated'))
    for (const group of groups) updated.set(group.id, (await render(group)).lastUpdated);
  for (const { by, descending } of orders.toReversed()) {
    const sign = descending ? -1 : 1;
    if (by === '_id') groups.sort((a, b) => (a.id < b.id ? -sign : sign));
    if (by === '_lastUpdated') groups.sort((a, b) => sign * (updated.get(a.id)! - updated.get(b.id)!));
    if (by === 'period')
      groups.sort((a, b) => sign * (validFrom(a) < validFrom(b) ? -1 : Number(validFrom(a) > validFrom(b))));
  }
}

/** The Groups behind the last one of the page before. @throws Refusal if that one has left a list with an own order */
function behind(
  groups: readonly ClientGroup[],
  after: string | undefined,
  { sort: orders }: SearchQuery,
): readonly ClientGroup[] {
  if (after === undefined) return groups;
  if (orders.length === 0) return groups.filter(({ id }) => id > after);
  // An earlier build has the other part of a list as a Group of its own.
  const at = groups.findIndex(({ parts }) => parts.includes(after));
  if (at < 0) throw badPage();
  return groups.slice(at + 1);
}

/** @throws Refusal if the body is no form */
function readForm({ body, headers }: Pick<FastifyRequest, 'body' | 'headers'>): URLSearchParams {
  if (!Buffer.isBuffer(body) || body.length === 0) return new URLSearchParams();
  if (!/^application\/x-www-form-urlencoded\s*(;|$)/i.test(headers['content-type'] ?? ''))
    throw new Refusal('unsupported-media-type', 'The body of a search is application/x-www-form-urlencoded.');
  return new URLSearchParams(body.toString('utf8'));
}
