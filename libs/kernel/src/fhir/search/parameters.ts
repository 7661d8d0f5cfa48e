import { PATIENT_ELEMENT } from '../references.ts';
import { SERVED_TYPES } from '../types.ts';

type ParameterKind = 'id' | 'patient' | 'date' | 'token' | 'count' | 'summary' | 'format';

export interface SearchParameter {
  readonly name: string;
  readonly kind: ParameterKind;
  /** The type that the CapabilityStatement shows. */
  readonly fhirType: 'token' | 'reference' | 'date' | 'number' | 'special';
  /** `result` shapes the answer (paging, format). The CapabilityStatement does not list it. */
  readonly role: 'filter' | 'result';
  /** May be given more than once (all must hold). */
  readonly repeats: boolean;
  readonly documentation: string;
}

const ID: SearchParameter = {
  name: '_id',
  kind: 'id',
  fhirType: 'token',
  role: 'filter',
  repeats: true,
  documentation: 'Logical id; a comma list means any of them',
};
const PATIENT: SearchParameter = {
  name: 'patient',
  kind: 'patient',
  fhirType: 'reference',
  role: 'filter',
  repeats: true,
  documentation: 'The member: id or Patient/id',
};
const LAST_UPDATED: SearchParameter = {
  name: '_lastUpdated',
  kind: 'date',
  fhirType: 'date',
  role: 'filter',
  repeats: true,
  documentation: 'When the platform accepted the version; prefixes eq ne gt ge lt le',
};
const COUNT: SearchParameter = {
  name: '_count',
  kind: 'count',
  fhirType: 'number',
  role: 'result',
  repeats: false,
  documentation: 'Entries a page',
};
const FORMAT: SearchParameter = {
  name: '_format',
  kind: 'format',
  fhirType: 'special',
  role: 'result',
  repeats: false,
  documentation: 'JSON only',
};
const SUMMARY: SearchParameter = {
  name: '_summary',
  kind: 'summary',
  fhirType: 'special',
  role: 'result',
  repeats: false,
  documentation: 'true leaves the members out',
};

const token = (name: string, documentation: string): SearchParameter => ({
  name,
  kind: 'token',
  fhirType: 'token',
  role: 'filter',
  repeats: true,
  documentation,
});

/**
 * The search parameters of each type, for the parser and the CapabilityStatement. A new filter needs a row here and
 * code that applies it in the search of its type (CONTRIBUTING.md). A new kind of value also needs a reader in
 * parse.ts.
 */
export const SEARCH_PARAMETERS: Readonly<Record<string, readonly SearchParameter[]>> = Object.fromEntries([
  ...SERVED_TYPES.map(
    (type) =>
      [type, [ID, ...(PATIENT_ELEMENT[type] === undefined ? [] : [PATIENT]), LAST_UPDATED, COUNT, FORMAT]] as const,
  ),
  [
    'Group',
    [
      ID,
      token('identifier', 'NPI, TIN or contract of the list'),
      token('code', 'pdexprovidergroup'),
      token('characteristic', 'pdexprovidergroup'),
      LAST_UPDATED,
      SUMMARY,
      COUNT,
      FORMAT,
    ],
  ] as const,
]);
