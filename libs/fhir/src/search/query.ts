import { structureOf } from '../elements.ts';
import { type OperationOutcomeIssue, outcomeIssue } from '../outcome.ts';
import { isId } from '../primitives.ts';
import { parseReference } from '../references.ts';
import { type SearchDefinition, searchOf, type SearchParameter } from './definitions.ts';
import type { SearchFilter } from './evaluate.ts';
import { targetsOf } from './extract.ts';
import { readValue, type SearchModifier, type SearchValue } from './read-value.ts';
import { KNOWN_R4_TYPES } from '../types.ts';
import { type DateSearch, parseDateSearch, splitOr } from './values.ts';

interface SearchInclude {
  /** The type that has the reference. */
  readonly type: string;
  /** `*`: each reference that the type may include. */
  readonly parameter: string;
  readonly target?: string;
  /** Also from resources that an include has added. */
  readonly iterate: boolean;
}

/** The reference `parameter` names a resource of the type that fits the filter. */
export interface SearchChain {
  readonly parameter: SearchParameter;
  readonly type: string;
  readonly filter: SearchFilter;
}

export type SummaryMode = 'true' | 'text' | 'data' | 'count' | 'false';

/** A parsed search. All of its conditions must hold. The client did not use the parameter of an absent property. */
export interface SearchQuery {
  readonly type: string;
  /** Any of these. An empty list matches nothing, for example after two `_id` without a common value. */
  readonly ids?: readonly string[];
  /** Any of these member ids. An empty list matches nothing. */
  readonly patients?: readonly string[];
  /** Conditions on the member's Patient, from a chain such as `patient.identifier`. */
  readonly patientFilters: readonly SearchFilter[];
  readonly filters: readonly SearchFilter[];
  /** Conditions on a resource that a reference names, such as `practitioner.name`. */
  readonly chains: readonly SearchChain[];
  /** When the platform accepted the version. */
  readonly updated: readonly DateSearch[];
  readonly include: readonly SearchInclude[];
  /** `Provenance:target`. */
  readonly revinclude: readonly string[];
  readonly sort: readonly { readonly by: string; readonly descending: boolean }[];
  readonly count?: number;
  readonly total?: 'none' | 'accurate';
  readonly summary?: SummaryMode;
  readonly elements?: readonly string[];
  /** The parameters that count, for the link `self`: all but those of `ignored`. */
  readonly used: readonly [name: string, value: string][];
  /** What a lenient search left out, for an outcome entry. */
  readonly ignored: readonly OperationOutcomeIssue[];
}

export type QueryParse =
  { readonly ok: true; readonly query: SearchQuery } | { readonly ok: false; readonly issue: OperationOutcomeIssue };

export interface QueryOptions {
  /** The absolute base of our FHIR resources, without a slash at the end. */
  readonly base: string;
  /** `Prefer: handling=lenient`: leave out what is not declared, and report it. */
  readonly lenient: boolean;
}

type Draft = {
  -readonly [key in keyof SearchQuery]: SearchQuery[key] extends readonly (infer item)[] ? item[] : SearchQuery[key];
};

/**
 * Why a parameter is not taken. A lenient search leaves out a parameter that is not declared. Every search leaves out
 * one that says nothing.
 */
interface Fault {
  readonly code: 'not-supported' | 'invalid' | 'value' | 'too-costly';
  readonly text: string;
  readonly name: string;
  readonly undeclared?: true;
  readonly saysNothing?: true;
}

interface Context {
  readonly definition: SearchDefinition;
  readonly draft: Draft;
  readonly options: QueryOptions;
}

/** More values in one search would cost more than the pages that they find. */
const MOST_VALUES = 1000;

/** Parameters that shape the answer. None of them may be repeated, except the includes. */
const RESULT_PARAMETERS = ['_include', '_revinclude', '_sort', '_count', '_total', '_summary', '_elements'] as const;
type ResultParameter = (typeof RESULT_PARAMETERS)[number];

/** The result parameters that have a value on a type. */
const resultParametersOf = ({ includes, revincludes }: SearchDefinition): readonly ResultParameter[] =>
  RESULT_PARAMETERS.filter(
    (name) => !(name === '_include' && includes.length === 0) && !(name === '_revinclude' && revincludes.length === 0),
  );

/**
 * Reads a search on a type by its definition in SEARCH. A bad value, and a modifier that the parameter does not have,
 * are always errors, because a search without them would find too much. The caller must remove the parameter of a page
 * link and the parameters of every interaction (`_format`, `_pretty`) first.
 */
export function parseQuery(type: string, parameters: URLSearchParams, options: QueryOptions): QueryParse {
  const definition = searchOf(type);
  if (definition === undefined)
    return { ok: false, issue: outcomeIssue('error', 'not-supported', 'search on this type is not supported') };
  const draft: Draft = {
    type,
    patientFilters: [],
    filters: [],
    chains: [],
    updated: [],
    include: [],
    revinclude: [],
    sort: [],
    used: [],
    ignored: [],
  };
  const context = { definition, draft, options };
  const seen = new Set<string>();
  let values = 0;
  for (const [key, value] of parameters) {
    values += splitOr(value).length;
    const fault =
      values > MOST_VALUES
        ? { code: 'too-costly' as const, text: `a search has at most ${MOST_VALUES} values`, name: printable(key) }
        : readOnce(context, key, value, seen);
    if (fault === undefined) {
      draft.used.push([key, value]);
      continue;
    }
    const isLeftOut = fault.saysNothing === true || (fault.undeclared === true && options.lenient);
    const issue = outcomeIssue(isLeftOut ? 'warning' : 'error', fault.code, fault.text, fault.name);
    if (!isLeftOut) return { ok: false, issue };
    draft.ignored.push(issue);
  }
  // https://hl7.org/fhir/R4/search.html#summary
  if (draft.summary === 'text' && (draft.include.length > 0 || draft.revinclude.length > 0))
    return { ok: false, issue: outcomeIssue('error', 'not-supported', TEXT_ALONE, '_summary') };
  return { ok: true, query: draft };
}
const TEXT_ALONE = '_summary=text does not go with _include or _revinclude; leave one of them out';

/** A condition that stands there again changes nothing. */
function readOnce(context: Context, key: string, value: string, seen: Set<string>): Fault | undefined {
  const given = `${key}=${value}`;
  if (seen.has(given)) return undefined;
  const fault = readParameter(context, key, value, seen);
  if (fault === undefined && !isSingle(key)) seen.add(given);
  return fault;
}

function readParameter(context: Context, key: string, value: string, seen: Set<string>): Fault | undefined {
  const { definition } = context;
  const name = /^[^:.]*/.exec(key)![0];
  const rest = key.slice(name.length);
  if (key === TOTAL_METHOD) return { ...bad(key, 'not-supported', `${key} is ignored; use _total`), saysNothing: true };
  if (isResultParameter(name)) {
    if (value === '') return empty(name);
    if (name === '_include') {
      if (rest === '' || rest === ':iterate') return include(context, value, rest !== '');
      return bad(name, 'not-supported', '_include has no modifier but iterate');
    }
    if (rest !== '') return bad(name, 'not-supported', `${name} has no modifier`);
    if (name === '_revinclude') return revinclude(context, value);
    if (seen.has(name)) return bad(name, 'invalid', `${name} must be given only once`);
    seen.add(name);
    return RESULTS[name](context, value);
  }
  const parameter = definition.parameters.find((known) => known.name === name);
  if (parameter === undefined) {
    const declared = [...definition.parameters.map((known) => known.name), ...resultParametersOf(definition)].join(
      ', ',
    );
    return undeclared(
      printable(key),
      `unknown search parameter ${printable(key)}; ${definition.type} has: ${declared}`,
    );
  }
  const [, modifier, chain] = /^(?::([^.]*))?(?:\.(.*))?$/s.exec(rest) ?? [];
  if (chain !== undefined) return chained(context, parameter, modifier, chain, value);
  if (modifier !== undefined && !parameter.modifiers.includes(modifier)) {
    return bad(name, 'not-supported', `${name} does not have this modifier; it has: ${listed(modifiersOf(parameter))}`);
  }
  if (value === '') return empty(name);
  if (name === '_id') return ids(context, value);
  if (name === '_lastUpdated') return updated(context, value);
  if (parameter.owner === true) return patients(context, value);
  return filter(context, parameter, modifier, value);
}

/** Client libraries send it beside `_total`. */
const TOTAL_METHOD = '_totalMethod';
/** https://hl7.org/fhir/R5/search.html#empty : a form sends a field that nobody filled in. */
const empty = (name: string): Fault => ({
  ...bad(name, 'value', `${name} is ignored, because it is empty`),
  saysNothing: true,
});
const bad = (name: string, code: Fault['code'], text: string): Fault => ({ name, code, text });
const undeclared = (name: string, text: string): Fault => ({ name, code: 'not-supported', text, undeclared: true });
const isResultParameter = (name: string): name is ResultParameter =>
  (RESULT_PARAMETERS as readonly string[]).includes(name);
/** Whether a parameter shapes the answer of a search, and selects nothing. */
export const shapesAnswer = (name: string): boolean => isResultParameter(name) || name === TOTAL_METHOD;
/** A second one is an error, although it is equal. */
const isSingle = (key: string): boolean => isResultParameter(key) && key !== '_include' && key !== '_revinclude';

/** The modifiers for a person: a reference to any type has `Type` instead of each one. */
export const modifiersOf = ({ kind, targets, modifiers }: SearchParameter): readonly string[] =>
  kind === 'reference' && targets === undefined
    ? [...modifiers.filter((name) => !KNOWN_R4_TYPES.has(name)), 'Type']
    : modifiers;

const listed = (names: readonly string[]): string => (names.length === 0 ? 'none' : names.join(', '));

/** The name of a parameter for an error. The client chooses it, so only what looks like a name is repeated. */
export const printable = (name: string): string => (/^[A-Za-z0-9_:.-]{1,60}$/.test(name) ? name : '(unprintable)');

function filter(
  { draft, options }: Context,
  parameter: SearchParameter,
  modifier: string | undefined,
  value: string,
): Fault | undefined {
  const any: SearchValue[] = [];
  for (const part of new Set(splitOr(value))) {
    const read = readValue(parameter, modifier, part, options.base);
    if (!read.ok) return bad(parameter.name, 'value', `${parameter.name} ${read.rule}`);
    any.push(read.value);
  }
  const kept =
    modifier === undefined || targetsOf(parameter).includes(modifier) ? undefined : (modifier as SearchModifier);
  draft.filters.push({ parameter, ...(kept === undefined ? {} : { modifier: kept }), any });
  return undefined;
}

function ids({ draft }: Context, value: string): Fault | undefined {
  const parts = splitOr(value);
  if (!parts.every(isId)) return bad('_id', 'value', '_id must be an id or a comma list of ids');
  draft.ids = both(draft.ids, parts);
  return undefined;
}

function updated({ draft }: Context, value: string): Fault | undefined {
  const date = parseDateSearch(value);
  if (date === undefined)
    return bad(
      '_lastUpdated',
      'value',
      '_lastUpdated must be a date or dateTime with an optional prefix (eq ne gt ge lt le sa eb ap)',
    );
  draft.updated.push(date);
  return undefined;
}

/** A patient of another server is a valid value that finds nothing. */
function patients({ draft, options }: Context, value: string): Fault | undefined {
  const found: string[] = [];
  for (const part of splitOr(value)) {
    const reference = parseReference(part);
    if (isId(part)) found.push(part);
    else if (reference.kind !== 'literal' || reference.type !== 'Patient' || reference.version !== undefined)
      return bad('patient', 'value', 'patient must be an id, Patient/id or the URL of a Patient');
    else if (reference.base === undefined || reference.base === options.base) found.push(reference.id);
  }
  draft.patients = both(draft.patients, found);
  return undefined;
}

function chained(
  { draft, definition, options }: Context,
  reference: SearchParameter,
  modifier: string | undefined,
  chain: string,
  value: string,
): Fault | undefined {
  const { name, chains, modifiers, targets, owner } = reference;
  // An identifier stands for the reference itself, so it is no type of a target.
  const isTarget = modifier === undefined || (modifiers.includes(modifier) && /^[A-Z]/.test(modifier));
  if (!chains?.includes(chain) || !isTarget) {
    const declared = definition.parameters.flatMap((known) =>
      (known.chains ?? []).map((each) => `${known.name}.${each}`),
    );
    return undeclared(name, `${name} does not have this chain; ${definition.type} has: ${listed(declared)}`);
  }
  if (value === '') return empty(name);
  const type = owner === true ? 'Patient' : targets![0]!;
  const parameter = searchOf(type)!.parameters.find((known) => known.name === chain)!;
  const any: SearchValue[] = [];
  for (const part of new Set(splitOr(value))) {
    const read = readValue(parameter, undefined, part, options.base);
    if (!read.ok) return bad(name, 'value', `${name}.${chain} ${read.rule}`);
    any.push(read.value);
  }
  if (owner === true) draft.patientFilters.push({ parameter, any });
  else draft.chains.push({ parameter: reference, type, filter: { parameter, any } });
  return undefined;
}

/**
 * The condition that a reference names one of these resources of ours.
 * @param names `Type/id`
 * @param base as in QueryOptions: an absolute reference of this base names the same resource
 */
export const referenceTo = (parameter: SearchParameter, names: readonly string[], base: string): SearchFilter => ({
  parameter,
  any: [{ kind: 'reference', names, base, foreign: false }],
});

function include({ draft, definition }: Context, value: string, iterate: boolean): Fault | undefined {
  // Clients write `*` for all includes of the type that is searched.
  const written = value === '*' && !iterate ? `${definition.type}:*` : value;
  const [type = '', parameter = '', target, ...more] = written.split(':');
  const source = iterate ? searchOf(type) : type === definition.type ? definition : undefined;
  const includes = source?.includes ?? [];
  const known = parameter === '*' ? includes[0] : includes.find((each) => each.parameter === parameter);
  const isTarget = target === undefined || (parameter !== '*' && known?.targets.includes(target));
  if (known === undefined || !isTarget || more.length > 0) {
    const declared = listed(definition.includeForms);
    return undeclared('_include', `_include does not have this value; ${definition.type} has: ${declared}`);
  }
  draft.include.push({ type, parameter, ...(target === undefined ? {} : { target }), iterate });
  return undefined;
}

function revinclude({ draft, definition }: Context, value: string): Fault | undefined {
  if (!definition.revincludes.includes(value)) {
    const declared = listed(definition.revincludes);
    return undeclared('_revinclude', `_revinclude does not have this value; ${definition.type} has: ${declared}`);
  }
  if (!draft.revinclude.includes(value)) draft.revinclude.push(value);
  return undefined;
}

const SUMMARIES: readonly string[] = ['true', 'text', 'data', 'count', 'false'] satisfies SummaryMode[];

const RESULTS: Readonly<
  Record<Exclude<ResultParameter, '_include' | '_revinclude'>, (context: Context, value: string) => Fault | undefined>
> = {
  _sort({ draft, definition }, value) {
    const sort: Draft['sort'] = [];
    for (const part of value.split(',')) {
      const by = part.startsWith('-') ? part.slice(1) : part;
      if (!definition.sorts.includes(by))
        return undeclared(
          '_sort',
          `_sort does not have this value; ${definition.type} has: ${definition.sorts.join(', ')}`,
        );
      // Resources that are equal by the first one are equal by the second one.
      if (!sort.some((known) => known.by === by)) sort.push({ by, descending: part !== by });
    }
    draft.sort = sort;
    return undefined;
  },
  _count({ draft }, value) {
    if (!/^\d{1,9}$/.test(value)) return bad('_count', 'value', '_count must be a whole number');
    draft.count = Number(value);
    return undefined;
  },
  _total({ draft }, value) {
    if (value !== 'none' && value !== 'accurate' && value !== 'estimate')
      return bad('_total', 'value', '_total must be none, estimate or accurate');
    draft.total = value === 'none' ? 'none' : 'accurate';
    return undefined;
  },
  _summary({ draft }, value) {
    if (!SUMMARIES.includes(value)) return bad('_summary', 'value', `_summary must be one of ${SUMMARIES.join(', ')}`);
    draft.summary = value as SummaryMode;
    return undefined;
  },
  _elements({ draft, definition }, value) {
    const names = value.split(',').filter((name) => name !== 'resourceType');
    if (names.length < value.split(',').length)
      draft.ignored.push(
        outcomeIssue('warning', 'not-supported', '_elements: resourceType is always there', '_elements'),
      );
    const known = structureOf(definition.type)?.elements;
    const has = (name: string) =>
      known?.has(name) || [...(known?.values() ?? [])].some(({ choice }) => choice === `${name}[x]`);
    const unknown = names.find((name) => !has(name));
    if (unknown !== undefined)
      return undeclared('_elements', `_elements: ${printable(unknown)} is no element of ${definition.type}`);
    draft.elements = [...new Set(names)];
    return undefined;
  },
};

function both(before: readonly string[] | undefined, now: readonly string[]): string[] {
  return before === undefined ? [...new Set(now)] : before.filter((value) => now.includes(value));
}
