import type { IncomingHttpHeaders } from 'node:http';
import { parseHttpDate } from '../http/http-date.ts';

/** A version of the content of an answer. */
export interface Version {
  /** The opaque text of the entity tag. */
  readonly tag: string | number;
  /** Whether equal tags mean equal bytes. */
  readonly strong?: boolean;
  /** ms since the epoch. */
  readonly lastUpdated?: number;
}

/** The opaque text of each entity tag in a list. Weak and strong tags are compared alike (RFC 9110 §13.1.2). */
const TAG = /(?:W\/)?"([^"]*)"/g;

/** The ETag of a version of a resource: https://hl7.org/fhir/R4/http.html#versioning */
export const etagOf = ({ tag, strong = false }: Version): string => (strong ? `"${tag}"` : `W/"${tag}"`);

export function validatorsOf(version: Version): Record<string, string> {
  const { lastUpdated } = version;
  const etag = etagOf(version);
  return lastUpdated === undefined ? { etag } : { etag, 'last-modified': new Date(lastUpdated).toUTCString() };
}

/**
 * Whether the client's copy is current, so that the answer is 304 without a body. Ask only after the decision: the
 * answer says that the resource exists. `If-None-Match` counts alone if it is there (RFC 9110 §13.2.2).
 *
 * @param by `not-match`: `If-Modified-Since` does not count, because its seconds cannot tell two versions apart
 */
export function isNotModified(
  headers: IncomingHttpHeaders,
  { tag, lastUpdated = Infinity }: Version,
  by: 'full-support' | 'not-match',
): boolean {
  const none = headers['if-none-match'];
  if (none !== undefined)
    return none.trim() === '*' || [...none.matchAll(TAG)].some(([, known]) => known === String(tag));
  const given = headers['if-modified-since'];
  if (by === 'not-match' || given === undefined) return false;
  const since = parseHttpDate(given);
  // The header has whole seconds, and so has Last-Modified. What is no HTTP-date does not count (RFC 9110 §13.1.3).
  return since !== undefined && Math.floor(lastUpdated / 1000) * 1000 <= since;
}
