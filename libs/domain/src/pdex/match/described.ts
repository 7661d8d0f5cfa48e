import { isDayOrInstant, isObject } from '@provider-access/fhir';
import type { Demographics } from './bundle.ts';
import { foldFamily, foldGiven } from './names.ts';

/** A person as a search compares it: folded (M42). What is not known is absent or empty, and agrees with nothing. */
export interface Described {
  /** YYYY-MM-DD. A partial date is none. */
  readonly birthDate?: string;
  readonly families: readonly string[];
  /** For each name the words of its given names. */
  readonly givens: readonly (readonly string[])[];
  readonly gender?: string;
  readonly zips: readonly string[];
}

const BIRTH_SEX = 'http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex';
const SEXES: Readonly<Record<string, string>> = { F: 'female', M: 'male' };
const GENDERS: ReadonlySet<unknown> = new Set(['female', 'male', 'other']);
/** More names and addresses than a person has. */
const MOST = 50;

export const listOf = (value: unknown): readonly Record<string, unknown>[] =>
  Array.isArray(value) ? (value as unknown[]).filter(isObject).slice(0, MOST) : [];
const textsOf = (value: unknown): readonly string[] =>
  Array.isArray(value) ? (value as unknown[]).filter((one) => typeof one === 'string') : [];

const dayOf = (value: unknown): { birthDate?: string } =>
  typeof value === 'string' && /^\d{4}-\d{2}-\d{2}$/.test(value) && isDayOrInstant(value) ? { birthDate: value } : {};
const genderOf = (value: unknown): { gender?: string } => (GENDERS.has(value) ? { gender: value as string } : {});

/** The first five digits of a ZIP code; another postal code without spaces and hyphens. */
function foldZip(text: string): string | undefined {
  const code = text.replace(/[^\p{L}\p{N}]/gu, '').toLowerCase();
  return code === '' ? undefined : /^\d{9}$/.test(code) ? code.slice(0, 5) : code;
}
const known = <T>(values: readonly (T | undefined)[]): readonly T[] => [
  ...new Set(values.filter((value) => value !== undefined)),
];

/** What a request says. */
export const describedBy = ({ birthDate, family, given, gender, zip }: Demographics): Described => ({
  ...dayOf(birthDate),
  families: known([foldFamily(family)]),
  givens: [foldGiven(given)],
  ...genderOf(gender),
  zips: known([foldZip(zip ?? '')]),
});

/**
 * What a Patient of the payer says. Each of its names counts, whatever its use and period, because former names and
 * maiden names are there (M42). An anonymous name is no name, and a nickname has no family name. Each of its addresses
 * counts. The sex at birth stands in for an absent gender.
 */
export function describedIn(patient: unknown): Described {
  const of = isObject(patient) ? patient : {};
  const names = listOf(of['name']).filter(({ use }) => use !== 'anonymous' && use !== 'nickname');
  const sex = listOf(of['extension']).find(({ url }) => url === BIRTH_SEX)?.['valueCode'];
  return {
    ...dayOf(of['birthDate']),
    families: known(names.map(({ family }) => (typeof family === 'string' ? foldFamily(family) : undefined))),
    givens: names.map(({ given }) => foldGiven(textsOf(given))),
    ...genderOf(of['gender'] ?? SEXES[sex as string]),
    zips: known(
      listOf(of['address']).map(({ postalCode }) => (typeof postalCode === 'string' ? foldZip(postalCode) : undefined)),
    ),
  };
}
