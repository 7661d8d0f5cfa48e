import {
  isServedType,
  isSharedType,
  parseQuery,
  printable,
  type SearchFilter,
  searchOf,
  type SearchParameter,
  shapesAnswer,
  splitOr,
} from '@provider-access/fhir';

/** A part of a type that a scope covers: what a search with these conditions finds (SMART 2.2, APPS.md P52). */
export interface Restriction {
  readonly type: string;
  /** The text after `?`, as it was asked for. */
  readonly text: string;
  readonly conditions: readonly (readonly [name: string, value: string])[];
}
export type RestrictionParse =
  | { readonly ok: true; readonly restriction: Restriction }
  /** `tooMuch`: beyond the bounds of P54, so that the whole list is refused. */
  | { readonly ok: false; readonly fault: string; readonly tooMuch?: true };

/** A part of a type, as a job keeps it: `Type?parameters`. */
export const partName = ({ type, text }: Restriction): string => `${type}?${text}`;
/** Reads `partName`. Undefined if this build does not know the parameters, and then nothing is within the part. */
export function readPart(name: string): Restriction | undefined {
  const at = name.indexOf('?');
  const read = at < 0 ? undefined : readRestriction(name.slice(0, at), name.slice(at + 1));
  return read?.ok === true ? read.restriction : undefined;
}

/** P54: characters of one restriction, its conditions and their values, and restricted scopes of one list. */
const MAX_RESTRICTION_LENGTH = 500;
const MAX_CONDITIONS = 5;
const MAX_VALUES = 20;
export const MAX_RESTRICTED = 20;

/** What a scope must not have, because tokens and the registry keep its text: dates and numbers that name a person. */
const NAMES_A_PERSON = new Set(['identifier', 'birthdate', 'death-date']);
/** Only the form counts here. `filtersOf` gets the base of the platform. */
const NO_BASE = 'https://scope.invalid/fhir';

/** Reads the part after `?` of a scope on a type. The fault names the parameter, and never a value. */
export function readRestriction(type: string, text: string): RestrictionParse {
  const fault = (why: string): RestrictionParse => ({ ok: false, fault: `${type}: ${why}` });
  const tooMuch = (why: string): RestrictionParse => ({ ok: false, fault: `${type}: ${why}`, tooMuch: true });
  if (text.length > MAX_RESTRICTION_LENGTH)
    return tooMuch(`parameters of more than ${MAX_RESTRICTION_LENGTH} characters`);
  if (type === '*') return fault('a scope on all types has no parameters; name the type');
  // A Group is the client's own as a whole, and no resource that a search of records finds.
  if (!isServedType(type) || searchOf(type) === undefined) return fault('a scope on this type has no parameters');
  const conditions: (readonly [string, string])[] = [];
  for (const part of text.split('&')) {
    const at = part.indexOf('=');
    const [name, value] = [decoded(at < 0 ? part : part.slice(0, at)), at < 0 ? '' : decoded(part.slice(at + 1))];
    if (name === undefined || value === undefined) return fault('a % that starts no encoded character');
    if (value === '') return fault(`${printable(name)} has no value`);
    conditions.push([name, value]);
  }
  if (conditions.length > MAX_CONDITIONS) return tooMuch(`more than ${MAX_CONDITIONS} parameters`);
  if (conditions.reduce((sum, [, value]) => sum + splitOr(value).length, 0) > MAX_VALUES)
    return tooMuch(`more than ${MAX_VALUES} values`);
  for (const [name] of conditions) {
    const why = refusalOf(type, name);
    if (why !== undefined) return fault(why);
  }
  const restriction = { type, text, conditions };
  const parsed = parse(restriction, NO_BASE);
  const issue = parsed.ok ? parsed.query.ignored[0] : parsed.issue;
  return issue === undefined
    ? { ok: true, restriction }
    : fault(issue.details?.text ?? 'the parameters cannot be read');
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** Why a scope may not have a parameter that a search may have. */
function refusalOf(type: string, key: string): string | undefined {
  const [name = ''] = key.split(/[:.]/);
  if (shapesAnswer(name)) return `${name} shapes an answer and selects nothing`;
  if (name === '_has' || key.includes('.'))
    return `${printable(key)} looks into other resources, which a scope does not`;
  if (name === '_id' || name === '_lastUpdated') return `${name} is no parameter of a scope`;
  const parameter = searchOf(type)!.parameters.find((known) => known.name === name);
  if (parameter !== undefined && mayNameAPerson(type, parameter))
    return `${name} may name a person, which the text of a scope must not do`;
  return undefined;
}

const mayNameAPerson = (type: string, { name, kind, owner, targets }: SearchParameter): boolean =>
  owner === true ||
  (!isSharedType(type) &&
    (kind === 'string' ||
      NAMES_A_PERSON.has(name) ||
      (kind === 'reference' && (targets === undefined || targets.some((to) => PERSONS.has(to))))));
const PERSONS = new Set(['Patient', 'RelatedPerson', 'Person']);

const parse = ({ type, conditions }: Restriction, base: string) =>
  parseQuery(type, new URLSearchParams(conditions.map(([name, value]): [string, string] => [name, value])), {
    base,
    lenient: false,
  });

/**
 * The filters of a restriction, all of which a resource must satisfy.
 * @param base the absolute base of our FHIR resources
 */
export function filtersOf(restriction: Restriction, base: string): readonly SearchFilter[] {
  const parsed = parse(restriction, base);
  // `readRestriction` accepted it, and the base decides only which references are ours.
  if (!parsed.ok) throw new Error('a restriction of a scope cannot be read');
  return parsed.query.filters;
}

const conditionsIn = ({ conditions }: Restriction): ReadonlySet<string> =>
  new Set(conditions.map(([name, value]) => `${name}=${value}`));
/** Whether every resource of the one is also of the other, because it has all of its conditions. */
export function isWithin(one: Restriction, other: Restriction): boolean {
  const all = conditionsIn(one);
  return one.type === other.type && [...conditionsIn(other)].every((condition) => all.has(condition));
}
