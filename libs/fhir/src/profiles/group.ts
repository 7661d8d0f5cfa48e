import type { Lack } from './rules.ts';
import type { SliceOf, Test } from './values.ts';

/** One of the properties of a choice, with its datatype. */
export interface Choice {
  readonly name: string;
  readonly sibling: string | undefined;
  readonly type: string;
  /** Of the value and the sibling in the group of the check; negative for none. */
  place: number;
  siblingPlace: number;
}

/** An element of a profile with all that the profile asks of it. A slice has the same shape. */
export interface Check {
  readonly name: string;
  readonly primitive: boolean;
  /** Where a primitive keeps its extensions: `_birthDate`. */
  readonly sibling: string;
  readonly choice?: readonly Choice[] | undefined;
  readonly types?: ReadonlySet<string>;
  readonly min: number;
  readonly max: number;
  /** Each must hold for each instance. `bare`: an instance that has only extensions need not fulfil it. */
  readonly tests: readonly { readonly holds: Test; readonly bare: boolean; readonly lack: Lack }[];
  readonly children: Check[];
  /** The children; undefined without any. */
  group: Group | undefined;
  /** Of the value and the sibling in the group of the check. */
  place: number;
  siblingPlace: number;
  readonly slices: Check[];
  sliceOf: SliceOf;
  /** How many instances of each slice were found; used again for each parent, so that a check allocates nothing. */
  counts: Uint32Array;
  readonly closed: boolean;
  /** False if only instances are counted. */
  looksInside: boolean;
  readonly lacks: Readonly<Record<'min' | 'max' | 'type' | 'slicing', Lack>>;
}

/** A key of an object. `place` is negative if no check asks for it. */
interface Key {
  readonly name: string;
  readonly place: number;
  /** The key that came after this one in the object that was read last, and the one that did before. */
  next: Key;
  before: Key;
}
/** No check asks for an empty key, so this one stands for none, and needs no check for undefined. */
function noKey(): Key {
  const none = { name: '', place: -1 } as { -readonly [Name in keyof Key]: Key[Name] };
  none.next = none;
  none.before = none;
  return none;
}
/** V8 compares keys of objects by their addresses, unless one of the texts that it compares is no key. */
const internalized = (name: string): string => Object.keys({ [name]: true })[0]!;

/** More keys than any structure has. A sender may choose names, so further ones are not kept. */
const MOST_KEYS = 500;

/**
 * The checks of the elements of one structure. Asking an object for each element costs much, most of all for elements
 * that it does not have. So one pass over the object puts all values into their places.
 */
export class Group {
  readonly checks: readonly Check[];
  /** The values of the object that is checked now. A group checks one object at a time. */
  readonly values: unknown[] = [];
  readonly #keys = new Map<string, Key>();
  /** Of this group alone: an object may have an empty key, and then the next key is noted here. */
  readonly #none = noKey();
  readonly #start = this.#keyOf('', -1);
  /** Places that have a value now. A choice has many places, and at most one of them has a value. */
  readonly #used: number[] = [];

  constructor(checks: readonly Check[]) {
    this.checks = checks;
    for (const check of checks) {
      check.place = this.#placeOf(check.name);
      check.siblingPlace = this.#placeOf(check.sibling);
      for (const one of check.choice ?? []) {
        one.place = this.#placeOf(one.name);
        one.siblingPlace = one.sibling === undefined ? -1 : this.#placeOf(one.sibling);
      }
    }
  }

  #keyOf(name: string, place: number): Key {
    return { name, place, next: this.#none, before: this.#none };
  }

  #placeOf(name: string): number {
    const known = this.#keys.get(name);
    if (known !== undefined) return known.place;
    const place = this.values.push(undefined) - 1;
    this.#keys.set(name, this.#keyOf(internalized(name), place));
    return place;
  }

  read(parent: Readonly<Record<string, unknown>>): void {
    const { values } = this;
    const used = this.#used;
    let last = this.#start;
    for (const name in parent) {
      const key = last.next.name === name ? last.next : this.#after(last, name);
      if (key.place >= 0) {
        values[key.place] = parent[name];
        used.push(key.place);
      }
      last = key;
    }
  }

  #after(last: Key, name: string): Key {
    let key = last.before.name === name ? last.before : this.#keys.get(name);
    if (key === undefined) {
      key = this.#keyOf(name, -1);
      if (this.#keys.size < MOST_KEYS) this.#keys.set(name, key);
    }
    last.before = last.next;
    last.next = key;
    return key;
  }

  /** Lets go of the values, so that no resource stays in memory. */
  clear(): void {
    const { values } = this;
    const used = this.#used;
    for (let at = 0; at < used.length; at++) values[used[at]!] = undefined;
    used.length = 0;
  }
}
