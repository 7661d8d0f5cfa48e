import { Controller, Get, Inject, Req, Res, UseGuards } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Audit, auditedQuery, countedBy, membersOf } from '@provider-access/audit';
import {
  type BundleEntryLine,
  matchesInstant,
  matchesToken,
  parseSearch,
  searchsetBundle,
  type FormerSearchQuery as SearchQuery,
  type Token,
} from '@provider-access/kernel/fhir';
import { Refusal } from '@provider-access/kernel';
import { MEMBER_ATTRIBUTION, PROVIDER_GROUP_CODE } from '@provider-access/domain/pdex';
import { assertJson } from '@provider-access/service/http';
import { requireScope, SmartGuard, type SmartRequest } from '@provider-access/smart';
import { CONFIG, type AttributionConfig } from '../../config.ts';
import { type ClientGroup, GroupView, identifiersOf, type VisibleGroup } from '../group-view.ts';

const DEFAULT_COUNT = 50;
const MAX_COUNT = 200;
interface Given {
  readonly group: string;
  readonly members: readonly string[];
}
interface Found {
  readonly given: readonly Given[];
  readonly entries: readonly BundleEntryLine[];
  readonly total: number;
  readonly next?: string;
}
/** The cursor of a page: the last Group id of the page before. It names nothing that the client may not see. */
const PAGE = '_page';

/**
 * https://hl7.org/fhir/R4/http.html#search , docs/regulation.md#search-for-groups. A client finds only its own Groups.
 */
@Controller()
export class GroupSearchController {
  constructor(
    @Inject(GroupView) private readonly view: GroupView,
    @Inject(Audit) private readonly audit: Audit,
    @Inject(CONFIG) private readonly config: AttributionConfig,
  ) {}

  @Get('fhir/Group')
  @UseGuards(SmartGuard)
  async search(@Req() request: SmartRequest, @Res() reply: FastifyReply): Promise<void> {
    const { client, scopes } = request.smart;
    requireScope(scopes, 'Group', 's');
    const parameters = new URL(request.url, 'http://localhost').searchParams;
    assertJson(request.headers.accept, parameters.getAll('_format'));
    const { query, after } = readQuery(parameters);
    try {
      const { given, entries, total, next } = await this.find(client, query, after);
      await this.record(client, given, parameters);
      const body = searchsetBundle({
        selfUrl: this.url(parameters),
        total,
        entries,
        ...(next !== undefined && { nextUrl: this.url(parameters, next) }),
      });
      void reply
        .headers({ 'content-type': 'application/fhir+json; charset=utf-8', 'cache-control': 'no-store' })
        .send(body);
    } catch (error) {
      if (error instanceof Refusal)
        await this.audit.refuse({
          client,
          action: 'group-search',
          reason: error.kind,
          ...auditedQuery(parameters),
          types: ['Group'],
        });
      throw error;
    }
  }

  private async find(client: string, query: SearchQuery, after: string | undefined): Promise<Found> {
    const summary = query.summary ?? false;
    const matching = (await this.view.ofClient(client)).filter((group) => matches(group, query));
    const rendered = new Map<string, VisibleGroup>();
    const render = async (group: ClientGroup): Promise<VisibleGroup> => {
      const known = rendered.get(group.id) ?? (await this.view.render(client, group, summary));
      rendered.set(group.id, known);
      return known;
    };
    const found: ClientGroup[] = [];
    for (const group of matching) {
      const updated = query.dates?.['_lastUpdated'];
      if (updated === undefined || matchesInstant(updated, (await render(group)).lastUpdated)) found.push(group);
    }
    const count = Math.min(query.count ?? DEFAULT_COUNT, MAX_COUNT);
    const rest = after === undefined ? found : found.filter((g) => g.id > after);
    const page = rest.slice(0, count);
    const given: Given[] = [];
    const entries: BundleEntryLine[] = [];
    for (const group of page) {
      const visible = await render(group);
      given.push({ group: group.id, members: visible.members });
      entries.push({
        fullUrl: `${this.config.publicUrl}/fhir/Group/${group.id}`,
        line: JSON.stringify(visible.resource),
      });
    }
    return { given, entries, total: found.length, ...(count > 0 && rest.length > count && { next: page.at(-1)!.id }) };
  }

  /** Each Group of the page as a read would give it. */
  private async record(client: string, given: readonly Given[], parameters: URLSearchParams): Promise<void> {
    const common = { client, action: 'group-search' as const, types: ['Group'], ...auditedQuery(parameters) };
    if (given.length === 0) await this.audit.release({ ...common, members: [], resources: 0 });
    await Promise.all(
      given.map(({ group, members }) =>
        this.audit.release({ ...common, ...membersOf(countedBy(members)), resources: 1, group }),
      ),
    );
  }

  private url(parameters: URLSearchParams, page?: string): string {
    const own = new URLSearchParams(parameters);
    if (page !== undefined) own.set(PAGE, page);
    const query = own.toString();
    return `${this.config.publicUrl}/fhir/Group${query === '' ? '' : `?${query}`}`;
  }
}

function readQuery(all: URLSearchParams): { readonly query: SearchQuery; readonly after: string | undefined } {
  const parameters = new URLSearchParams(all);
  const after = parameters.get(PAGE) ?? undefined;
  parameters.delete(PAGE);
  if (after !== undefined && !/^[a-z2-7]{26}$/.test(after))
    throw new Refusal('invalid-value', 'The page link is not valid. Repeat the search from its first page.');
  const parsed = parseSearch('Group', parameters, GROUP_FILTERS);
  if (parsed.ok) return { query: parsed.query, after };
  const { code, details, expression } = parsed.issue;
  throw new Refusal(
    code === 'not-supported' ? 'not-supported' : 'invalid-value',
    details?.text ?? 'A parameter is not valid.',
    expression?.[0] === undefined ? {} : { expression: expression[0] },
  );
}

/** The filters that `matches` and the page apply. */
export const GROUP_FILTERS: ReadonlySet<string> = new Set([
  '_id',
  'identifier',
  'code',
  'characteristic',
  '_lastUpdated',
]);

/** Every Group here has the same code and the same characteristic. */
function matches(group: ClientGroup, { ids, tokens = {} }: SearchQuery): boolean {
  if (ids !== undefined && !ids.includes(group.id)) return false;
  const coded = (list: readonly (readonly Token[])[]): boolean =>
    list.every((any) => any.some((t) => matchesToken(t, MEMBER_ATTRIBUTION, PROVIDER_GROUP_CODE)));
  const identified = (tokens['identifier'] ?? []).every((any) =>
    any.some((t) =>
      identifiersOf(group).some(
        (i) =>
          matchesToken(t, i.system, i.value) ||
          (i.system !== undefined &&
            t.code?.replace('-', '') === i.value &&
            matchesToken({ ...t, code: i.value }, i.system, i.value)),
      ),
    ),
  );
  return identified && coded(tokens['code'] ?? []) && coded(tokens['characteristic'] ?? []);
}
