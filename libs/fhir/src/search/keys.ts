import { hash } from 'node:crypto';
import { approximately, type DatePrefix, type DateRange } from '../dates.ts';
import type { FhirResource } from '../types.ts';
import { SEARCH, type SearchKind, type SearchParameter } from './definitions.ts';
import type { SearchFilter } from './evaluate.ts';
import {
  eachString,
  eachToken,
  hasOneValue,
  identifierOf,
  isCanonical,
  leavesOf,
  referenceOf,
  timeOf,
  unversioned,
  targetsOf,
} from './extract.ts';
import { type Leaf, walk } from './path.ts';
import type { SearchValue } from './read-value.ts';
import { signOf, sortable } from './key-text.ts';
import { fold, foldCode } from './text.ts';

/** A part of the index: one key, or all keys from `gte` to below `lt`, by UTF-8 bytes. */
export type KeyRange = { readonly key: string } | { readonly gte: string; readonly lt: string };

/** Longer keys are cut. A range is cut in the same way, so that it still holds them. */
const LONGEST_KEY = 128;
/** A resource with more values of one parameter gets `manyKey` instead, which every range of it includes. */
const MOST_KEYS = 64;
const DAY = 86_400_000;

const manyKey = (name: string): string => `${signOf(name)}!`;
/** What keys of values begin with, and keys of the identifiers of references. */
const valueOf = (name: string): string => `${signOf(name)}=`;
const identifiedBy = (name: string): string => `${signOf(name)}:`;

function cut(key: string): string {
  if (key.length <= LONGEST_KEY) return key;
  const last = key.charCodeAt(LONGEST_KEY - 1);
  // Half of a surrogate pair is no character.
  return key.slice(0, last >= 0xd800 && last <= 0xdbff ? LONGEST_KEY - 1 : LONGEST_KEY);
}

/** A code in a key ends at the first bar that is not escaped, so that two codes never have keys in common. */
const codeOf = (code: string): string => {
  if (isPlainCode(code)) return code;
  const folded = foldCode(code);
  return /[|\\]/.test(folded) ? folded.replace(/[|\\]/g, '\\$&') : folded;
};
/** Whether a code is its own form in a key, as most are: ASCII without capital letters, bars and backslashes. */
function isPlainCode(code: string): boolean {
  for (let at = 0; at < code.length; at++) {
    const char = code.charCodeAt(at);
    if (char < 0x20 || char > 0x7b || (char >= 0x41 && char <= 0x5c)) return false;
  }
  return true;
}
/** @param start `valueOf` or `identifiedBy` */
const tokenKey = (start: string, code: string, system: string | undefined): string =>
  cut(`${start}${codeOf(code)}|${system === undefined ? '' : system.toWellFormed()}`);

/**
 * The keys of an index over the resources of one type, for example of one member. A key is the sign of a parameter
 * (`signOf`), `=` and a value:
 * - token `code|system`, the code in lower case and with `\` before each bar and backslash
 * - reference `Type/id` or a URI; uri as it is, without a version
 * - string: each text, folded
 * - date: `s` and the start if the time is at most a day; otherwise `l` and the end. So a range needs no search for
 *   long times that began before it.
 * A reference has keys of its identifier too, with `:` for `=`.
 */
export function indexKeys(resource: FhirResource): readonly string[] {
  const keys: string[] = [];
  for (const indexed of indexedOf(resource.resourceType)) addKeys(indexed, resource, keys);
  return keys;
}

interface Indexed {
  readonly kind: SearchKind;
  readonly leaves: readonly Leaf[];
  /** What its keys begin with. */
  readonly values: string;
  readonly identifiers: string;
  readonly many: string;
}
const NOT_INDEXED: readonly Indexed[] = [];
const indexedByType = new Map(
  Object.values(SEARCH).map(({ type, parameters }) => [
    type as string,
    parameters
      .filter(({ indexed }) => indexed)
      .map((parameter): Indexed => {
        const { name, kind } = parameter;
        const leaves = leavesOf(parameter);
        return { kind, leaves, values: valueOf(name), identifiers: identifiedBy(name), many: manyKey(name) };
      }),
  ]),
);
const indexedOf = (type: string): readonly Indexed[] => indexedByType.get(type) ?? NOT_INDEXED;

/** How `indexKeys` forms keys. Raise it when equal values get other keys. */
const FORMAT = 3;
/** Changes when the keys of a resource may change, so that stored keys of another version are computed again. */
export const KEYS_VERSION: string = hash(
  'sha256',
  JSON.stringify([
    FORMAT,
    ...Object.values(SEARCH).map(({ type, parameters }) => [
      type,
      ...parameters.filter(({ indexed }) => indexed).map(({ name, kind, path }) => [name, signOf(name), kind, path]),
    ]),
  ]),
  'base64url',
).slice(0, 8);

function addKeys(indexed: Indexed, resource: FhirResource, keys: string[]): void {
  const before = keys.length;
  for (const leaf of indexed.leaves) {
    // Most elements are absent.
    const first = leaf.steps[0]?.property;
    if (first === undefined || resource[first] !== undefined) addLeaf(indexed, leaf, resource, keys, before);
  }
  if (keys.length - before <= MOST_KEYS) return;
  keys.length = before;
  keys.push(indexed.many);
}

function addLeaf(
  { kind, values, identifiers }: Indexed,
  leaf: Leaf,
  resource: FhirResource,
  keys: string[],
  before: number,
): void {
  const { type } = leaf;
  /** No two parameters have a key in common, so the last keys are the ones of this parameter. */
  const add = (key: string): void => {
    for (let at = keys.length - 1; at >= before; at--) if (keys[at] === key) return;
    keys.push(key);
  };
  let last: unknown;
  walk(resource, leaf, (value) => {
    if (keys.length - before > MOST_KEYS) return;
    switch (kind) {
      case 'token':
        eachToken(type, value, (system, code) => {
          if (code !== undefined) add(tokenKey(values, code, system));
        });
        break;
      case 'reference': {
        const reference = referenceOf(type, value);
        if (reference !== undefined)
          add(reference.kind === 'literal' ? cut(values + reference.name) : uriKey(values, reference.text));
        eachToken('Identifier', identifierOf(type, value), (system, code) => {
          if (code !== undefined) add(tokenKey(identifiers, code, system));
        });
        break;
      }
      case 'string':
        eachString(type, value, (text) => add(cut(values + fold(text))));
        break;
      case 'date': {
        // The lines of a claim have the same days.
        if (value === last) break;
        last = value;
        const time = timeOf(type, value);
        if (time !== undefined) add(dateKey(values, time));
        break;
      }
      case 'uri':
        if (typeof value === 'string') add(uriKey(values, value));
        break;
    }
  });
}

const uriKey = (start: string, uri: string): string => cut(start + unversioned(uri).toWellFormed());
const dateKey = (begin: string, { start, end }: DateRange): string =>
  `${begin}${end - start <= DAY ? `s${sortable(start)}` : `l${sortable(end)}`}`;

/**
 * Ranges that together hold every resource of the type that matches the filter, and perhaps others. Undefined if the
 * index cannot find them, or if there are more than `most`: the caller then checks all candidates.
 */
export function keyRanges(
  { parameter, modifier, any }: SearchFilter,
  most = Number.POSITIVE_INFINITY,
): readonly KeyRange[] | undefined {
  if (!parameter.indexed) return undefined;
  if (modifier === 'missing' || modifier === 'not' || modifier === 'text' || modifier === 'contains') return undefined;
  const ranges: KeyRange[] = [{ key: manyKey(parameter.name) }];
  for (const value of any) {
    const more = rangesOf(parameter, modifier, value);
    if (more === undefined) return undefined;
    ranges.push(...more);
    if (ranges.length > most) return undefined;
  }
  return ranges;
}

/** What the keys alone tell of a search, where they tell it of nearly every resource. */
export interface ExactKeys {
  /** Together they hold every resource that satisfies all filters, and no other one but those of `unsure`. */
  readonly all: readonly (readonly KeyRange[])[];
  /** The keys of resources that the search has to look into, because they have too many values of a parameter. */
  readonly unsure: readonly string[];
}

/**
 * The conditions on keys of a search that needs no look into the resources. Undefined if a filter is not exact in keys,
 * because other resources have the same keys:
 * - a date has one end of its time, and a reference has no base
 * - `:exact` compares the text before it is folded, `|code` a system that is absent, and a uri with a version that one
 * - `:not`, `:missing`, `:text` and `:contains` have no keys
 * - a key of full length may be cut, and U+FFFD may stand for half of a surrogate pair
 */
export function exactKeys(filters: readonly SearchFilter[]): ExactKeys | undefined {
  if (filters.length === 0 || filters.length > MOST_CONDITIONS) return undefined;
  const all: (readonly KeyRange[])[] = [];
  const unsure = new Set<string>();
  for (const { parameter, modifier, any } of filters) {
    if (!parameter.indexed || (modifier !== undefined && modifier !== 'identifier')) return undefined;
    const ranges: KeyRange[] = [];
    for (const value of any) {
      const more = isExact(value) ? rangesOf(parameter, modifier, value) : undefined;
      if (more === undefined || !more.every(isWhole) || ranges.length > MOST_RANGES) return undefined;
      ranges.push(...more);
    }
    all.push(ranges);
    unsure.add(manyKey(parameter.name));
  }
  const ranks = new Map(all.map((ranges, i) => [ranges, rankOf(filters[i]!.parameter)]));
  return { all: all.toSorted((a, b) => ranks.get(a)! - ranks.get(b)!), unsure: [...unsure] };
}

function isExact(value: SearchValue): boolean {
  switch (value.kind) {
    case 'token':
      return value.code !== undefined && value.system !== null;
    case 'string':
      return true;
    case 'uri':
      return unversioned(value.text) === value.text;
    case 'reference':
    case 'date':
    case 'quantity':
    case 'composite':
    case 'missing':
      return false;
  }
}
/** Whether a key or a prefix was surely not cut, and has no character that stands for others. */
function isWhole(range: KeyRange): boolean {
  const text = 'key' in range ? range.key : range.gte;
  return text.length < LONGEST_KEY - 1 && !text.includes('\uFFFD');
}

/** Conditions on keys: each one holds every resource that satisfies all filters. The most selective one is first. */
export function keyConditions(filters: readonly SearchFilter[]): readonly (readonly KeyRange[])[] {
  const found = new Map<string, { readonly rank: number; readonly ranges: readonly KeyRange[] }>();
  for (const [at, filter] of filters.entries()) {
    const ranges = keyRanges(filter, MOST_RANGES);
    if (ranges === undefined) continue;
    const { parameter } = filter;
    // Only the one value of a resource can satisfy both limits of a range of time, so the index looks between them.
    const narrow = parameter.kind === 'date' && hasOneValue(parameter);
    const name = narrow ? parameter.name : `${at}`;
    const before = found.get(name);
    found.set(name, {
      rank: rankOf(parameter),
      ranges: before === undefined ? ranges : common(before.ranges, ranges),
    });
  }
  const conditions = [...found.values()].toSorted((a, b) => a.rank - b.rank).map(({ ranges }) => ranges);
  return conditions.slice(0, MOST_CONDITIONS);
}
/** The search checks every candidate anyway. More conditions would cost the index more than they leave out. */
const MOST_CONDITIONS = 8;
/** A bare id may name a resource of each type, so a list of them would be more text than a query may have. */
const MOST_RANGES = 5_000;

/** Which kind of parameter fits the fewest records of a member, in general. */
const RANK = ['identifier', 'reference', 'uri', 'string', 'quantity', 'token', 'date', 'group'];
/** Tokens with few values, each of which many resources have. */
const GROUPS = new Set(['category', 'type', 'class']);
function rankOf({ name, kind }: SearchParameter): number {
  return RANK.indexOf(name === 'identifier' ? name : GROUPS.has(name) ? 'group' : kind);
}
/** Holds no key. */
const NONE: KeyRange = { gte: '=', lt: '=' };

/** What lies in a range of both lists. The keys of dates are ASCII, so their order is that of their bytes. */
function common(some: readonly KeyRange[], others: readonly KeyRange[]): readonly KeyRange[] {
  const both: KeyRange[] = [];
  for (const a of some)
    for (const b of others) {
      if ('key' in a || 'key' in b) {
        if ('key' in a && 'key' in b && a.key === b.key) both.push(a);
        continue;
      }
      const [gte, lt] = [a.gte > b.gte ? a.gte : b.gte, a.lt < b.lt ? a.lt : b.lt];
      if (gte < lt) both.push({ gte, lt });
    }
  return both.length === 0 ? [NONE] : both;
}

function rangesOf(
  parameter: SearchParameter,
  modifier: string | undefined,
  value: SearchValue,
): readonly KeyRange[] | undefined {
  const { name } = parameter;
  switch (value.kind) {
    case 'token': {
      if (value.code === undefined) return undefined;
      const start = modifier === 'identifier' ? identifiedBy(name) : valueOf(name);
      if (value.system === undefined) return [startingWith(`${start}${codeOf(value.code)}|`)];
      return [{ key: tokenKey(start, value.code, value.system ?? undefined) }];
    }
    case 'string':
      return modifier === 'exact'
        ? [{ key: cut(valueOf(name) + value.folded) }]
        : [startingWith(valueOf(name) + value.folded)];
    case 'reference': {
      const names = value.names.flatMap((each) =>
        each.startsWith('/') ? targetsOf(parameter).map((type) => type + each) : [each],
      );
      const keys = names.map((each) => ({ key: cut(valueOf(name) + each) }));
      const isUri = value.text !== undefined && (keys.length === 0 || isCanonical(parameter));
      return isUri ? [...keys, { key: uriKey(valueOf(name), value.text!) }] : keys;
    }
    case 'date':
      return dateRanges(name, value.prefix, value.range);
    case 'uri':
      return [{ key: uriKey(valueOf(name), value.text) }];
    case 'quantity':
    case 'composite':
    case 'missing':
      return undefined;
  }
}

/** Short times by their start and long ones by their end, as far as `matchesDate` may accept them. */
function dateRanges(name: string, prefix: DatePrefix, value: DateRange): readonly KeyRange[] | undefined {
  const short = (from: number, below: number) => between(`${valueOf(name)}s`, from, below);
  const long = (from: number, below: number) => between(`${valueOf(name)}l`, from, below);
  const first = Number.NEGATIVE_INFINITY;
  const last = Number.POSITIVE_INFINITY;
  const { start, end } = value;
  switch (prefix) {
    case 'eq':
      return [short(start, end), long(start, end + 1)];
    case 'ne':
      return undefined;
    case 'gt':
      return [short(end - DAY, last), long(end, last)];
    case 'ge':
      return [short(Math.min(start, end - DAY), last), long(start, last)];
    case 'lt':
      return [short(first, start), long(first, last)];
    case 'le':
      return [short(first, end), long(first, last)];
    case 'sa':
      return [short(end, last), long(end, last)];
    case 'eb':
      return [short(first, start), long(first, start + 1)];
    case 'ap': {
      const near = approximately(value);
      return [short(near.start - DAY, near.end), long(near.start, last)];
    }
  }
}

function between(prefix: string, from: number, below: number): KeyRange {
  return {
    gte: prefix + sortable(from),
    lt: below === Number.POSITIVE_INFINITY ? after(prefix) : prefix + sortable(below),
  };
}

function startingWith(prefix: string): KeyRange {
  const start = cut(prefix);
  return { gte: start, lt: after(start) };
}

/** The first text after all that start with `prefix`. Code points sort as their UTF-8 bytes do. */
function after(prefix: string): string {
  const points = [...prefix];
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    const point = last.codePointAt(0)!;
    if (point < 0x10_ffff) return points.join('') + String.fromCodePoint(point === 0xd7ff ? 0xe000 : point + 1);
  }
  return prefix;
}
