import { textOf } from '@provider-access/events';
import { isId } from '@provider-access/fhir';
import type { Readable } from './read.ts';

/** A longer text is never an id. */
const MAX_TEXT = 2048;
const IN_REFERENCE = /^(?:.*\/)?Patient\/([^/?#]+)(?:\/_history\/[^/]+)?$/s;

/**
 * The member whom a value means although it is no valid id: with spaces around it, as a number, percent-encoded, or as
 * a reference to a Patient. Only a hold uses it. A hold of the wrong member denies too much, which is safer than a hold
 * of nobody.
 */
export function idMeant(value: unknown): string | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0 ? String(value) : undefined;
  if (typeof value === 'object' && value !== null) {
    return 'reference' in value && typeof value.reference === 'string' ? idMeant(value.reference) : undefined;
  }
  if (typeof value !== 'string' || value.length > MAX_TEXT) return undefined;
  const text = decoded(value).trim();
  const id = (IN_REFERENCE.exec(text)?.[1] ?? text).trim();
  return isId(id) ? id : undefined;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The data of a merge whose JSON is broken, as far as its bytes show the retired id. */
export function brokenMerge(record: Readable): { readonly from?: string } {
  const from = /"from"\s*:\s*(?:"([^"\\]{1,256})"|(\d{1,64})\b)/.exec(textOf(record));
  return from === null ? {} : { from: (from[1] ?? from[2])! };
}
