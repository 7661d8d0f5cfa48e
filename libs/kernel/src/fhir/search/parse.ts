import { isId } from '../primitives.ts';
import { type OperationOutcomeIssue, outcomeIssue } from '../outcome.ts';
import { parseReference } from '../references.ts';
import { SEARCH_PARAMETERS, type SearchParameter } from './parameters.ts';
import { type DateSearch, parseDateSearch, parseToken, splitOr, type Token } from './values.ts';

/** A parsed search. The client did not use the parameter of an absent property. */
export interface SearchQuery {
  readonly type: string;
  /** Any of these. An empty list matches nothing, for example after two `_id` without a common value. */
  readonly ids?: readonly string[];
  /** Any of these member ids. An empty list matches nothing. */
  readonly patients?: readonly string[];
  /** By parameter name: all must hold. */
  readonly dates?: Readonly<Record<string, readonly DateSearch[]>>;
  /** By parameter name: all of the outer list, any of each inner one. */
  readonly tokens?: Readonly<Record<string, readonly (readonly Token[])[]>>;
  readonly count?: number;
  readonly summary?: boolean;
}

export type SearchParse =
  { readonly ok: true; readonly query: SearchQuery } | { readonly ok: false; readonly issue: OperationOutcomeIssue };

interface Draft {
  ids?: string[];
  patients?: string[];
  dates?: Record<string, DateSearch[]>;
  tokens?: Record<string, Token[][]>;
  count?: number;
  summary?: boolean;
}

/** Reads one value into the draft. Returns undefined, or the rule that the value breaks, and never the value. */
type Reader = (
  draft: Draft,
  value: string,
  parameter: SearchParameter,
  modifier: string | undefined,
) => string | undefined;

const JSON_FORMATS = new Set(['json', 'application/json', 'application/fhir+json', 'text/json']);

const READERS: Readonly<Record<SearchParameter['kind'], Reader>> = {
  id(draft, value) {
    const ids = splitOr(value);
    if (!ids.every(isId)) return 'must be an id or a comma list of ids';
    draft.ids = both(draft.ids, ids);
    return undefined;
  },
  patient(draft, value) {
    const ids: string[] = [];
    for (const part of splitOr(value)) {
      const reference = parseReference(part);
      if (isId(part)) ids.push(part);
      else if (reference.kind === 'relative' && reference.type === 'Patient' && reference.version === undefined)
        ids.push(reference.id);
      else return 'must be an id or Patient/id';
    }
    draft.patients = both(draft.patients, ids);
    return undefined;
  },
  date(draft, value, { name }) {
    const parsed = parseDateSearch(value);
    if (parsed === undefined || ['sa', 'eb', 'ap'].includes(parsed.prefix))
      return 'must be a date or dateTime with an optional prefix (eq ne gt ge lt le)';
    ((draft.dates ??= {})[name] ??= []).push(parsed);
    return undefined;
  },
  token(draft, value, { name }) {
    const tokens: Token[] = [];
    for (const part of splitOr(value)) {
      const parsed = parseToken(part);
      if (parsed === undefined) return 'must be code, system|code, |code or system|';
      tokens.push(parsed);
    }
    ((draft.tokens ??= {})[name] ??= []).push(tokens);
    return undefined;
  },
  count(draft, value) {
    if (!/^\d{1,9}$/.test(value)) return 'must be a whole number';
    draft.count = Number(value);
    return undefined;
  },
  summary(draft, value) {
    if (value !== 'true' && value !== 'false') return 'must be true or false';
    draft.summary = value === 'true';
    return undefined;
  },
  // URLSearchParams reads `+` as a space: `application/fhir json`.
  format: (_draft, value) => (JSON_FORMATS.has(value.replace(' ', '+')) ? undefined : 'only JSON is served'),
};

function both(before: string[] | undefined, now: string[]): string[] {
  return before === undefined ? [...new Set(now)] : before.filter((value) => now.includes(value));
}

/**
 * Reads a search on `type` by the table SEARCH_PARAMETERS. Unknown parameters and modifiers are errors, because a
 * search that ignores a filter would return too much. The caller must remove the parameter of a page link first.
 * @param applied names of the filters that the caller applies to what it finds
 * @throws TypeError if the caller does not apply a filter of the table, even if the search does not name it. So a new
 * row fails every search on its type until the caller applies it
 */
export function parseSearch(type: string, parameters: URLSearchParams, applied: ReadonlySet<string>): SearchParse {
  const table = Object.hasOwn(SEARCH_PARAMETERS, type) ? SEARCH_PARAMETERS[type] : undefined;
  if (table === undefined) return refuse('not-supported', `search on this type is not supported`, undefined);
  const ignored = table.find(({ name, role }) => role === 'filter' && !applied.has(name));
  if (ignored !== undefined)
    throw new TypeError(`${type} has the search parameter ${ignored.name}, which is not applied`);
  const draft: Draft = {};
  const seen = new Set<string>();
  for (const [key, value] of parameters) {
    const [name = '', modifier, ...rest] = key.split(':');
    const parameter = table.find((known) => known.name === name);
    if (parameter === undefined) {
      return refuse(
        'not-supported',
        `unknown search parameter ${printable(key)}; ${type} has: ${table.map((known) => known.name).join(', ')}`,
        printable(key),
      );
    }
    if (modifier !== undefined && !(parameter.kind === 'patient' && modifier === 'Patient' && rest.length === 0)) {
      return refuse('not-supported', `${name}: the modifier is not supported`, name);
    }
    if (seen.has(name) && !parameter.repeats) return refuse('invalid', `${name} must be given only once`, name);
    seen.add(name);
    const fault = value === '' ? 'must not be empty' : READERS[parameter.kind](draft, value, parameter, modifier);
    if (fault !== undefined) return refuse('value', `${name} ${fault}`, name);
  }
  return { ok: true, query: { type, ...draft } };
}

function refuse(
  code: 'not-supported' | 'invalid' | 'value',
  text: string,
  expression: string | undefined,
): SearchParse {
  return { ok: false, issue: outcomeIssue('error', code, text, expression) };
}

/** The client chooses this text, so an error repeats it only if it looks like a name. */
function printable(name: string): string {
  return /^[A-Za-z0-9_:.-]{1,60}$/.test(name) ? name : '(unprintable)';
}
