import { z } from 'zod';

/**
 * pa.lists: key is the Group. What is known of a list as a whole; a later statement replaces an earlier one. The topic
 * is not that of the Groups, because an earlier release stops in front of a type that it does not know.
 */
const listIdentifier = z.object({ system: z.string().optional(), value: z.string() });
const listRecorded = z.object({
  group: z.string(),
  status: z.enum(['draft', 'open', 'final']),
  contractSystem: z.string().optional(),
  /** Days in the payer's calendar: the first and the last day of the contract. */
  validFrom: z.string().optional(),
  validTo: z.string().optional(),
  name: z.string().optional(),
  acoIds: z.array(listIdentifier).optional(),
  settlementIds: z.array(listIdentifier).optional(),
  recipient: listIdentifier.optional(),
  /** RFC 3339 instant. */
  businessTime: z.string(),
});
export type ListRecorded = z.infer<typeof listRecorded>;

export const LIST_EVENTS = {
  'pa.list-recorded.v1': { topic: 'pa.lists', schema: listRecorded },
} as const satisfies Record<string, { topic: string; schema: z.ZodType }>;
