import { textOf } from '@provider-access/events';
import { Controller, Get, Inject, Param, Req, Res, UseGuards } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Audit, countedBy, membersOf } from '@provider-access/audit';
import type { Decision } from '@provider-access/domain/access';
import { Facts } from '@provider-access/facts';
import {
  isSharedType,
  parseSearch,
  searchsetBundle,
  type FormerSearchQuery as SearchQuery,
} from '@provider-access/kernel/fhir';
import { Refusal, type RefusalKind, REFUSALS } from '@provider-access/kernel';
import { type RecordsReader, SHARED } from '@provider-access/facts/records';
import { requireScope, SmartGuard, type SmartRequest } from '@provider-access/smart';
import { CONFIG, type ResourcesConfig } from '../../config.ts';
import { RECORDS } from '../../projections/index.ts';
import { acceptsJson, FHIR_JSON, servedType } from '../fhir-request.ts';
import { APPLIED, findPage, type Page } from './page.ts';
import { type PageCursor, PageLinks } from './page-links.ts';

const DEFAULT_COUNT = 50;
const MAX_COUNT = 200;
/** Limit of members and ids in one search. Larger reads should use an export. */
const MAX_LISTED = 200;
const PAGE = '_page';
const NOBODY = '?';

/** GET [base]/{type}?…. https://hl7.org/fhir/R4/http.html#search */
@Controller('fhir')
@UseGuards(SmartGuard)
export class SearchController {
  private readonly base: string;
  constructor(
    @Inject(RECORDS) private readonly records: RecordsReader,
    @Inject(Facts) private readonly facts: Facts,
    @Inject(Audit) private readonly audit: Audit,
    @Inject(PageLinks) private readonly links: PageLinks,
    @Inject(CONFIG) config: ResourcesConfig,
  ) {
    this.base = `${config.publicUrl}/fhir`;
  }

  @Get(':type')
  async search(@Param('type') type: string, @Req() request: SmartRequest, @Res() reply: FastifyReply): Promise<void> {
    servedType(type);
    const { client, scopes } = request.smart;
    requireScope(scopes, type, 's');
    acceptsJson(request.headers.accept);
    const { query, text, after, self } = this.understand(request, client, type);
    const count = Math.min(query.count ?? DEFAULT_COUNT, MAX_COUNT);
    const { permitted, refused } = await this.decide(client, query);
    const page =
      permitted.length === 0
        ? { records: [] }
        : await findPage(this.records.views.records, query, permitted, after, count);
    await this.record(client, type, page, permitted, refused);
    const next =
      page.next === undefined
        ? undefined
        : `${this.base}/${type}?${PAGE}=${this.links.write({ client, type, query: text, after: page.next })}`;
    const entries = page.records.map((r) => ({
      fullUrl: `${this.base}/${type}/${r.id}`,
      line: textOf({ value: r.line }),
    }));
    const total = after === undefined && next === undefined ? entries.length : undefined;
    void reply
      .header('content-type', FHIR_JSON)
      .header('cache-control', 'no-store')
      .send(searchsetBundle({ selfUrl: self, nextUrl: next, total, entries }));
  }

  /** Parses the request or its page link. The query is normalised, so that equal searches have equal links. */
  private understand(
    request: SmartRequest,
    client: string,
    type: string,
  ): { query: SearchQuery; text: string; after?: PageCursor; self: string } {
    const mark = request.url.indexOf('?');
    const asked = new URLSearchParams(mark < 0 ? '' : request.url.slice(mark + 1));
    const link = asked.get(PAGE);
    if (link === null) {
      const query = parsed(type, asked);
      const text = normalised(asked);
      return { query, text, self: `${this.base}/${type}${text === '' ? '' : `?${text}`}` };
    }
    const token = asked.size === 1 ? this.links.read(link, client, type) : undefined;
    if (token === undefined)
      throw new Refusal(
        'invalid-value',
        'This page link is not valid: follow the links of a Bundle unchanged, with the client that they were given to.',
        { expression: PAGE },
      );
    return {
      query: parsed(type, new URLSearchParams(token.query)),
      text: token.query,
      after: token.after,
      self: `${this.base}/${type}?${PAGE}=${link}`,
    };
  }

  /** Decides about each member again on every page, because access may have changed since the first page. */
  private async decide(
    client: string,
    query: SearchQuery,
  ): Promise<{ permitted: readonly string[]; refused: readonly { member?: string; reason: string }[] }> {
    const { access } = this.facts;
    if (isSharedType(query.type)) {
      access.assertFresh();
      return { permitted: [SHARED], refused: [] };
    }
    const members = query.patients ?? (await this.holders(query));
    const asked = members.length === 0 ? [NOBODY] : [...new Set(members)].toSorted();
    const decisions = await access.decideMany(client, { kind: 'search' }, asked);
    if (members.length === 0) return { permitted: [], refused: [{ reason: 'unknown-resource' }] };
    const refused = asked.flatMap((member, i) => reasonOf(decisions[i]).map((reason) => ({ member, reason })));
    return { permitted: asked.filter((_, i) => decisions[i]?.permit === true), refused };
  }

  private async holders({ type, ids = [] }: SearchQuery): Promise<readonly string[]> {
    return (await Promise.all(ids.map((id) => this.records.holders(type, id))))
      .flat()
      .filter((member) => member !== SHARED);
  }

  private async record(
    client: string,
    type: string,
    page: Page,
    permitted: readonly string[],
    refused: readonly { member?: string; reason: string }[],
  ): Promise<void> {
    const entries: Promise<void>[] = [];
    if (permitted.length > 0) {
      const given = countedBy(page.records.map((r) => r.member).filter((m) => m !== SHARED));
      entries.push(
        this.audit.record({
          client,
          action: 'search',
          outcome: 'released',
          ...membersOf(given),
          resources: page.records.length,
          types: [type],
        }),
      );
    }
    for (const reason of new Set(refused.map((r) => r.reason))) {
      entries.push(
        this.audit.refuse({
          client,
          action: 'search',
          reason,
          members: refused.flatMap((r) => (r.reason === reason && r.member !== undefined ? [r.member] : [])),
          types: [type],
        }),
      );
    }
    await Promise.all(entries);
  }
}

const reasonOf = (decision: Decision | undefined): string[] =>
  decision === undefined || decision.permit ? [] : [decision.reason];

function parsed(type: string, parameters: URLSearchParams): SearchQuery {
  const result = parseSearch(type, parameters, APPLIED);
  if (!result.ok) {
    const { code, details, expression } = result.issue;
    const kind =
      (Object.keys(REFUSALS) as RefusalKind[]).find((k) => REFUSALS[k].status === 400 && REFUSALS[k].issue === code) ??
      'invalid-request';
    throw new Refusal(
      kind,
      `${details?.text ?? 'The search is not valid.'}.`,
      expression?.[0] === undefined ? {} : { expression: expression[0] },
    );
  }
  const { query } = result;
  if (query.count === 0) throw new Refusal('invalid-value', '_count must be at least 1.', { expression: '_count' });
  if (!isSharedType(type) && query.patients === undefined && query.ids === undefined)
    throw new Refusal('required', 'This search needs patient or _id.', { expression: 'patient' });
  if ((query.patients?.length ?? 0) > MAX_LISTED || (query.ids?.length ?? 0) > MAX_LISTED)
    throw new Refusal('invalid-value', `At most ${MAX_LISTED} ids in one search; use $export for more.`);
  return query;
}

/** Sorts parameters by name. Values of the same name keep their order. */
function normalised(parameters: URLSearchParams): string {
  const copy = new URLSearchParams(parameters);
  copy.sort();
  return copy.toString();
}
