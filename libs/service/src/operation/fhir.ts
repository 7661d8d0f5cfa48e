import type { Subset } from '@provider-access/fhir';
import { JSON_TYPE } from '../http/media-types.ts';
import { readShape } from '../http/read-search.ts';
import type { FhirQuery, Parameter } from './descriptor.ts';

/** Of every interaction: https://hl7.org/fhir/R4/http.html#parameters */
export const GENERAL_PARAMETERS: readonly Parameter[] = [
  { name: '_format', description: 'JSON only. It wins before `Accept`.' },
  { name: '_pretty', description: '`true` on the URL indents an answer of at most 512 KiB.' },
];
const SHAPE_PARAMETERS: readonly Parameter[] = [
  { name: '_summary', description: '`true`, `text`, `data`, `count` or `false`.' },
  { name: '_elements', description: 'Names of elements, separated by commas: the others are left out.' },
];
/** Of a search, besides the parameters of its type. */
export const RESULT_PARAMETERS: readonly Parameter[] = [
  {
    name: '_include',
    description: 'Also resources that a result refers to, for example `MedicationRequest:medication`.',
  },
  { name: '_revinclude', description: 'Also resources that refer to a result: `Provenance:target`.' },
  { name: '_sort', description: 'Names of date parameters, `_lastUpdated` or `_id`; `-` in front sorts downwards.' },
  { name: '_count', description: 'Results of a page, at most 200. Zero only counts.' },
  { name: '_total', description: '`accurate` counts all results; `none` leaves the total out.' },
  ...SHAPE_PARAMETERS,
];
export const HISTORY_PARAMETERS: readonly Parameter[] = [
  { name: '_count', description: 'Entries of a page: 50 by default, 200 at most.' },
  { name: '_since', description: 'Only versions that were recorded at or after this instant.' },
  { name: '_at', description: 'Only versions that were current at some moment of this date or instant.' },
  ...GENERAL_PARAMETERS,
];
/** Of an operation that follows page links. */
export const PAGE_PARAMETER: Parameter = {
  name: '_page',
  description: 'The next page. Follow the link `next` of the Bundle.',
};
/** Headers of a search. */
export const LENIENT: Parameter = {
  name: 'Prefer',
  description: '`handling=lenient` leaves out parameters that are not declared, and reports them in the Bundle.',
};

/** The query of a read, as the part of the resource that it asks for. */
export const SHAPE: Required<FhirQuery<Subset>> = {
  parameters: [...SHAPE_PARAMETERS, ...GENERAL_PARAMETERS],
  read: (own, { type, base }) => readShape(type, own, base),
};

/** An answer of which OpenAPI says only that it is a JSON object. */
export const jsonObject = (description: string) => ({ description, type: JSON_TYPE, schema: { type: 'object' } });
