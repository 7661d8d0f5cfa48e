import { isObject } from '../types.ts';
import type { Check, Group } from './group.ts';
import { Keys } from './keys.ts';
import type { Criterion } from './rules.ts';
import type { SliceOf, Test } from './values.ts';

type Element = Readonly<Record<string, unknown>>;

/**
 * An object that surely lacks nothing. The answer "no" only means that `check` has to look: that it lacks something, or
 * that it has something unusual. Nearly all resources lack nothing, and a "yes" notes and counts nothing on the way.
 */
export class QuickGroup {
  /** The place of a key is its bit in `#required`. */
  readonly #keys = new Keys<QuickElement | undefined>(undefined);
  /** The bits of elements that must be there. */
  readonly #required: number = 0;

  constructor({ checks }: Group) {
    const required = checks.filter(isRequired);
    this.#required = required.length > MOST_BITS ? NO_BIT : (1 << required.length) - 1;
    for (const check of checks) {
      const bit = required.includes(check) ? 1 << required.indexOf(check) : 0;
      for (const [name, element] of elementsOf(check))
        // Two elements of one name are unusual.
        this.#keys.set(name, this.#keys.get(name) === undefined ? element : UNUSUAL, bit);
    }
  }

  holds(parent: Element): boolean {
    const keys = this.#keys;
    let seen = 0;
    let last = keys.start;
    for (const name in parent) {
      const key = last.next.name === name ? last.next : keys.after(last, name);
      last = key;
      const { known } = key;
      if (known === undefined) continue;
      const value = parent[name];
      if (value === undefined) continue;
      if (!elementHolds(known, value)) return false;
      seen |= key.place;
    }
    return (seen & this.#required) === this.#required;
  }
}
/** Small integers, which V8 keeps without an object, have so many bits. No element has the next one. */
const MOST_BITS = 29;
const NO_BIT = 1 << MOST_BITS;

/** A slice may ask for an instance where the element asks for none. */
const isRequired = ({ min, slices }: Check): boolean => min > 0 || slices.some((slice) => slice.min > 0);

/** One property of an object. A choice has one for each of its properties. */
interface QuickElement {
  readonly min: number;
  readonly max: number;
  readonly isChoice: boolean;
  /** Absent if instances are only counted. */
  readonly inside: QuickInside | undefined;
}
/** What each instance must fulfil, and the slices it may belong to. */
interface QuickInside extends QuickRules {
  readonly type: string;
  readonly sliced: Sliced | undefined;
}
interface QuickRules {
  readonly tests: readonly Test[];
  readonly group: QuickGroup | undefined;
}
interface Sliced {
  readonly sliceOf: SliceOf;
  readonly closed: boolean;
  readonly slices: readonly QuickSlice[];
  /** The bits of slices that must be there. */
  readonly required: number;
}
interface QuickSlice extends QuickRules {
  readonly bit: number;
  readonly isForbidden: boolean;
  /** Whether any number of instances may be in it. */
  readonly repeats: boolean;
}
/** An element that needs `check`, because no number of instances fits. */
const UNUSUAL: QuickElement = { min: 0, max: -1, isChoice: false, inside: undefined };

/** The properties of an element. */
function elementsOf(check: Check): (readonly [string, QuickElement])[] {
  const { name, sibling, choice, types, primitive, min, max, slices } = check;
  // A bit tells only whether a slice has instances.
  const isUsual = slices.length <= MOST_BITS && slices.every((slice) => slice.min <= 1);
  const isChoice = choice !== undefined;
  const known = (type: string): QuickElement => {
    if (!isUsual) return UNUSUAL;
    return shared(check, type, { min, max: Math.min(max, MOST), isChoice, inside: insideOf(check, type) });
  };
  if (choice === undefined) return [[name, known('')], ...(primitive ? [[sibling, UNUSUAL] as const] : [])];
  return choice.flatMap((one) => [
    [one.name, types === undefined || types.has(one.type) ? known(one.type) : UNUSUAL] as const,
    ...(one.sibling === undefined ? [] : [[one.sibling, UNUSUAL] as const]),
  ]);
}

/** V8 keeps a small integer without an object. No list has so many instances. */
const MOST = 1 << MOST_BITS;

const sharedElements = new Map<string, QuickElement>();
const numbers = new Map<Test, number>();
/** One object for equal elements of all profiles, which then are in the cache of the processor more often. */
function shared({ tests, group, slices }: Check, type: string, element: QuickElement): QuickElement {
  if (group !== undefined || slices.length > 0) return element;
  const asked = tests.map(({ holds }) => {
    const number = numbers.get(holds) ?? numbers.size;
    numbers.set(holds, number);
    return number;
  });
  const key = JSON.stringify([element, type, asked]);
  const before = sharedElements.get(key);
  if (before === undefined) sharedElements.set(key, element);
  return before ?? element;
}

function insideOf(check: Check, type: string): QuickInside | undefined {
  const { slices, sliceOf, closed, looksInside } = check;
  if (!looksInside) return undefined;
  const quick = slices.map((slice, at) => ({
    ...rulesOf(slice),
    bit: 1 << at,
    isForbidden: slice.max < 1,
    repeats: slice.max === Number.POSITIVE_INFINITY,
  }));
  const required = slices.reduce((bits, { min }, at) => (min > 0 ? bits | (1 << at) : bits), 0);
  const sliced = slices.length === 0 ? undefined : { sliceOf, closed, slices: quick, required };
  return { ...rulesOf(check), type, sliced };
}

function rulesOf({ tests, group, when }: Check): QuickRules {
  const needed = tests.filter((test) => !when.some((criterion) => proves(criterion, test)));
  return { tests: needed.map(({ holds }) => holds), group: group && new QuickGroup(group) };
}

/** Whether each instance that fulfils the criterion of a slice fulfils a test of the slice too. */
function proves([path, kind, value]: Criterion, { holds, lack }: Check['tests'][number]): boolean {
  if (path !== '' || kind === 'types' || kind === 'binding' || lack.rule === 'type') return false;
  // What has a pattern has more codings, and one that fits is enough. A Coding may have other members.
  return (!isObject(value) || Array.isArray(value['coding'])) && holds(value, '');
}

function elementHolds({ min, max, isChoice, inside }: QuickElement, value: unknown): boolean {
  if (!Array.isArray(value)) return min <= 1 && max >= 1 && (inside === undefined || oneHolds(inside, value));
  const count = value.length;
  if (count < min || count > max || isChoice) return false;
  if (inside === undefined) return true;
  const { sliced } = inside;
  if (sliced !== undefined) return eachInSlices(inside, sliced, value);
  for (let at = 0; at < count; at++) if (sliceIn(inside, value[at]) === UNSURE) return false;
  return true;
}

function oneHolds(inside: QuickInside, value: unknown): boolean {
  const at = sliceIn(inside, value);
  if (at === UNSURE) return false;
  const { sliced } = inside;
  return sliced === undefined || sliced.required === 0 || (at >= 0 && sliced.required === sliced.slices[at]!.bit);
}

function eachInSlices(inside: QuickInside, { slices, required }: Sliced, values: readonly unknown[]): boolean {
  let seen = 0;
  for (let i = 0; i < values.length; i++) {
    const at = sliceIn(inside, values[i]);
    if (at === UNSURE) return false;
    if (at < 0) continue;
    const { bit, repeats } = slices[at]!;
    if ((seen & bit) !== 0 && !repeats) return false;
    seen |= bit;
  }
  return (seen & required) === required;
}

const UNSURE = -2;
/** The place of the slice of an instance that lacks nothing; -1 if it is in none; `UNSURE` if `check` has to look. */
function sliceIn(inside: QuickInside, value: unknown): number {
  if (!rulesHold(inside, value, inside.type)) return UNSURE;
  const { sliced } = inside;
  if (sliced === undefined) return -1;
  const at = sliced.sliceOf(value, inside.type);
  if (at < 0) return sliced.closed ? UNSURE : -1;
  const slice = sliced.slices[at]!;
  return !slice.isForbidden && rulesHold(slice, value, inside.type) ? at : UNSURE;
}

function rulesHold({ tests, group }: QuickRules, value: unknown, type: string): boolean {
  // Extensions may stand for a primitive of a list that is absent, and no list is in a list.
  if (value === null || value === undefined || Array.isArray(value)) return false;
  for (let at = 0; at < tests.length; at++) if (!tests[at]!(value, type)) return false;
  return group === undefined || !isObject(value) || group.holds(value);
}
