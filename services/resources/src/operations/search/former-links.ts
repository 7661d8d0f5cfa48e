import { createHmac, type KeyObject, timingSafeEqual } from 'node:crypto';
import type { PageToken } from './page.ts';

/**
 * Page links that release 0.1.0 writes: signed, and readable. During a roll-out clients follow them to this release,
 * and release 0.1.0 reads ours. Delete this file with its spec and its use (ADR 0041).
 * @until 0.3.0
 */
const LINK = /^[A-Za-z0-9_-]{44,4000}$/;
const SEAL = 32;

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
