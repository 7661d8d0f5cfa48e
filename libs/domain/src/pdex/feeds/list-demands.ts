import { type FhirResource, isObject } from '@provider-access/fhir';

const MEMBER_NUMBER = { system: 'http://terminology.hl7.org/CodeSystem/v2-0203', code: 'MB' };
const PLAN = { system: 'http://terminology.hl7.org/CodeSystem/coverage-class', code: 'plan' };

const list = (value: unknown): readonly Readonly<Record<string, unknown>>[] =>
  Array.isArray(value) ? value.filter(isObject) : [];
const isText = (value: unknown): boolean => typeof value === 'string' && value !== '';
const has = (concept: unknown, wanted: { readonly system: string; readonly code: string }): boolean =>
  isObject(concept) &&
  list(concept['coding']).some(({ system, code }) => system === wanted.system && code === wanted.code);

/** Elements that ATR 2.1.0 demands of the Patient of a member on a list and that are missing. Undefined: no Patient. */
export function patientLacks(patient: FhirResource | undefined): readonly string[] {
  if (patient === undefined) return ['Patient'];
  return list(patient['identifier']).length === 0 ? ['Patient.identifier'] : [];
}

/** The same of the Coverage that an entry names. A member number needs a system and a value, where there is one. */
export function coverageLacks(coverage: FhirResource | undefined): readonly string[] {
  if (coverage === undefined) return ['Coverage'];
  const { subscriberId, period, payor, status } = coverage;
  const numbers = list(coverage['identifier']).filter(({ type }) => has(type, MEMBER_NUMBER));
  const isPlan = list(coverage['class']).some(({ type, value }) => has(type, PLAN) && isText(value));
  return [
    ...(status === 'active' ? [] : ['Coverage.status']),
    ...(isText(subscriberId) ? [] : ['Coverage.subscriberId']),
    ...(isObject(period) ? [] : ['Coverage.period']),
    ...(list(payor).length > 0 ? [] : ['Coverage.payor']),
    ...(isPlan ? [] : ['Coverage.class:plan']),
    ...(numbers.every(({ system, value }) => isText(system) && isText(value)) ? [] : ['Coverage.identifier:MB']),
  ];
}

/** What the members of one list lack, for `pa feeds --lists` (A16). */
export interface ListLacks {
  /** Id of the Group. */
  readonly group: string;
  /** `npi|1234567893`, `tin|123456789` */
  readonly providers: readonly string[];
  readonly contract?: string;
  /** Members whose attribution is in force. */
  readonly members: number;
  /** Those of them who lack something. */
  readonly lacking: number;
  /** By number of members, the most frequent first. */
  readonly lacks: readonly { readonly element: string; readonly count: number }[];
}
