import { CODE_SETS } from '../definitions/profile-table.ts';
import { KNOWN_R4_TYPES, isObject } from '../types.ts';
import type { Criterion } from './rules.ts';

/** Whether a value (an object, a primitive or undefined) fulfils a rule. `type` is the datatype of a choice. */
export type Test = (value: unknown, type: string) => boolean;

/** FHIR's pattern: what the pattern has, the value has too; each item of a list has a partner in the value. */
export function patternTest(pattern: unknown): Test {
  const coding = onlyCoding(pattern);
  if (coding !== undefined) return (value) => isObject(value) && hasCoding(value['coding'], coding.system, coding.code);
  if (Array.isArray(pattern)) {
    const items = pattern.map(patternTest);
    return (value) => Array.isArray(value) && items.every((item) => value.some((one) => item(one, '')));
  }
  if (!isObject(pattern)) return (value) => value === pattern;
  const parts = Object.entries(pattern).map(([name, part]) => [name, patternTest(part)] as const);
  return (value) => {
    if (!isObject(value)) return false;
    for (const [name, part] of parts) if (!part(value[name], '')) return false;
    return true;
  };
}

interface Coding {
  readonly system: string;
  readonly code: string;
}
/** The coding of a pattern that has nothing else, as nearly all have. */
function onlyCoding(pattern: unknown): Coding | undefined {
  if (!isObject(pattern) || Object.keys(pattern).join() !== 'coding') return undefined;
  const [coding, another] = pattern['coding'] as Record<string, unknown>[];
  if (coding === undefined || another !== undefined || Object.keys(coding).toSorted().join() !== 'code,system')
    return undefined;
  return coding as unknown as Coding;
}
function hasCoding(codings: unknown, system: string, code: string): boolean {
  if (!Array.isArray(codings)) return false;
  for (const one of codings as unknown[])
    if (isObject(one) && one['code'] === code && one['system'] === system) return true;
  return false;
}

const compiled: (Test | undefined)[] = [];
/** Whether a code, Coding, CodeableConcept or Quantity has a code of the set. */
export function codeTest(place: number): Test {
  return (compiled[place] ??= compileCodes(CODE_SETS[place]!));
}

const FEW = 4;
function compileCodes(set: Readonly<Record<string, string>>): Test {
  const systems = new Map(
    Object.entries(set).map(([system, codes]) => [system, codes === '*' ? undefined : new Set(codes.split(' '))]),
  );
  const all = new Set([...systems.values()].flatMap((codes) => [...(codes ?? [])]));
  // A map would hash the text of the system, and most sets have one or two of them.
  const few = systems.size <= FEW ? [...systems] : undefined;
  const has = (coding: unknown): boolean => {
    if (!isObject(coding)) return false;
    const { system, code } = coding;
    if (typeof system !== 'string' || typeof code !== 'string') return false;
    if (few !== undefined) {
      for (const [name, codes] of few) if (name === system) return codes === undefined || codes.has(code);
      return false;
    }
    const codes = systems.get(system);
    return codes === undefined ? systems.has(system) : codes.has(code);
  };
  return (value) => {
    if (typeof value === 'string') return all.has(value);
    if (!isObject(value)) return false;
    const { coding } = value;
    if (!Array.isArray(coding)) return has(value);
    for (const one of coding) if (has(one)) return true;
    return false;
  };
}

const targetTests = new Map<string, Test>();
/** Whether a Reference points at one of these types, as far as it says a type. */
export function targetTest(targets: readonly string[]): Test {
  const key = targets.join(' ');
  const known = targetTests.get(key) ?? compileTargets(targets);
  targetTests.set(key, known);
  return known;
}
function compileTargets(targets: readonly string[]): Test {
  const allowed = new Set(targets);
  const relative = targets.map((target) => `${target}/`);
  return (value) => {
    if (!isObject(value)) return true;
    const { reference } = value;
    // Most references are `Type/id`.
    if (typeof reference === 'string')
      for (const start of relative)
        if (reference.startsWith(start) && !reference.includes('/', start.length)) return true;
    const type = targetOf(value);
    return type === undefined || allowed.has(type);
  };
}

function targetOf({ reference, type }: Record<string, unknown>): string | undefined {
  if (typeof reference !== 'string') return typeof type === 'string' ? type : undefined;
  const version = reference.indexOf('/_history/');
  const end = version < 0 ? reference.length : version;
  const slash = reference.lastIndexOf('/', end - 1);
  if (slash <= 0) return undefined;
  const name = reference.slice(reference.lastIndexOf('/', slash - 1) + 1, slash);
  return KNOWN_R4_TYPES.has(name) ? name : undefined;
}

/** The place of the slice that an instance belongs to; -1 if it is in none. */
export type SliceOf = (value: unknown, type: string) => number;

/** @param slices the criteria of each slice, in the order of the profile */
export function sliceOf(slices: readonly (readonly Criterion[])[]): SliceOf {
  const byUrl = placesBy(slices, (path, value) => (path === 'url' && typeof value === 'string' ? value : undefined));
  if (byUrl !== undefined) return (value) => (isObject(value) ? (byUrl.get(value['url'] as string) ?? -1) : -1);
  const path = slices[0]?.[0]?.[0] ?? '';
  const byCoding = placesBy(slices, (at, value) => {
    const coding = at === path && !path.includes('.') ? onlyCoding(value) : undefined;
    return coding && JSON.stringify([coding.code, coding.system]);
  });
  if (byCoding !== undefined) return codingSlice(path, byCoding);
  const tests = slices.map(sliceTest);
  return (value, type) => tests.findIndex((test) => test(value, type));
}

/** A map from keys to places, if each slice has one criterion and that has a key of its own. */
function placesBy(
  slices: readonly (readonly Criterion[])[],
  keyOf: (path: string, value: unknown) => string | undefined,
): Map<string, number> | undefined {
  const places = new Map<string, number>();
  for (const [at, criteria] of slices.entries()) {
    const [path, kind, value] = criteria[0]!;
    const key = criteria.length === 1 && (kind === 'pattern' || kind === 'fixed') ? keyOf(path, value) : undefined;
    if (key === undefined || places.has(key)) return undefined;
    places.set(key, at);
  }
  return places;
}

/** @param places places of slices by the JSON of code and system */
function codingSlice(path: string, places: ReadonlyMap<string, number>): SliceOf {
  // A text of both, made for each coding, would cost more than the rest of the check.
  const byCode = new Map<unknown, { readonly system: string; readonly place: number }[]>();
  for (const [key, place] of places) {
    const [code, system] = JSON.parse(key) as [string, string];
    byCode.set(code, [...(byCode.get(code) ?? []), { system, place }]);
  }
  return (value) => {
    const concept = path === '' ? value : isObject(value) ? value[path] : undefined;
    const codings = isObject(concept) ? concept['coding'] : undefined;
    if (!Array.isArray(codings)) return -1;
    for (const one of codings as unknown[]) {
      if (!isObject(one)) continue;
      const known = byCode.get(one['code']);
      if (known === undefined) continue;
      for (const { system, place } of known) if (one['system'] === system) return place;
    }
    return -1;
  };
}

function sliceTest(criteria: readonly Criterion[]): Test {
  const tests = criteria.map(([path, kind, value]): Test => {
    if (kind === 'types') return (_value, type) => value.includes(type);
    const test = kind === 'binding' ? codeTest(value) : patternTest(value);
    if (path === '') return test;
    const names = path.split('.');
    return (instance) => someAt(instance, names, 0, test);
  });
  const [only] = tests;
  if (tests.length === 1 && only !== undefined) return only;
  return (value, type) => tests.every((test) => test(value, type));
}

function someAt(value: unknown, path: readonly string[], at: number, test: Test): boolean {
  if (Array.isArray(value)) return value.some((one) => someAt(one, path, at, test));
  if (at === path.length) return test(value, '');
  return isObject(value) && someAt(value[path[at]!], path, at + 1, test);
}
