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
  const array = fieldOf(value, paths.at(-1)!);
  if (!Array.isArray(array)) return undefined;
  const prefix = paths.slice(0, -1).map((fields) => bound(fieldOf(value, fields)));
  if (prefix.includes(null)) return undefined;
  const texts = new Set<string>();
  let isWhole = true;
  for (const element of array as unknown[]) {
    if (typeof element !== 'string') {
      isWhole = false;
      continue;
    }
    const text = element.toWellFormed();
    if (text !== element || texts.has(text)) isWhole = false;
    texts.add(text);
  }
  if (texts.size === 0) return undefined;
  isWhole &&= prefix.every((field) => typeof field === 'string' && field.isWellFormed());
  return { prefix: prefix as Values, texts: [...texts], isWhole };
}

/** The part without its array and the fields in front of it. */
export const withoutShared = (part: unknown, { paths }: ArrayPaths): unknown => without(part as object, paths);

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
