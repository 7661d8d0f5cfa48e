import { USE_CASE } from '@provider-access/domain/pdex';
import { isId, isObject } from '@provider-access/fhir';
import { unknownParameter } from '@provider-access/service/http';
import type { Parameter } from '@provider-access/service/operation';
import { Refusal } from '@provider-access/kernel';

const PDEX_PARAMETER = 'http://hl7.org/fhir/us/davinci-pdex/SearchParameter/';
/** The search parameters of PDex 2.2.0, for the CapabilityStatement and the OpenAPI document. */
export const CONSENT_PARAMETERS: readonly (Parameter & {
  readonly type: 'token' | 'reference';
  readonly definition?: string;
  readonly level: 'SHALL' | 'MAY';
})[] = [
  { name: '_id', type: 'token', level: 'MAY', description: 'The id of a Consent.' },
  {
    name: 'patient',
    type: 'reference',
    level: 'SHALL',
    description: 'The id of a member, or a reference to its Patient.',
  },
  { name: 'category', type: 'token', level: 'MAY', description: 'A category, for example `provider-access`.' },
  {
    name: 'provision-type',
    type: 'token',
    level: 'MAY',
    definition: `${PDEX_PARAMETER}pdex-consent-provision-type`,
    description: '`deny` or `permit`.',
  },
  {
    name: 'provision-action',
    type: 'token',
    level: 'MAY',
    definition: `${PDEX_PARAMETER}pdex-consent-action`,
    description: 'The action of the provision: `disclose`.',
  },
  {
    name: 'provider-access',
    type: 'token',
    level: 'MAY',
    definition: `${PDEX_PARAMETER}pdex-consent-provider-access`,
    description: '`true`: every Consent here is about this API.',
  },
];

const DEFAULT_COUNT = 50;
const MAX_COUNT = 200;
/** Most values of one parameter. */
const MOST_VALUES = 20;

type Json = Readonly<Record<string, unknown>>;
/** A search that was understood. */
export interface ConsentSearch {
  /** Absent: of any member. */
  readonly patients?: readonly string[];
  /** Absent: any. One of both is there. */
  readonly ids?: readonly string[];
  readonly count: number;
  /** Whether a Consent has what the other parameters ask for. */
  holds(resource: Json): boolean;
}

/**
 * @param member whose Consents are searched if no `patient` is named
 * @throws Refusal that names the parameter
 */
export function readConsentSearch(own: URLSearchParams, base: string, member?: string): ConsentSearch {
  const filters: ((resource: Json) => boolean)[] = [];
  let search: Omit<ConsentSearch, 'holds'> = {
    count: DEFAULT_COUNT,
    ...(member !== undefined && { patients: [member] }),
  };
  for (const [name, value] of own) {
    const codings = CODINGS[name];
    if (codings !== undefined) {
      const tokens = valuesOf(name, value).map(tokenOf);
      filters.push((resource) => codings(resource).some((coding) => tokens.some((fits) => fits(coding))));
      continue;
    }
    if (own.getAll(name).length > 1) throw wrong(name, `A search of Consents takes ${name} once.`);
    if (name === '_count') search = { ...search, count: countOf(value) };
    else if (name === '_id') search = { ...search, ids: idsOf(name, valuesOf(name, value)) };
    else if (name === 'patient')
      search = {
        ...search,
        patients: idsOf(
          name,
          valuesOf(name, value).map((one) => patientIn(one, base)),
        ),
      };
    else throw unknownParameter('A search of Consents', name, [...CONSENT_PARAMETERS.map((one) => one.name), '_count']);
  }
  if (search.ids === undefined && search.patients === undefined)
    throw new Refusal('required', 'A search of Consents needs patient or _id.', { expression: 'patient' });
  return { ...search, holds: (resource) => filters.every((filter) => filter(resource)) };
}

const wrong = (name: string, text: string): Refusal => new Refusal('invalid-value', text, { expression: name });

function valuesOf(name: string, value: string): readonly string[] {
  const values = value.split(',');
  if (values.some((one) => one === '')) throw wrong(name, `${name} has an empty value.`);
  if (values.length > MOST_VALUES) throw wrong(name, `${name} takes at most ${MOST_VALUES} values.`);
  return values;
}
function idsOf(name: string, values: readonly string[]): readonly string[] {
  if (!values.every(isId)) throw wrong(name, `${name} must be an id: letters, digits, - and ., at most 64.`);
  return [...new Set(values)];
}
const patientIn = (value: string, base: string): string =>
  [`${base}/Patient/`, 'Patient/'].reduce(
    (rest, prefix) => (rest.startsWith(prefix) ? rest.slice(prefix.length) : rest),
    value,
  );

function countOf(value: string): number {
  if (!/^[0-9]{1,9}$/.test(value)) throw wrong('_count', '_count must be a whole number.');
  return Math.min(Number(value), MAX_COUNT);
}

/** A Coding, or a code or boolean, whose system is implicit. */
interface Coding {
  readonly system?: unknown;
  readonly code: unknown;
}
/** https://hl7.org/fhir/R4/search.html#token */
function tokenOf(value: string): (coding: Coding) => boolean {
  const at = value.indexOf('|');
  if (at < 0) return ({ code }) => code === value;
  const [system, wanted] = [value.slice(0, at), value.slice(at + 1)];
  return (coding) =>
    (system === '' ? coding.system === undefined : coding.system === system) &&
    (wanted === '' || coding.code === wanted);
}

const listOf = (value: unknown): readonly Json[] => (Array.isArray(value) ? value.filter(isObject) : []);
const codingsIn = (concepts: unknown): readonly Coding[] =>
  listOf(concepts).flatMap((concept) => listOf(concept['coding']) as unknown as readonly Coding[]);
const provisionOf = (resource: Json): Json => resource['provision'] as Json;
/** What each token parameter looks at, by the expression of its SearchParameter. */
const CODINGS: Readonly<Record<string, (resource: Json) => readonly Coding[]>> = {
  category: (resource) => codingsIn(resource['category']),
  'provision-type': (resource) => [{ code: provisionOf(resource)['type'] }],
  'provision-action': (resource) => codingsIn(provisionOf(resource)['action']),
  'provider-access': (resource) =>
    listOf(provisionOf(resource)['action'])
      .flatMap((action) => listOf(action['extension']))
      .filter(({ url }) => url === USE_CASE)
      .map((extension) => ({ code: String(extension['valueBoolean']) })),
};
