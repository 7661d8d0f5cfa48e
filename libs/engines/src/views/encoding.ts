import type { QueryPlan } from './query.ts';
import type { PartPosition } from './store.ts';

/** The collection or table of a build. */
export const physicalName = (collection: string, build: number): string => `${collection}_r${build}`;

/** A part as every adapter stores it: JSON without bodies, and bodies as bytes beside it. */
export interface EncodedPart {
  readonly json: string;
  /** By body field; undefined if the part lacks the body. */
  readonly bodies: readonly (Uint8Array | undefined)[];
}

/** What `FindQuery.fields` makes of the JSON of a part. */
export const decoderOf = ({ fields }: Pick<QueryPlan, 'fields'>): ((json: string) => unknown) =>
  fields === 'text' ? (json) => ({ json }) : JSON.parse;

const utf8 = new TextEncoder();
const NO_BODIES: readonly undefined[] = [];

export function encodePart(value: unknown, bodyFields: readonly string[]): EncodedPart {
  if (bodyFields.length === 0 || typeof value !== 'object' || value === null)
    return { json: JSON.stringify(value), bodies: NO_BODIES };
  const rest: Record<string, unknown> = { ...(value as Record<string, unknown>) };
  const bodies: (Uint8Array | undefined)[] = [];
  for (const field of bodyFields) {
    bodies.push(bytesOf(rest[field]));
    // JSON leaves it out. `delete` would make the object a slow one.
    if (rest[field] !== undefined) rest[field] = undefined;
  }
  return { json: JSON.stringify(rest), bodies };
}

function bytesOf(body: unknown): Uint8Array | undefined {
  if (body === undefined || body === null) return undefined;
  if (typeof body === 'string') return utf8.encode(body);
  if (body instanceof Uint8Array) return body;
  throw new TypeError('a body is text or bytes');
}

/** Whether the record is newer than the part. */
export const isNewer = (position: PartPosition, partition: number, offset: number): boolean =>
  offset > (position[partition] ?? -1);

export const samePosition = (a: PartPosition, b: PartPosition): boolean => {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((k) => a[k] === b[k]);
};
