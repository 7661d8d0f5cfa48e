import { isId, isInstant } from '@provider-access/fhir';
import { instant } from '@provider-access/kernel';
import { z } from 'zod';
import { isCursor } from './page-cursor.ts';

/** Parameters of the lists of the audit, which are in pages and about a period. */

/** Most entries of a page. */
export const MOST = 1000;
export const NAMED = 'member is required: an id.';
export const MEMBER_ID = z.string(NAMED).refine(isId, NAMED);
export const time = (name: string, description: string) => {
  const text = `${name} must be an RFC 3339 instant with a zone, such as 2026-07-01T00:00:00-05:00.`;
  const schema = z
    .string(text)
    .refine(isInstant, text)
    .transform((value) => instant(Date.parse(value)))
    .optional();
  return { schema, description };
};
const LIMIT_TEXT = `limit must be a whole number from 1 to ${MOST}.`;
export const LIMIT = {
  schema: z
    .string(LIMIT_TEXT)
    .regex(/^[1-9]\d{0,3}$/, LIMIT_TEXT)
    .transform(Number)
    .refine((n) => n <= MOST, LIMIT_TEXT)
    .default(MOST),
  description: 'Entries of a page, at most 1000, which is the default.',
};
const PAGE_TEXT = 'page is not valid: follow the next link of an answer unchanged.';
export const PAGE = {
  schema: z.string(PAGE_TEXT).refine(isCursor, PAGE_TEXT).optional(),
  description: 'From the `next` of an answer.',
};
