import { CODE_SETS } from '../definitions/profile-table.ts';
import { KNOWN_R4_TYPES, isObject } from '../types.ts';
import type { Criterion } from './rules.ts';

/** Whether a value (an object, a primitive or undefined) fulfils a rule. `type` is the datatype of a choice. */
export type Test = (value: unknown, type: string) => boolean;

/** FHIR's pattern: what the pattern has, the value has too; each item of a list has a partner in the value. */
export function patternTest(pattern: unknown): Test {
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

const compiled: (Test | undefined)[] = [];
/** Whether a code, Coding, CodeableConcept or Quantity has a code of the set. */
export function codeTest(place: number): Test {
  return (compiled[place] ??= compileCodes(CODE_SETS[place]!));
}

function compileCodes(set: Readonly<Record<string, string>>): Test {
  const systems = new Map(
    Object.entries(set).map(([system, codes]) => [system, codes === '*' ? undefined : new Set(codes.split(' '))]),
  );
  const all = new Set([...systems.values()].flatMap((codes) => [...(codes ?? [])]));
  const has = (coding: unknown): boolean => {
    if (!isObject(coding)) return false;
    const { system, code } = coding;
    if (typeof system !== 'string' || typeof code !== 'string' || !systems.has(system)) return false;
    return systems.get(system)?.has(code) ?? true;
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

/** Whether a Reference points at one of these types, as far as it says a type. */
export function targetTest(targets: readonly string[]): Test {
  const allowed = new Set(targets);
  return (value) => {
    if (!isObject(value)) return true;
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

/** Whether an instance is one of the slice. */
export function sliceTest(criteria: readonly Criterion[]): Test {
  const tests = criteria.map(([path, kind, value]): Test => {
    if (kind === 'types') return (_value, type) => value.includes(type);
    const test = kind === 'binding' ? codeTest(value) : patternTest(value);
    return path === '' ? test : (instance) => someAt(instance, path.split('.'), 0, test);
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
