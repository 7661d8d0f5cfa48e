import { Controller, Inject } from '@nestjs/common';
import { disclosures, findDisclosures, type StoredDisclosure } from '@provider-access/audit';
import type { ViewReader } from '@provider-access/engines/views';
import { Refusal } from '@provider-access/kernel';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { type Asked, type Audited, jsonObject, operation, Operation } from '@provider-access/service/operation';
import { z } from 'zod';
import { LIMIT, MEMBER_ID, PAGE, time } from './disclosure-fields.ts';
import { cursorOf, documentOf } from './page-cursor.ts';

/** A subject of an identity provider has at most 255 characters. */
const BY_TEXT = 'by must be a name as the audit has it, such as "person u-17".';
const BY = z
  .string(BY_TEXT)
  .regex(/^[\x20-\x7e]{1,300}$/, BY_TEXT)
  .optional();
/** Who of the payer looked at a member, and at whom a person looked (docs/disclosures.md, ADR 0137). */
const LOOKS = operation({
  route: 'GET /ops/disclosures/looks',
  callers: ['auditor', 'compliance'],
  audit: 'explain',
  tag: 'Operations',
  summary: 'List who of the payer looked at a member',
  description:
    "Each answer to the payer's people and systems that named members, and each request that was refused for want " +
    'of a role. It needs `member`, `by` or both. The newest first, in pages. `next` of an answer is the path of the ' +
    'next page, and a page may have fewer entries than `limit`.',
  fields: {
    member: { schema: MEMBER_ID.optional(), description: 'The id of the member. The entries name this member alone.' },
    by: { schema: BY, description: '`person` and the subject of a person, or the name of a token.' },
    since: time('since', 'An instant with a zone: entries that are not before.'),
    until: time('until', 'An instant with a zone: entries that are before.'),
    limit: LIMIT,
    page: PAGE,
  },
  answer: jsonObject('The newest first.'),
  refusals: ['required'],
});

@Controller()
export class LooksController {
  private readonly reader: ViewReader;
  constructor(@Inject(PORTS) { views }: ServicePorts) {
    this.reader = views.reader(disclosures);
  }

  @Operation(LOOKS)
  async list({ query: { member, by, since, until, limit, page } }: Asked<typeof LOOKS>): Promise<Audited> {
    if (member === undefined && by === undefined)
      throw new Refusal('required', 'Name a member, or with by a person, or both.', { expression: 'member' });
    const after = page === undefined ? undefined : documentOf(page);
    const filter = {
      ...(member !== undefined && { member }),
      ...(by !== undefined && { client: by }),
      ...(since !== undefined && { from: since }),
      ...(until !== undefined && { before: until }),
      looks: 'only' as const,
    };
    const { found, next } = await findDisclosures(this.reader, filter, { count: limit, after });
    const looks = found.map((one) => lookOf(one, member));
    const link = new URLSearchParams({
      ...(member !== undefined && { member }),
      ...(by !== undefined && { by }),
      ...(since !== undefined && { since }),
      ...(until !== undefined && { until }),
      limit: String(limit),
      ...(next !== undefined && { page: cursorOf(next) }),
    });
    const named = member === undefined ? [...new Set(looks.flatMap(({ members }) => members))] : [member];
    return {
      audit: [{ hourly: { members: named, resources: 0 } }],
      answer: { json: { looks, ...(next !== undefined && { next: `/ops/disclosures/looks?${link}` }) } },
    };
  }
}

/** A look, as if it named `member` alone. */
function lookOf({ id, disclosure }: StoredDisclosure, member: string | undefined) {
  const { at, client, action, operation: route, person, outcome, reason, types, count, members } = disclosure;
  return {
    id,
    at,
    by: client,
    // Entries of before have no route.
    ...(route === undefined ? { action } : { operation: route }),
    ...(person !== undefined && { person }),
    outcome,
    ...(reason !== undefined && { reason }),
    ...(types !== undefined && { types }),
    ...(count !== undefined && { count }),
    members: member === undefined ? members : [member],
  };
}
