import { Controller, Inject } from '@nestjs/common';
import { isId } from '@provider-access/fhir';
import { Refusal } from '@provider-access/kernel';
import { isIsoDate } from '@provider-access/domain/pdex/service-levels';
import { type Asked, type Audited, jsonObject, operation, Operation } from '@provider-access/service/operation';
import { z } from 'zod';
import { DueNotices, type DuePlace } from '../../notices/due-notices.ts';

const MOST = 500;
const UNTIL_TEXT = 'until must be a day such as 2027-01-31.';
const LIMIT_TEXT = `limit must be a whole number from 1 to ${MOST}.`;
const PAGE_TEXT = 'page is not valid: follow the next link of an answer unchanged.';
const MEMBER_TEXT = 'member must be an id.';
const placeOf = (cursor: string): DuePlace | undefined => {
  const [due, id, ...more] = Buffer.from(cursor, 'base64url').toString().split('/');
  if (due === undefined || id === undefined || more.length > 0 || !isIsoDate(due)) return undefined;
  return /^[A-Za-z0-9.-]{1,64}$/.test(id) ? [due, id] : undefined;
};

/** Which notices the payer's mail house must send, for `pa notices due` (docs/notices.md). */
const DUE = operation({
  route: 'GET /ops/notices',
  callers: ['payer', 'call-centre', 'compliance'],
  audit: 'explain',
  tag: 'Operations',
  summary: 'List the notices that members must get',
  description:
    'In pages, each by due day. `next` of an answer is the path of the next page, and a page may be empty. Days are ' +
    "those of the payer's calendar (`BUSINESS_TIME_ZONE`). It names members by their ids, and has no addresses.",
  fields: {
    member: {
      schema: z.string(MEMBER_TEXT).refine(isId, MEMBER_TEXT).optional(),
      description:
        'Only of this member, without pages: what is due, whenever that is, and `sent`, what was sent and what of it ' +
        'came back (`returned`).',
    },
    until: {
      schema: z.string(UNTIL_TEXT).refine(isIsoDate, UNTIL_TEXT).optional(),
      description: 'Notices that are due on this day or before. Default: today; of one member, whenever.',
    },
    limit: {
      schema: z
        .string(LIMIT_TEXT)
        .regex(/^[1-9]\d{0,2}$/, LIMIT_TEXT)
        .transform(Number)
        .refine((n) => n <= MOST, LIMIT_TEXT)
        .default(MOST),
      description: 'Members that a page looks at, at most 500, which is the default.',
    },
    page: {
      schema: z
        .string(PAGE_TEXT)
        .max(200, PAGE_TEXT)
        .refine((text) => placeOf(text) !== undefined, PAGE_TEXT)
        .optional(),
      description: 'From the `next` of an answer.',
    },
  },
  answer: jsonObject('The notices of the page.'),
});

@Controller()
export class NoticesController {
  constructor(@Inject(DueNotices) private readonly due: DueNotices) {}

  @Operation(DUE)
  async list({ query: { member, until, limit, page } }: Asked<typeof DUE>): Promise<Audited> {
    const today = this.due.today();
    if (member !== undefined && page !== undefined)
      throw new Refusal('invalid-value', 'member cannot be with page: the answer about one member has no pages.');
    if (member !== undefined) return this.ofMember(member, until, today);
    const last = until ?? today;
    const { rows, next } = await this.due.page(last, limit, page === undefined ? undefined : placeOf(page));
    const link = (place: DuePlace): string => {
      const cursor = Buffer.from(place.join('/')).toString('base64url');
      return `/ops/notices?${new URLSearchParams({ until: last, limit: String(limit), page: cursor })}`;
    };
    return {
      audit: [{ hourly: { members: [...new Set(rows.map(({ member }) => member))], resources: 0 } }],
      answer: { json: { today, until: last, notices: rows, ...(next !== undefined && { next: link(next) }) } },
    };
  }

  private async ofMember(member: string, until: string | undefined, today: string): Promise<Audited> {
    const { rows, sent } = await this.due.ofMember(member, until);
    const json = { today, ...(until !== undefined && { until }), notices: rows, sent };
    return { audit: [{ hourly: { members: [member], resources: 0 } }], answer: { json } };
  }
}
