import { type DatePrefix, type DateRange, DATE_PREFIXES } from '../dates.ts';
import { isId } from '../primitives.ts';
import { parseReference } from '../references.ts';
import type { SearchParameter } from './definitions.ts';
import { fold, foldCode } from './text.ts';
import { parseDateSearch, parseToken, splitAt, type Token, unescapeValue } from './values.ts';

export type SearchModifier = 'not' | 'text' | 'exact' | 'contains' | 'missing' | 'identifier';

/** One value of a search. Several of them in a comma list are alternatives. */
export type SearchValue =
  | ({ readonly kind: 'token' } & Token & { readonly folded?: string })
  | { readonly kind: 'string'; readonly text: string; readonly folded: string }
  | { readonly kind: 'date'; readonly prefix: DatePrefix; readonly range: DateRange }
  | ReferenceSearch
  | QuantitySearch
  | { readonly kind: 'uri'; readonly text: string }
  | CompositeSearch
  | { readonly kind: 'missing'; readonly missing: boolean };

type TokenSearch = Extract<SearchValue, { kind: 'token' }>;
/** Both parts are of one element: its code, and its value as a token or as a reference. */
export interface CompositeSearch {
  readonly kind: 'composite';
  readonly code: TokenSearch;
  readonly value: TokenSearch | ReferenceSearch;
}
interface ReferenceSearch {
  readonly kind: 'reference';
  /**
   * `Type/id`; several for a bare id, which may point to each target of the parameter. `/id` for one that may point to
   * any type, because 146 names for each of a thousand ids would take a second to compare.
   */
  readonly names: readonly string[];
  /** The base of the URLs that name the same resources: ours, or that of another server. */
  readonly base: string;
  /** Resources of another server have no relative name here. */
  readonly foreign: boolean;
  /** A canonical or another URI; absent for a bare id. */
  readonly text?: string;
}

export interface QuantitySearch {
  readonly kind: 'quantity';
  readonly prefix: DatePrefix;
  readonly number: number;
  /** The numbers that round to the given one: `5.40` covers 5.395 to 5.405. */
  readonly low: number;
  readonly high: number;
  readonly system?: string;
  readonly unit?: string;
}

export type ReadValue =
  { readonly ok: true; readonly value: SearchValue } | { readonly ok: false; readonly rule: string };

const fail = (rule: string): ReadValue => ({ ok: false, rule });
const ok = (value: SearchValue): ReadValue => ({ ok: true, value });
const PREFIXES = DATE_PREFIXES.join(' ');
// eslint-disable-next-line no-control-regex -- R4 has no such characters in strings, and a store may cut at them
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f]/;

/** Reads one value of a comma list, with its escapes. A rule names what a value must be, and never the value. */
export function readValue(
  parameter: SearchParameter,
  modifier: string | undefined,
  raw: string,
  base: string,
): ReadValue {
  if (raw === '') return fail('must not be empty');
  if (CONTROL.test(raw)) return fail('must not contain control characters');
  if (modifier === 'missing')
    return raw === 'true' || raw === 'false'
      ? ok({ kind: 'missing', missing: raw === 'true' })
      : fail('with :missing must be true or false');
  if (modifier === 'text') return readString(raw);
  switch (parameter.kind) {
    case 'token':
      return readToken(raw);
    case 'reference':
      return modifier === 'identifier' ? readToken(raw) : readReference(parameter, modifier, raw, base);
    case 'date': {
      const date = parseDateSearch(raw);
      return date === undefined
        ? fail(`must be a date or dateTime with an optional prefix (${PREFIXES})`)
        : ok({ kind: 'date', ...date });
    }
    case 'string':
      return readString(raw);
    case 'quantity':
      return readQuantity(raw);
    case 'uri':
      return ok({ kind: 'uri', text: unescapeValue(raw) });
    case 'composite':
      return readComposite(parameter, raw, base);
  }
}

function readToken(raw: string): ReadValue {
  const token = parseToken(raw);
  if (token === undefined) return fail('must be code, system|code, |code or system|');
  return ok({ kind: 'token', ...token, ...(token.code === undefined ? {} : { folded: foldCode(token.code) }) });
}

/** `code$value`. A value that names a resource is a reference, any other one a token. */
function readComposite(parameter: SearchParameter, raw: string, base: string): ReadValue {
  const fault = 'must be code$value, and the value a token or Type/id';
  const parts = splitAt(raw, '$');
  const [code, value] = parts.map((part) => (part === '' ? fail(fault) : readToken(part)));
  if (parts.length !== 2 || code?.ok !== true || value?.ok !== true) return fail(fault);
  const text = unescapeValue(parts[1]!);
  const reference = parseReference(text).kind === 'literal' ? readReference(parameter, undefined, text, base) : value;
  if (!reference.ok) return reference;
  return ok({
    kind: 'composite',
    code: code.value as TokenSearch,
    value: reference.value as TokenSearch | ReferenceSearch,
  });
}

function readString(raw: string): ReadValue {
  const text = unescapeValue(raw);
  const folded = fold(text);
  return folded === '' ? fail('must contain a letter or digit') : ok({ kind: 'string', text, folded });
}

function readReference(parameter: SearchParameter, type: string | undefined, raw: string, base: string): ReadValue {
  const text = unescapeValue(raw);
  const isBare: boolean = isId(text);
  if (isBare) {
    const types = type === undefined ? (parameter.targets ?? ['']) : [type];
    return ok({ kind: 'reference', names: types.map((each) => `${each}/${text}`), base, foreign: false });
  }
  const parsed = parseReference(text);
  if (parsed.kind === 'contained') return fail('must be an id, Type/id or a URL');
  if (parsed.kind === 'other') {
    return text.includes(':') && type === undefined
      ? ok({ kind: 'reference', names: [], base, foreign: true, text })
      : fail('must be an id, Type/id or a URL');
  }
  if (parsed.version !== undefined) return fail('must not name a version');
  if (type !== undefined && parsed.type !== type) return fail(`must refer to a ${type}, as its modifier says`);
  return ok({
    kind: 'reference',
    names: [`${parsed.type}/${parsed.id}`],
    base: parsed.base ?? base,
    foreign: parsed.base !== undefined && parsed.base !== base,
    text,
  });
}

const NUMBER = /^-?\d{1,30}(?:\.(\d{1,30}))?(?:[eE]([+-]?\d{1,2}))?$/;

function readQuantity(raw: string): ReadValue {
  const fault = 'must be a number, number|system|code or number||code, with an optional prefix';
  const parts = raw.split(/(?<!\\)\|/).map(unescapeValue);
  const head = parts[0] ?? '';
  const prefix = DATE_PREFIXES.find((known) => head.startsWith(known));
  const digits = prefix === undefined ? head : head.slice(prefix.length);
  const match = NUMBER.exec(digits);
  if (match === null || (parts.length !== 1 && parts.length !== 3)) return fail(fault);
  const number = Number(digits);
  // In decimals, because 5.4 - 0.05 is above 5.35 in floating point.
  const decimals = match[1]?.length ?? 0;
  const tenths = 10n * BigInt(digits.replace(/[eE].*/, '').replace('.', ''));
  const exponent = Number(match[2] ?? 0) - decimals - 1;
  const [, system = '', unit = ''] = parts;
  if (system !== '' && unit === '') return fail(fault);
  return ok({
    kind: 'quantity',
    prefix: prefix ?? 'eq',
    number,
    low: Number(`${tenths - 5n}e${exponent}`),
    high: Number(`${tenths + 5n}e${exponent}`),
    ...(system === '' ? {} : { system }),
    ...(unit === '' ? {} : { unit }),
  });
}
