import { createHmac, type KeyObject, timingSafeEqual } from 'node:crypto';
import type { PageToken } from './page.ts';

/**
 * Page links of the release before: signed, and readable. During a roll-out instances of both releases follow the same
 * links, so this release writes them for the searches that the release before knows. Their parameters name no person.
 * Delete this file with its spec and its two uses (ADR 0041).
 * @until 0.3.0
 */
const KNOWN = new Set(['_id', 'patient', 'patient:Patient', '_lastUpdated', '_count', '_format']);
const LINK = /^[A-Za-z0-9_-]{44,4000}$/;
const SEAL = 32;

/** Undefined if the release before does not know such a search, or could not read its link. */
export function writeFormer(key: KeyObject, { client, type, query, after }: PageToken): string | undefined {
  if (after === undefined || after.sort !== undefined) return undefined;
  if (![...new URLSearchParams(query).keys()].every((name) => KNOWN.has(name))) return undefined;
  const { member, id, lastUpdated } = after;
  const payload = Buffer.from(JSON.stringify([query, member, id, ...(lastUpdated === undefined ? [] : [lastUpdated])]));
  const link = Buffer.concat([seal(key, client, type, payload), payload]).toString('base64url');
  return LINK.test(link) ? link : undefined;
}

export function readFormer(
  keys: readonly KeyObject[],
  link: string,
  client: string,
  type: string,
): PageToken | undefined {
  const bytes = LINK.test(link) ? Buffer.from(link, 'base64url') : Buffer.alloc(0);
  if (bytes.length <= SEAL) return undefined;
  const payload = bytes.subarray(SEAL);
  if (!keys.some((key) => timingSafeEqual(bytes.subarray(0, SEAL), seal(key, client, type, payload)))) return undefined;
  const [query, member, id, lastUpdated] = JSON.parse(payload.toString('utf8')) as [string, string, string, number?];
  return { client, type, query, after: { member, id, ...(lastUpdated !== undefined && { lastUpdated }) } };
}

const seal = (key: KeyObject, client: string, type: string, payload: Buffer): Buffer =>
  createHmac('sha256', key).update(`${client}\n${type}\n`).update(payload).digest();
