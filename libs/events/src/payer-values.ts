import { FHIR_ID, isDayOrInstant } from '@provider-access/fhir';
import { z } from 'zod';

export const id = z.string().regex(FHIR_ID, 'a FHIR id: letters, digits, - and ., at most 64');
/**
 * The pattern is for the AsyncAPI document. The code that reads the value later asks the same calendar as
 * `isDayOrInstant`.
 */
export const instantOrDate = z
  .string()
  .max(35)
  .regex(
    /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2}))?$/,
    'a date (YYYY-MM-DD) or an instant with a zone',
  )
  .refine(isDayOrInstant, 'a date and a time of day that exist');
export const npi = z.string().regex(/^\d{10}$/, 'an NPI has ten digits');
export const tin = z.string().regex(/^\d{2}-?\d{7}$/, 'a TIN has nine digits');
export const shortText = z.string().max(500);
