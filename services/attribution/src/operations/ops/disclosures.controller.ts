import { Controller, Inject } from '@nestjs/common';
import {
  ACCOUNTING_POLICY,
  accountingDocument,
  disclosureOf,
  type DisclosureOf,
  disclosures,
  findDisclosures,
  recallsOf,
} from '@provider-access/audit';
import { instant, Refusal } from '@provider-access/kernel';
import { isId, isInstant } from '@provider-access/fhir';
import { JSON_TYPE, PORTS, type ServicePorts } from '@provider-access/service/http';
import { type Answer, type Asked, jsonObject, operation, Operation } from '@provider-access/service/operation';
import type { ViewReader } from '@provider-access/engines/views';
import { z } from 'zod';
import { CONFIG, type AttributionConfig } from '../../config.ts';
import { jsonOf } from './json-body.ts';
import { cursorOf, documentOf, isCursor } from './page-cursor.ts';

const MOST = 1000;
/** Rows of a document at most. A longer one is made in parts, by `since` and `until`. */
const MOST_ROWS = 10_000;
/** Members who are looked up at the same time. */
const AT_ONCE = 50;
const NAMED = 'member is required: an id.';
const MEMBER = {
  schema: z.string(NAMED).refine(isId, NAMED),
  refusal: 'required',
  description: 'The id of the member.',
} as const;
const time = (name: string, description: string) => {
  const text = `${name} must be an RFC 3339 instant with a zone, such as 2026-07-01T00:00:00-05:00.`;
  const schema = z
    .string(text)
    .refine(isInstant, text)
    .transform((value) => instant(Date.parse(value)))
    .optional();
  return { schema, description };
};
const LIMIT_TEXT = `limit must be a whole number from 1 to ${MOST}.`;
const LIMIT = z
  .string(LIMIT_TEXT)
  .regex(/^[1-9]\d{0,3}$/, LIMIT_TEXT)
  .transform(Number)
  .refine((n) => n <= MOST, LIMIT_TEXT)
  .default(MOST);
const PAGE_TEXT = 'page is not valid: follow the next link of an answer unchanged.';

const PAGE = z.string(PAGE_TEXT).refine(isCursor, PAGE_TEXT).optional();

const COMMON = { callers: ['auditor', 'call-centre'], tag: 'Operations' } as const;
/** What was released or refused about a member, for `pa disclosures` (docs/disclosures.md). */
const LIST = operation({
  ...COMMON,
  route: 'GET /ops/disclosures',
  summary: 'List what was released or refused about a member',
  description: 'The newest first, in pages. `next` of an answer is the path of the next page.',
  fields: {
    member: MEMBER,
    since: time('since', 'An instant with a zone: entries that are not before.'),
    until: time('until', 'An instant with a zone: entries that are before.'),
    limit: { schema: LIMIT, description: 'Entries of a page, at most 1000, which is the default.' },
    page: { schema: PAGE, description: 'From the `next` of an answer.' },
  },
  answer: jsonObject('The newest first.'),
});
const SINCE_TEXT = 'since must be an RFC 3339 instant with a zone.';
const MEMBERS_TEXT = `members is a list of at most ${MOST} ids.`;
const AMONG = z.strictObject({
  since: z.string(SINCE_TEXT).refine(isInstant, SINCE_TEXT),
  members: z.array(z.string(MEMBERS_TEXT).refine(isId, MEMBERS_TEXT), MEMBERS_TEXT).max(MOST, MEMBERS_TEXT),
});
/** For a list about many members, most of whom nobody has looked at (`pa undo`). */
const RELEASED_AMONG = operation({
  ...COMMON,
  callers: ['auditor'],
  route: 'POST /ops/disclosures/members',
  summary: 'Tell of which members anything was released since an instant',
  body: {
    required: true,
    content: {
      [JSON_TYPE]: {
        schema: AMONG,
        fields: { since: 'An instant with a zone: releases that are not before.', members: 'Ids of members.' },
      },
    },
  },
  answer: jsonObject('Those of the members, in their order.'),
  refusals: ['invalid-request'],
});
/** 45 CFR 164.528, as a page to print or to hand over. */
const DOCUMENT = operation({
  ...COMMON,
  route: 'GET /ops/disclosures/document',
  summary: 'Print an accounting of disclosures',
  description: 'What 45 CFR 164.528 asks for: date, recipient, content and purpose of each release.',
  fields: {
    member: MEMBER,
    since: time('since', 'An instant with a zone. Default: the first entry.'),
    until: time('until', 'An instant with a zone. Default: now.'),
  },
  answer: {
    description: 'A page that needs nothing from outside.',
    type: 'text/html',
    schema: { type: 'string' },
  },
  refusals: ['too-costly'],
});
const AS_PAGE = {
  // A policy in the page itself cannot forbid frames.
  'content-security-policy': `${ACCOUNTING_POLICY}; frame-ancestors 'none'`,
  'content-disposition': 'inline; filename="accounting-of-disclosures.html"',
};

@Controller()
export class DisclosuresController {
  private readonly reader: ViewReader;
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(CONFIG) private readonly config: AttributionConfig,
  ) {
    this.reader = ports.views.reader(disclosures);
  }

  @Operation(LIST)
  async list({ query: { member, since, until, limit, page } }: Asked<typeof LIST>): Promise<Answer> {
    const after = page === undefined ? undefined : documentOf(page);
    const filter = { member, from: since, before: until };
    const recalls = await recallsOf(this.reader, member);
    const { found, next } = await findDisclosures(this.reader, filter, { count: limit, after });
    const link = new URLSearchParams({
      member,
      ...(since !== undefined && { since }),
      ...(until !== undefined && { until }),
      limit: String(limit),
      ...(next !== undefined && { page: cursorOf(next) }),
    });
    return {
      json: {
        member,
        disclosures: found.map((one) => disclosureOf(one, member, recalls)),
        ...(next !== undefined && { next: `/ops/disclosures?${link}` }),
      },
    };
  }

  @Operation(RELEASED_AMONG)
  async among({ body }: Asked<typeof RELEASED_AMONG>): Promise<Answer> {
    const read = AMONG.safeParse(jsonOf(body));
    if (!read.success) throw new Refusal('invalid-request', read.error.issues.map(({ message }) => message).join('; '));
    const { members } = read.data;
    const from = instant(Date.parse(read.data.since));
    const found: string[] = [];
    for (let at = 0; at < members.length; at += AT_ONCE) {
      const some = members.slice(at, at + AT_ONCE);
      const newest = await Promise.all(
        some.map((member) => findDisclosures(this.reader, { member, from, outcome: 'released' }, { count: 1 })),
      );
      found.push(...some.filter((_, n) => newest[n]!.found.length > 0));
    }
    return { json: { members: found } };
  }

  @Operation(DOCUMENT)
  async document({ query: { member, since, until } }: Asked<typeof DOCUMENT>): Promise<Answer> {
    const filter = { member, from: since, before: until, outcome: 'released' as const };
    const rows: DisclosureOf[] = [];
    const recalls = await recallsOf(this.reader, member);
    for (let after: string | undefined; ;) {
      const { found, next } = await findDisclosures(this.reader, filter, { count: MOST, after });
      for (const one of found) rows.push(disclosureOf(one, member, recalls));
      if (next === undefined) break;
      if (rows.length >= MOST_ROWS)
        throw new Refusal(
          'too-costly',
          `The member has more than ${MOST_ROWS} disclosures. Name a shorter period with since and until.`,
        );
      after = next;
    }
    const body = accountingDocument({
      member,
      payer: this.config.payerName,
      since,
      until,
      madeAt: instant(this.ports.clock.now()),
      disclosures: rows,
    });
    return { headers: AS_PAGE, body };
  }
}
