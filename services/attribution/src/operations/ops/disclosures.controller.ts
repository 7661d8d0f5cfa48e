import { Controller, Get, Header, Inject, Query, UseGuards } from '@nestjs/common';
import {
  ACCOUNTING_POLICY,
  accountingDocument,
  type DisclosureFilter,
  disclosureOf,
  type DisclosureOf,
  disclosures,
  findDisclosures,
} from '@provider-access/audit';
import { instant, Refusal } from '@provider-access/kernel';
import { isId, isInstant } from '@provider-access/kernel/fhir';
import { PORTS, type ServicePorts, zodPipe } from '@provider-access/service/http';
import { StaticTokenGuard } from '@provider-access/smart';
import type { ViewReader } from '@provider-access/engines/views';
import { z } from 'zod';
import { CONFIG, type AttributionConfig } from '../../config.ts';
import { cursorOf, documentOf, isCursor } from './page-cursor.ts';

const MOST = 1000;
/** Rows of a document at most. A longer one is made in parts, by `since` and `until`. */
const MOST_ROWS = 10_000;
const NAMED = 'member is required: an id.';
const MEMBER = zodPipe('required', z.string(NAMED).refine(isId, NAMED));
const time = (name: string) => {
  const text = `${name} must be an RFC 3339 instant with a zone, such as 2026-07-01T00:00:00-05:00.`;
  return zodPipe(
    'invalid-value',
    z
      .string(text)
      .refine(isInstant, text)
      .transform((value) => instant(Date.parse(value)))
      .optional(),
  );
};
const LIMIT_TEXT = `limit must be a whole number from 1 to ${MOST}.`;
const LIMIT = z
  .string(LIMIT_TEXT)
  .regex(/^[1-9]\d{0,3}$/, LIMIT_TEXT)
  .transform(Number)
  .refine((n) => n <= MOST, LIMIT_TEXT)
  .default(MOST);
const PAGE_TEXT = 'page is not valid: follow the next link of an answer unchanged.';

/** What was released or refused about a member: the answers for `pa disclosures` (docs/disclosures.md). */
@Controller('ops/disclosures')
@UseGuards(StaticTokenGuard('administrator'))
export class DisclosuresController {
  private readonly reader: ViewReader;
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(CONFIG) private readonly config: AttributionConfig,
  ) {
    this.reader = ports.views.reader(disclosures);
  }

  /** The newest first. `next` is a path on this server. */
  @Get()
  @Header('content-type', 'application/json; charset=utf-8')
  @Header('cache-control', 'no-store')
  async list(
    @Query('member', MEMBER) member: string,
    @Query('since', time('since')) since: string | undefined,
    @Query('until', time('until')) until: string | undefined,
    @Query('limit', zodPipe('invalid-value', LIMIT)) limit: number,
    @Query('page', zodPipe('invalid-value', z.string(PAGE_TEXT).refine(isCursor, PAGE_TEXT).optional()))
    page: string | undefined,
  ): Promise<string> {
    const after = page === undefined ? undefined : documentOf(page);
    const { found, next } = await findDisclosures(this.reader, within(member, since, until), { count: limit, after });
    const link = new URLSearchParams({
      member,
      ...(since !== undefined && { since }),
      ...(until !== undefined && { until }),
      limit: String(limit),
      ...(next !== undefined && { page: cursorOf(next) }),
    });
    return JSON.stringify({
      member,
      disclosures: found.map((one) => disclosureOf(one, member)),
      ...(next !== undefined && { next: `/ops/disclosures?${link}` }),
    });
  }

  /** 45 CFR 164.528, as a page to print or to hand over. */
  @Get('document')
  @Header('content-type', 'text/html; charset=utf-8')
  @Header('content-security-policy', ACCOUNTING_POLICY)
  @Header('content-disposition', 'inline; filename="accounting-of-disclosures.html"')
  @Header('cache-control', 'no-store')
  async document(
    @Query('member', MEMBER) member: string,
    @Query('since', time('since')) since: string | undefined,
    @Query('until', time('until')) until: string | undefined,
  ): Promise<string> {
    const filter = { ...within(member, since, until), outcome: 'released' as const };
    const rows: DisclosureOf[] = [];
    for (let after: string | undefined; ;) {
      const { found, next } = await findDisclosures(this.reader, filter, { count: MOST, after });
      for (const one of found) rows.push(disclosureOf(one, member));
      if (next === undefined) break;
      if (rows.length >= MOST_ROWS)
        throw new Refusal(
          'too-costly',
          `The member has more than ${MOST_ROWS} disclosures. Name a shorter period with since and until.`,
        );
      after = next;
    }
    return accountingDocument({
      member,
      payer: this.config.payerName,
      since,
      until,
      madeAt: instant(this.ports.clock.now()),
      disclosures: rows,
    });
  }
}

const within = (member: string, from: string | undefined, before: string | undefined): DisclosureFilter => ({
  member,
  ...(from !== undefined && { from }),
  ...(before !== undefined && { before }),
});
