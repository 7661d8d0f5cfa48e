import { Controller, Inject } from '@nestjs/common';
import { isId } from '@provider-access/fhir';
import { type Asked, type Audited, jsonObject, operation, Operation } from '@provider-access/service/operation';
import { z } from 'zod';
import { CONFIG, type ResourcesConfig } from '../../config.ts';
import { DueReviews } from './due-reviews.ts';

const MOST = 500;
const LIMIT_TEXT = `limit must be a whole number from 1 to ${MOST}.`;
const PAGE_TEXT = 'page is not valid: follow the next link of an answer unchanged.';
const memberIn = (cursor: string): string | undefined => {
  const member = Buffer.from(cursor, 'base64url').toString();
  return isId(member) ? member : undefined;
};

/** Which statements of representatives a person must look at again, for `pa reviews` (docs/opt-outs.md). */
const REVIEWS = operation({
  route: 'GET /ops/reviews',
  callers: ['call-centre', 'compliance'],
  audit: 'explain',
  tag: 'Operations',
  summary: "List the representatives' decisions that are due for a review",
  description:
    'A decision is due when the authority of its representative has ended, and when a member for whom it was made as ' +
    'a minor may have come of age (`AGE_OF_MAJORITY`). In pages, by member. `next` of an answer is the path of the ' +
    "next page, and a page may be empty. Days are those of the payer's calendar (`BUSINESS_TIME_ZONE`). A review " +
    'changes nothing: the decision stays until the payer publishes another one.',
  fields: {
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
        .refine((text) => memberIn(text) !== undefined, PAGE_TEXT)
        .optional(),
      description: 'From the `next` of an answer.',
    },
  },
  answer: jsonObject('The decisions of the page.'),
});

@Controller()
export class ReviewsController {
  constructor(
    @Inject(DueReviews) private readonly due: DueReviews,
    @Inject(CONFIG) private readonly config: ResourcesConfig,
  ) {}

  @Operation(REVIEWS)
  async list({ query: { limit, page } }: Asked<typeof REVIEWS>): Promise<Audited> {
    const { rows, next } = await this.due.page(limit, page === undefined ? undefined : memberIn(page));
    const cursor = next === undefined ? undefined : Buffer.from(next).toString('base64url');
    const link = cursor && `/ops/reviews?${new URLSearchParams({ limit: String(limit), page: cursor })}`;
    return {
      audit: [{ released: { members: [...new Set(rows.map(({ member }) => member))], resources: rows.length } }],
      answer: {
        json: {
          today: this.due.today(),
          ageOfMajority: this.config.ageOfMajority,
          reviews: rows,
          ...(link !== undefined && { next: link }),
        },
      },
    };
  }
}
