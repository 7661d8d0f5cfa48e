import { createHash } from 'node:crypto';
import type { Digest, PartPosition } from './store.ts';

/** The collection or table of a build. */
export const physicalName = (collection: string, build: number): string => `${collection}_r${build}`;

/** A part as every adapter stores it: JSON without bodies, and bodies as bytes beside it. */
export interface EncodedPart {
  readonly json: string;
  /** By body field; undefined if the part lacks the body. */
  readonly bodies: readonly (Uint8Array | undefined)[];
}

/** What `FindQuery.fields` makes of the JSON of a part. */
export const decoderOf = ({ text }: { readonly text: boolean }): ((json: string) => unknown) =>
  text ? (json) => ({ json }) : JSON.parse;

const utf8 = new TextEncoder();

export function encodePart(value: unknown, bodyFields: readonly string[]): EncodedPart {
  if (bodyFields.length === 0 || typeof value !== 'object' || value === null)
    return { json: JSON.stringify(value), bodies: [] };
  const rest: Record<string, unknown> = { ...(value as Record<string, unknown>) };
  const bodies = bodyFields.map((field) => {
    const body = rest[field];
    delete rest[field];
    if (body === undefined || body === null) return undefined;
    if (typeof body === 'string') return utf8.encode(body);
    if (body instanceof Uint8Array) return body;
    throw new TypeError('a body is text or bytes');
  });
  return { json: JSON.stringify(rest), bodies };
}

/** Whether the record is newer than the part. */
export const isNewer = (position: PartPosition, partition: number, offset: number): boolean =>
  offset > (position[partition] ?? -1);

export const samePosition = (a: PartPosition, b: PartPosition): boolean => {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((k) => a[k] === b[k]);
};

/** An order-independent hash over documents: the sums of the eight words of their SHA-256. */
export class DocumentDigest {
  readonly #lanes = new Uint32Array(8);
  #count = 0;

  /** Adds a document. Its parts must be in ascending order of their names. */
  add(
    id: string,
    parts: readonly { part: string; json: string; bodies: readonly (Uint8Array | undefined | null)[] }[],
  ): void {
    const hash = createHash('sha256').update(id);
    for (const { part, json, bodies } of parts) {
      hash.update(`\0${part}\0${json}`);
      for (const body of bodies) hash.update(body ? `\0${body.byteLength}\0` : '\0-\0').update(body ?? '');
    }
    const digest = hash.digest();
    for (let i = 0; i < 8; i++) this.#lanes[i]! += digest.readUInt32LE(i * 4);
    this.#count++;
  }

  result(): Digest {
    return { count: this.#count, hash: Buffer.from(this.#lanes.buffer).toString('hex') };
  }
}
