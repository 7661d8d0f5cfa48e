import { Controller, Inject } from '@nestjs/common';
import {
  ACCOUNTING_POLICY,
  accountingDocument,
  disclosureOf,
  type DisclosureOf,
  disclosures,
  findDisclosures,
  isDisclosure,
  recallsOf,
} from '@provider-access/audit';
import { type Caller, instant, MEMBER as OF_LINK, Refusal, PAGE_LANGUAGES } from '@provider-access/kernel';
import { isId, isInstant } from '@provider-access/fhir';
import type { ProviderKey } from '@provider-access/events';
import { PayerDirectory } from '@provider-access/records';
import { JSON_TYPE, PORTS, type ServicePorts } from '@provider-access/service/http';
import { type Asked, type Audited, jsonObject, operation, Operation } from '@provider-access/service/operation';
import type { ViewReader } from '@provider-access/engines/views';
import { z } from 'zod';
import { CONFIG, type AttributionConfig } from '../../config.ts';
import { LIMIT, MEMBER_ID, MOST, NAMED, PAGE, time } from './disclosure-fields.ts';
import { jsonOf } from './json-body.ts';
import { cursorOf, documentOf } from './page-cursor.ts';

/** Rows of a document at most. A longer one is made in parts, by `since` and `until`. */
const MOST_ROWS = 10_000;
/** Members who are looked up at the same time. */
const AT_ONCE = 50;
const COMMON = { callers: ['auditor', 'call-centre', OF_LINK], audit: 'explain', tag: 'Operations' } as const;
const MEMBER = {
  schema: MEMBER_ID.optional(),
  refusal: 'required',
  description: 'The id of the member. Only the page of a member may leave it out.',
} as const;
/** @throws Refusal 400 without a member, 403 if a member asks about another one */
function memberFor({ member: own }: Caller, named: string | undefined): string {
  const member = named ?? own?.id;
  if (member === undefined) throw new Refusal('required', NAMED);
  if (own !== undefined && own.id !== member) throw new Refusal('forbidden', 'The session is for another member.');
  return member;
}
/** A member sees who had access, and no refusals. */
const outcomeFor = ({ member }: Caller): { readonly outcome?: 'released' } =>
  member === undefined ? {} : { outcome: 'released' };
/** What was released or refused about a member, for `pa disclosures` (docs/disclosures.md). */
const LIST = operation({
  ...COMMON,
  route: 'GET /ops/disclosures',
  summary: 'List what was released or refused about a member',
  description:
    'The newest first, in pages. `next` of an answer is the path of the next page. What the payer itself looked at ' +
    'is in `/ops/disclosures/looks`. `names` has the providers of an app as the directory of the payer names them ' +
    'now. A member sees what was given to somebody outside alone, so a page may have ' +
    'fewer entries than `limit`.',
  fields: {
    member: MEMBER,
    since: time('since', 'An instant with a zone: entries that are not before.'),
    until: time('until', 'An instant with a zone: entries that are before.'),
    limit: LIMIT,
    page: PAGE,
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
const LANGUAGE_TEXT = `lang must be ${PAGE_LANGUAGES.join(' or ')}.`;
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
    lang: {
      schema: z.enum(PAGE_LANGUAGES, LANGUAGE_TEXT).default('en'),
      description: 'The language of the texts: `en`, the default, or `es`. Types, codes and names stay as they are.',
    },
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
    @Inject(PayerDirectory) private readonly directory: Pick<PayerDirectory, 'namesOf'>,
  ) {
    this.reader = ports.views.reader(disclosures);
  }

  @Operation(LIST)
  async list({ query, caller }: Asked<typeof LIST>): Promise<Audited> {
    const { since, until, limit, page } = query;
    const member = memberFor(caller, query.member);
    const after = page === undefined ? undefined : documentOf(page);
    const filter = { member, from: since, before: until, looks: 'without' as const, ...outcomeFor(caller) };
    const recalls = await recallsOf(this.reader, member);
    const { found, next } = await findDisclosures(this.reader, filter, { count: limit, after });
    const link = new URLSearchParams({
      member,
      ...(since !== undefined && { since }),
      ...(until !== undefined && { until }),
      limit: String(limit),
      ...(next !== undefined && { page: cursorOf(next) }),
    });
    const shown = found
      .map((one) => disclosureOf(one, member, recalls))
      .filter((one) => caller.member === undefined || isDisclosure(one));
    const json = {
      member,
      disclosures: await this.named(shown),
      ...(next !== undefined && { next: `/ops/disclosures?${link}` }),
    };
    return { audit: [{ hourly: { members: [member], resources: 0 } }], answer: { json } };
  }

  /** Each one with the names of its providers. One query for each provider of the page. */
  private async named(disclosed: readonly DisclosureOf[]): Promise<readonly DisclosureOf[]> {
    const providersOf = ({ agent }: DisclosureOf): readonly ProviderKey[] => (agent?.providers ?? []) as ProviderKey[];
    const names = await this.directory.namesOf(disclosed.flatMap(providersOf));
    return disclosed.map((one) => {
      const own = providersOf(one).filter((provider) => names.has(provider));
      if (own.length === 0) return one;
      return { ...one, names: Object.fromEntries(own.map((provider) => [provider, names.get(provider)!])) };
    });
  }

  @Operation(RELEASED_AMONG)
  async among({ body }: Asked<typeof RELEASED_AMONG>): Promise<Audited> {
    const read = AMONG.safeParse(jsonOf(body));
    if (!read.success) throw new Refusal('invalid-request', read.error.issues.map(({ message }) => message).join('; '));
    const { members } = read.data;
    const from = instant(Date.parse(read.data.since));
    const found: string[] = [];
    for (let at = 0; at < members.length; at += AT_ONCE) {
      const some = members.slice(at, at + AT_ONCE);
      const given = await Promise.all(some.map((member) => this.isReleased(member, from)));
      found.push(...some.filter((_, n) => given[n]));
    }
    return {
      audit: [{ hourly: { members: [...new Set(members)], resources: 0 } }],
      answer: { json: { members: found } },
    };
  }

  private async isReleased(member: string, from: string): Promise<boolean> {
    const filter = { member, from, outcome: 'released', looks: 'without' } as const;
    // A page ends before its first release, if there are very many looks in front of it.
    for (let after: string | undefined; ;) {
      const { found, next } = await findDisclosures(this.reader, filter, { count: 1, after });
      if (found.length > 0 || next === undefined) return found.length > 0;
      after = next;
    }
  }

  @Operation(DOCUMENT)
  async document({ query, caller }: Asked<typeof DOCUMENT>): Promise<Audited> {
    const { since, until, lang } = query;
    const member = memberFor(caller, query.member);
    const filter = { member, from: since, before: until, outcome: 'released', looks: 'without' } as const;
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
      language: lang,
      payer: this.config.payerName,
      since,
      until,
      madeAt: instant(this.ports.clock.now()),
      disclosures: await this.named(rows),
    });
    return {
      audit: [{ released: { members: [member], resources: 0 } }],
      answer: { headers: AS_PAGE, body },
    };
  }
}
