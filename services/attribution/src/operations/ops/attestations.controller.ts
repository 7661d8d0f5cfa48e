import { Controller, Inject } from '@nestjs/common';
import { isNpi } from '@provider-access/events';
import { isId } from '@provider-access/fhir';
import { isPerson, Refusal } from '@provider-access/kernel';
import { JSON_TYPE } from '@provider-access/service/http';
import {
  type Answer,
  type Asked,
  type Audited,
  jsonObject,
  operation,
  Operation,
} from '@provider-access/service/operation';
import { z } from 'zod';
import { Attestations, type Place } from '../attestations.ts';
import { jsonOf } from './json-body.ts';

const MOST = 500;
const text = (name: string): string => `${name} must be an id.`;
const ID = (name: string) => z.string(text(name)).refine(isId, text(name)).optional();
const CLIENT_TEXT = 'client must be the client_id of an app.';
const CLIENT = z
  .string(CLIENT_TEXT)
  .regex(/^[\w.~-]{1,100}$/, CLIENT_TEXT)
  .optional();
const NPI_TEXT = 'npi must be an NPI: ten digits with a check digit.';
const LIMIT_TEXT = `limit must be a whole number from 1 to ${MOST}.`;
const LIMIT = z
  .string(LIMIT_TEXT)
  .regex(/^[1-9]\d{0,2}$/, LIMIT_TEXT)
  .transform(Number)
  .refine((n) => n <= MOST, LIMIT_TEXT)
  .default(MOST);
const PAGE_TEXT = 'page is not valid: follow the next link of an answer unchanged.';
const PAGE = z
  .string(PAGE_TEXT)
  .max(600, PAGE_TEXT)
  .refine((page) => placeOf(page) !== undefined, PAGE_TEXT)
  .optional();

const PLACE = z.strictObject({ values: z.array(z.string().max(100)).max(2), id: z.string().max(200) });
function placeOf(page: string | undefined): Place | undefined {
  if (page === undefined) return undefined;
  try {
    return PLACE.safeParse(JSON.parse(Buffer.from(page, 'base64url').toString())).data;
  } catch {
    return undefined;
  }
}
const linkOf = (path: string, query: Readonly<Record<string, string | undefined>>, next: Place | undefined) => {
  if (next === undefined) return {};
  const given = Object.entries(query).filter((pair): pair is [string, string] => pair[1] !== undefined);
  const page = Buffer.from(JSON.stringify(next)).toString('base64url');
  return { next: `${path}?${new URLSearchParams([...given, ['page', page]])}` };
};

const COMMON = { callers: ['auditor'], tag: 'Operations' } as const;
const PAGES = {
  limit: { schema: LIMIT, description: `Rows of a page, at most ${MOST}, which is the default.` },
  page: { schema: PAGE, description: 'From the `next` of an answer.' },
} as const;
/** Who attested whom, and when (MATCH.md M78), for `pa attestations`. */
const LIST = operation({
  ...COMMON,
  route: 'GET /ops/attestations',
  audit: 'explain',
  summary: 'List what providers attested',
  description:
    'The newest first, in pages. One of `group`, `member`, `npi` and `client` restricts the list. `next` is the path ' +
    'of the next page. It names members by their ids.',
  fields: {
    group: { schema: ID('group'), description: 'The id of a matched Group.' },
    member: { schema: ID('member'), description: 'The id of a member.' },
    npi: {
      schema: z.string(NPI_TEXT).refine(isNpi, NPI_TEXT).optional(),
      description: 'Of the provider who attested.',
    },
    client: { schema: CLIENT, description: 'The `client_id` of the app.' },
    ...PAGES,
  },
  answer: jsonObject('The attestations of the page.'),
  refusals: ['invalid-request'],
});
/** How many of those that an app submitted matched, and who attested. It names no member. */
const MATCHES = operation({
  ...COMMON,
  callers: ['auditor', 'compliance'],
  route: 'GET /ops/attestations/matches',
  summary: 'List the results of matches',
  description: 'The newest first, in pages: who attested, and how many of the submitted patients matched.',
  fields: PAGES,
  answer: jsonObject('The results of the page.'),
});
const NOTE_TEXT = 'reason is required: why the attestations are withdrawn, in at most 500 characters.';
const WHAT_TEXT = 'group or member is required: what is withdrawn.';
const WITHDRAWAL = z
  .strictObject({
    group: ID('group'),
    member: ID('member'),
    client: CLIENT,
    reason: z.string(NOTE_TEXT).trim().min(1, NOTE_TEXT).max(500, NOTE_TEXT),
    by: z.string('by is a text.').max(100, 'by has at most 100 characters.').optional(),
  })
  .refine(({ group, member }) => group !== undefined || member !== undefined, WHAT_TEXT);
const WITHDRAW = operation({
  ...COMMON,
  callers: ['compliance'],
  route: 'POST /ops/attestations/withdrawals',
  audit: 'explain',
  summary: 'Withdraw what providers attested',
  description:
    'Ends the attestations of a matched Group, of a member, or of both. `effective` of the answer says that every ' +
    'process applies it. A second withdrawal changes nothing.',
  body: {
    required: true,
    content: {
      [JSON_TYPE]: {
        schema: WITHDRAWAL,
        fields: {
          group: 'The id of a matched Group: all of its members.',
          member: 'The id of a member.',
          client: 'Only what this app got.',
          reason: 'Why. The log keeps it.',
          by: 'Who withdraws it.',
        },
      },
    },
  },
  answer: jsonObject('How many attestations were withdrawn.'),
  refusals: ['invalid-request', 'unavailable'],
});

/** What the payer sees of attestations, and their withdrawal (docs/adr/0124-attestations.md). */
@Controller()
export class AttestationsController {
  constructor(@Inject(Attestations) private readonly attestations: Attestations) {}

  @Operation(LIST)
  async list({ query: { limit, page, ...asked } }: Asked<typeof LIST>): Promise<Audited> {
    const [only, more] = Object.entries(asked).filter(
      (pair): pair is [keyof typeof asked, string] => pair[1] !== undefined,
    );
    if (more !== undefined) throw new Refusal('invalid-request', 'Give one of group, member, npi and client.');
    const { rows, next } = await this.attestations.page(only, limit, placeOf(page));
    return {
      audit: [{ released: { members: [...new Set(rows.map(({ member }) => member))], resources: 0 } }],
      answer: {
        json: { attestations: rows, ...linkOf('/ops/attestations', { ...asked, limit: String(limit) }, next) },
      },
    };
  }

  @Operation(MATCHES)
  async matches({ query: { limit, page } }: Asked<typeof MATCHES>): Promise<Answer> {
    const { rows, next } = await this.attestations.matches(limit, placeOf(page));
    return { json: { matches: rows, ...linkOf('/ops/attestations/matches', { limit: String(limit) }, next) } };
  }

  @Operation(WITHDRAW)
  async withdraw({ body, caller }: Asked<typeof WITHDRAW>): Promise<Audited> {
    const parsed = WITHDRAWAL.safeParse(jsonOf(body));
    if (!parsed.success) throw new Refusal('invalid-request', parsed.error.issues[0]!.message);
    // A person cannot withdraw in the name of another one.
    const by = isPerson(caller) ? { by: caller.name } : {};
    const { members, ...json } = await this.attestations.withdraw({ ...parsed.data, ...by });
    return { audit: [{ released: { members: [...members], resources: 0 } }], answer: { json } };
  }
}
