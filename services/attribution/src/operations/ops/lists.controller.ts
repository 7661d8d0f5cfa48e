import { Controller, Inject } from '@nestjs/common';
import { isId } from '@provider-access/fhir';
import { type Answer, type Asked, jsonObject, operation, Operation } from '@provider-access/service/operation';
import { z } from 'zod';
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

@Controller()
export class ListsController {
  constructor(@Inject(ListDemands) private readonly demands: ListDemands) {}

  @Operation(LISTS)
  async list({ query: { page } }: Asked<typeof LISTS>): Promise<Answer> {
    const { lists, next } = await this.demands.page(MOST, page);
    const link = next === undefined ? {} : { next: `/ops/lists?${new URLSearchParams({ page: next })}` };
    return { json: { lists, ...link } };
  }
}
