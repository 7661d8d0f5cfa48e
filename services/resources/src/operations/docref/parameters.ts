import { dateRange, isId, isObject, parseReference } from '@provider-access/fhir';
import { Refusal, type RefusalKind } from '@provider-access/kernel';
import { unknownParameter } from '@provider-access/service/http';

/** A parameter of `$docref` as the client sent it, with repeats. */
export type GivenParameter = readonly [name: string, value: string];

const KNOWN = new Set(['patient', 'start', 'end', 'type', 'on-demand', 'profile']);
/** Parameters of its answers, which the search knows too. */
const OF_ANSWERS = new Set(['_count']);
const REPEATED = new Set(['type', 'profile']);

const refuse = (kind: RefusalKind, expression: string, text: string): never => {
  throw new Refusal(kind, text, { expression });
};

/**
 * Reads the Parameters resource of a POST.
 * @throws Refusal if the body is something else, or a parameter has no value or several
 */
export function parametersOfBody(body: unknown): readonly GivenParameter[] {
  const list: unknown = isObject(body) && body['resourceType'] === 'Parameters' ? (body['parameter'] ?? []) : undefined;
  if (!Array.isArray(list)) throw new Refusal('invalid-request', 'The body must be a Parameters resource.');
  return list.map((item: unknown): GivenParameter => {
    const name: unknown = isObject(item) ? item['name'] : undefined;
    if (!isObject(item) || typeof name !== 'string')
      throw new Refusal('invalid-request', 'Each parameter of the body must have a name.');
    const values = Object.keys(item).filter((key) => key.startsWith('value'));
    const value = values.length === 1 ? textOf(item[values[0]!]) : undefined;
    if (value === undefined) throw new Refusal('invalid-value', 'Each parameter of the body must have one value.');
    return [name, value];
  });
}

/** A Coding as a token of a search. */
function textOf(value: unknown): string | undefined {
  if (typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number') return String(value);
  if (!isObject(value) || typeof value['code'] !== 'string') return undefined;
  const { system, code } = value;
  return typeof system === 'string' ? `${escaped(system)}|${escaped(code as string)}` : escaped(code as string);
}
const escaped = (text: string): string => text.replaceAll(/[\\,|$]/g, String.raw`\$&`);

/**
 * Turns `$docref` into a search for DocumentReferences. Care dates are those of `context.period`. Without dates only
 * current documents are meant: http://hl7.org/fhir/us/core/STU6.1/OperationDefinition-docref.html
 * @throws Refusal that names the parameter
 */
export function docrefSearch(given: Iterable<GivenParameter>): URLSearchParams {
  const values = new Map<string, string[]>();
  for (const [name, value] of given) {
    if (!KNOWN.has(name) && !OF_ANSWERS.has(name)) throw unknownParameter('$docref', name, [...KNOWN, ...OF_ANSWERS]);
    if (value === '') refuse('invalid-value', name, `${name} must not be empty.`);
    const known = values.get(name);
    if (known !== undefined && !REPEATED.has(name)) refuse('invalid-request', name, `${name} must be given only once.`);
    if (known === undefined) values.set(name, [value]);
    else known.push(value);
  }
  const one = (name: string): string | undefined => values.get(name)?.[0];
  const search = new URLSearchParams();
  search.append('patient', patientOf(one('patient')));
  const [start, end] = [time('start', one('start')), time('end', one('end'))];
  if (start !== undefined && end !== undefined && start.from >= end.until)
    refuse('invalid-value', 'end', 'end must not be before start.');
  if (start !== undefined) search.append('period', `ge${start.text}`);
  if (end !== undefined) search.append('period', `le${end.text}`);
  if (start === undefined && end === undefined) search.append('status', 'current');
  const types = values.get('type');
  if (types !== undefined) search.append('type', types.join(','));
  const profiles = values.get('profile');
  if (profiles !== undefined) search.append('_profile', profiles.join(','));
  for (const name of OF_ANSWERS) for (const value of values.get(name) ?? []) search.append(name, value);
  const onDemand = one('on-demand') ?? 'false';
  if (onDemand !== 'true' && onDemand !== 'false') refuse('invalid-value', 'on-demand', 'on-demand is true or false.');
  // The server makes no documents on demand, so nothing is found: no resource has both ids.
  if (onDemand === 'true') for (const id of ['on', 'demand']) search.append('_id', id);
  return search;
}

function patientOf(value: string | undefined): string {
  if (value === undefined) return refuse('required', 'patient', '$docref needs patient: the id of the Patient.');
  if (isId(value)) return value;
  const reference = parseReference(value);
  return reference.kind === 'literal' && reference.base === undefined && reference.type === 'Patient'
    ? reference.id
    : refuse('invalid-value', 'patient', 'patient must be the id of a Patient.');
}

/** A `+` of a time zone that the client did not encode on the URL arrives as a space. */
function time(name: string, value: string | undefined): { text: string; from: number; until: number } | undefined {
  if (value === undefined) return undefined;
  const text = value.replace(/ (?=\d\d:\d\d$)/, '+');
  const range = dateRange(text);
  if (range === undefined) return refuse('invalid-value', name, `${name} must be a FHIR dateTime.`);
  return { text, from: range.start, until: range.end };
}
