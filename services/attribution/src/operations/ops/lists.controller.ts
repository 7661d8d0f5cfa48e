import { Controller, Inject } from '@nestjs/common';
import { isId } from '@provider-access/fhir';
import { Refusal } from '@provider-access/kernel';
import {
  type Answer,
  type Asked,
  type Audited,
  jsonObject,
  operation,
  Operation,
} from '@provider-access/service/operation';
import { z } from 'zod';
import { CLIENT } from './explain-fields.ts';
import { FUNNEL_STEPS, type FunnelStep, GroupFunnel, MOST_LOOKED, MOST_NAMED } from './group-funnel.ts';
import { ListDemands } from './list-demands.ts';

/** Members after which a page ends. */
const MOST = 2000;
const PAGE_TEXT = 'page is not valid: follow the next link of an answer unchanged.';

/** What the Patients and Coverages of lists lack, for `pa feeds --lists` (docs/feeds.md). */
const LISTS = operation({
  route: 'GET /ops/lists',
  callers: ['payer', 'engineer', 'compliance'],
  tag: 'Operations',
  summary: 'Tell what the members of each list lack',
  description:
    'For each Group, how many members whose attribution is in force lack what ATR demands of Patient and Coverage. ' +
    '`next` of an answer is the path of the next page. It names no member.',
  fields: {
    page: {
      schema: z
        .string(PAGE_TEXT)
        .refine((text) => isId(text), PAGE_TEXT)
        .optional(),
      description: 'From the `next` of an answer.',
    },
  },
  answer: jsonObject('The lists of the page.'),
  refusals: ['unavailable'],
});

const memberIn = (cursor: string): string => Buffer.from(cursor, 'base64url').toString();
const STEP_TEXT = `step must be one of ${FUNNEL_STEPS.join(', ')}.`;
/** Why a Group is empty (docs/engineer-page.md#why-is-this-group-empty). */
const FUNNEL = operation({
  route: 'GET /ops/lists/{group}/funnel',
  callers: ['engineer'],
  audit: 'explain',
  tag: 'Operations',
  summary: 'Tell why the members of a Group are not seen',
  description:
    'Of everybody who was ever on the list, how many pass each step of the decision of `GET /ops/explain`, and for ' +
    'which reason it loses the others. Without `client`, an app of any provider of the Group is decided for. An ' +
    `answer is about at most ${MOST_LOOKED} members. \`next\` is the path of the rest, and the numbers of all ` +
    'answers add up. With `step` it names members, and the audit names them before.',
  parameters: { group: 'The id of the Group, as `GET /ops/lists` names it, or of a matched Group.' },
  fields: {
    client: { schema: CLIENT.optional(), description: 'Decide for this app. Default: any app of the providers.' },
    step: {
      schema: z.enum(FUNNEL_STEPS, STEP_TEXT).optional(),
      description:
        `Name the members whom this step loses, at most ${MOST_NAMED} in an answer. \`exported\` loses those whom ` +
        'no app has downloaded, and `listed` names everybody.',
    },
    page: {
      schema: z
        .string(PAGE_TEXT)
        .refine((text) => isId(memberIn(text)), PAGE_TEXT)
        .optional(),
      description: 'From the `next` of an answer.',
    },
  },
  answer: jsonObject('The steps, with the number of members that pass each.'),
  refusals: ['not-found', 'unavailable'],
});

@Controller()
export class ListsController {
  constructor(
    @Inject(ListDemands) private readonly demands: ListDemands,
    @Inject(GroupFunnel) private readonly funnels: GroupFunnel,
  ) {}

  @Operation(LISTS)
  async list({ query: { page } }: Asked<typeof LISTS>): Promise<Answer> {
    const { lists, next } = await this.demands.page(MOST, page);
    const link = next === undefined ? {} : { next: `/ops/lists?${new URLSearchParams({ page: next })}` };
    return { json: { lists, ...link } };
  }
  @Operation(FUNNEL)
  async funnel({ params: { group }, query: { client, step, page } }: Asked<typeof FUNNEL>): Promise<Audited> {
    const after = page === undefined ? undefined : memberIn(page);
    const found = await this.funnels.of(group, { client, step, after });
    if (found === undefined) throw new Refusal('not-found', 'There is no Group with this id.');
    const { last, ...funnel } = found;
    const named = funnel.members?.map(({ member }) => member) ?? [];
    return {
      // The path of the next page names a member, too.
      audit: [{ released: { members: last === undefined ? named : [...named, last], resources: 0, group } }],
      answer: { json: { ...funnel, ...(last !== undefined && { next: nextOf(group, { client, step }, last) }) } },
    };
  }
}

function nextOf(
  group: string,
  { client, step }: { readonly client: string | undefined; readonly step: FunnelStep | undefined },
  last: string,
): string {
  const query = new URLSearchParams({
    ...(client !== undefined && { client }),
    ...(step !== undefined && { step }),
    page: Buffer.from(last).toString('base64url'),
  });
  return `/ops/lists/${group}/funnel?${query}`;
}
