import type { IncomingHttpHeaders } from 'node:http';
import { matchesVersion, parseHttpDate } from '@provider-access/service/http';

/** What a client compares with the copy that it has. */
export interface Validators {
  readonly versionId: number;
  /** ms since the epoch. */
  readonly lastUpdated: number;
}

export const lastModifiedOf = ({ lastUpdated }: Pick<Validators, 'lastUpdated'>): string =>
  new Date(lastUpdated).toUTCString();

/**
 * Whether the client's copy is current, so that the answer is 304 without a body. Ask only after the decision: the
 * answer says that the resource exists. `If-None-Match` counts alone if it is there (RFC 9110 §13.2.2).
 */
export function isNotModified(headers: IncomingHttpHeaders, current: Validators): boolean {
  const none = headers['if-none-match'];
  if (none !== undefined) return matchesVersion(none, current.versionId);
  const since = parseHttpDate(headers['if-modified-since'] ?? '');
  // The header has whole seconds, and so has Last-Modified. What is no HTTP-date does not count (RFC 9110 §13.1.3).
  return since !== undefined && Math.floor(current.lastUpdated / 1000) * 1000 <= since;
}
