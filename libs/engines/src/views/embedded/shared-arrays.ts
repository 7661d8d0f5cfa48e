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
  const texts = new Set(array.filter((element) => typeof element === 'string').map((text) => text.toWellFormed()));
  if (texts.size === 0) return undefined;
  const isWhole =
    texts.size === array.length &&
    array.every((text) => texts.has(text as string)) &&
    prefix.every((field) => typeof field === 'string' && field.isWellFormed());
  return { prefix: prefix as Values, texts: [...texts], isWhole };
}

/** The part without its array and the fields in front of it. */
export const withoutShared = (part: unknown, { paths }: ArrayPaths): unknown => without(part as object, paths);

/** A copy, because `delete` would make the object a slow one. */
function without(value: object, paths: readonly (readonly string[])[]): object {
  const kept: [string, unknown][] = [];
  for (const [field, inner] of Object.entries(value)) {
    const found = paths.filter(([first]) => first === field);
    if (found.length === 0) kept.push([field, inner]);
    else if (found.every(({ length }) => length > 1))
      kept.push([
        field,
        without(
          inner as object,
          found.map((path) => path.slice(1)),
        ),
      ]);
  }
  return Object.fromEntries(kept);
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
