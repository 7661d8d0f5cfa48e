import { fieldOf, setField } from '../query.ts';
import type { ArrayPaths } from './tables.ts';
import { bound } from './values.ts';

export type Values = readonly (string | number)[];
/** What an index finds of a part: the fields in front of its array, and the different texts of the array. */
export interface SharedArray {
  readonly prefix: Values;
  readonly texts: readonly string[];
  /** Whether the array and the fields have nothing else, so that the part can be stored without them. */
  readonly isWhole: boolean;
}

/** Undefined if the index finds nothing. */
export function sharedArrayOf(value: unknown, { paths }: ArrayPaths): SharedArray | undefined {
  const last = paths.length - 1;
  const array = fieldOf(value, paths[last]!);
  if (!Array.isArray(array)) return undefined;
  const prefix: (string | number)[] = [];
  let isWhole = areDifferentTexts(array);
  for (let i = 0; i < last; i++) {
    const field = bound(fieldOf(value, paths[i]!));
    if (field === null) return undefined;
    prefix.push(field);
  }
  const texts = isWhole ? (array as readonly string[]) : differentTexts(array);
  if (texts.length === 0) return undefined;
  isWhole &&= prefix.every((field) => typeof field === 'string' && field.isWellFormed());
  return { prefix, texts, isWhole };
}

/** So many texts are compared with each other, because a set of them is dearer. */
const FEW = 16;
function areDifferentTexts(array: readonly unknown[]): array is readonly string[] {
  for (let i = 0; i < array.length; i++) {
    const text = array[i];
    if (typeof text !== 'string' || !text.isWellFormed()) return false;
    if (array.length <= FEW) for (let before = 0; before < i; before++) if (array[before] === text) return false;
  }
  return array.length <= FEW || new Set(array).size === array.length;
}
function differentTexts(array: readonly unknown[]): readonly string[] {
  const texts = new Set<string>();
  for (const element of array) if (typeof element === 'string') texts.add(element.toWellFormed());
  return [...texts];
}

/** The part without its array and the fields in front of it, for its JSON. */
export function withoutShared(part: unknown, { paths }: ArrayPaths): unknown {
  if (paths.some((path) => path.length > 1)) return without(part as object, paths);
  const kept = { ...(part as Record<string, unknown>) };
  // JSON leaves them out.
  for (const path of paths) kept[path[0]!] = undefined;
  return kept;
}

/** A copy, because `delete` would make the object a slow one. */
function without(value: object, paths: readonly (readonly string[])[]): object {
  const kept: Record<string, unknown> = {};
  for (const [field, inner] of Object.entries(value)) {
    let isDropped = false;
    const deeper: (readonly string[])[] = [];
    for (const path of paths) {
      if (path[0] !== field) continue;
      if (path.length === 1) isDropped = true;
      else deeper.push(path.slice(1));
    }
    if (isDropped) continue;
    const next: unknown = deeper.length === 0 ? inner : without(inner as object, deeper);
    if (field === '__proto__')
      Object.defineProperty(kept, field, { value: next, enumerable: true, configurable: true, writable: true });
    else kept[field] = next;
  }
  return kept;
}

/** The values of the fields of an index: those in front of its array, and the texts of the array. */
export type SharedValues = readonly [...fields: string[], texts: readonly string[]];

/** The part as it was written. It is changed. @param values undefined if the tables of the index do not have them */
export function restored(
  part: object,
  { paths }: ArrayPaths,
  values: SharedValues | undefined,
): Record<string, unknown> {
  const found = part as Record<string, unknown>;
  for (const [n, fields] of values === undefined ? [] : paths.entries())
    if (fieldOf(found, fields) === undefined) setField(found, fields, values![n]);
  return found;
}
