import { createHash } from 'node:crypto';
import type { JWK } from 'jose';
import { isId } from '@provider-access/fhir';
import type { LinkedMember } from '@provider-access/kernel';
import {
  type Audiences,
  audFault,
  expFault,
  isText,
  jtiFault,
  jtiKey,
  sinceFault,
  SKEW,
  subFault,
  typFault,
} from './assertion-claims.ts';
import { selectKey } from './assertion-keys.ts';
import { algorithmIn, decoded, verifies } from './client-assertion.ts';
import { keyMark } from './client-keys.ts';

/** Seconds from `iat` to `exp` at most (PEOPLE.md N51). */
const LONGEST = 600;
/** `iss` and `sub` of a link: the payer's portal for members. */
const MEMBER_PORTAL_CLIENT = 'member-portal';
/** A tag of BCP 47. */
const LANGUAGE = /^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,4}$/;

/** A link whose signature and claims hold. Nobody has looked yet whether it was used, or who the member is. */
export interface ReadLink {
  readonly member: LinkedMember;
  /** Of the use, among the claims of the state in the namespace `jti`. */
  readonly jti: string;
  /** ms since the epoch: when the portal made it. */
  readonly issuedAt: number;
  /** ms since the epoch: from then on it is refused as expired, so its use need not be remembered. */
  readonly endsAt: number;
}

/** Names a key of the portal in a session. */
export const portalKeyMark = (jwk: JWK): string => createHash('sha256').update(keyMark(jwk)).digest('hex').slice(0, 16);

/** The links have no `jwks_uri`. */
const NO_SOURCE = { get: () => Promise.resolve({ ok: false, reason: 'there is none' } as const) };

/**
 * Reads a link with which the payer's portal hands over a member. It is checked as a client assertion is, and lives for
 * ten minutes. A fault has no name, because every wrong link is answered alike.
 * @param keys the public keys of the portal
 * @param now ms since the epoch
 */
export async function readMemberLink(
  link: unknown,
  { keys, audiences, now }: { readonly keys: readonly JWK[]; readonly audiences: Audiences; readonly now: number },
): Promise<ReadLink | undefined> {
  const jwt = decoded(link);
  if (jwt === undefined) return undefined;
  const { header, payload } = jwt;
  const algorithm = algorithmIn(header);
  const { iss, iat, exp, member: id, language } = payload;
  const isWrong =
    algorithm === undefined ||
    header.crit !== undefined ||
    typFault(header) !== undefined ||
    iss !== MEMBER_PORTAL_CLIENT ||
    subFault(payload) !== undefined ||
    audFault(payload, audiences) !== undefined ||
    expFault(payload, now, LONGEST) !== undefined ||
    iat === undefined ||
    sinceFault(payload, 'iat', now) !== undefined ||
    sinceFault(payload, 'nbf', now) !== undefined ||
    exp! - iat > LONGEST ||
    jtiFault(payload) !== undefined ||
    !isText(id, 64) ||
    !isId(id);
  if (isWrong) return undefined;
  const key = await selectKey(header, algorithm, { jwks: { keys } }, NO_SOURCE);
  if ('fault' in key || !(await verifies(link as string, key.jwk, algorithm))) return undefined;
  const jti = jtiKey(payload);
  return {
    member: {
      id,
      link: createHash('sha256').update(jti).digest('hex'),
      key: portalKeyMark(key.jwk),
      ...(typeof language === 'string' && LANGUAGE.test(language) && { language }),
    },
    jti,
    issuedAt: iat * 1000,
    endsAt: (exp! + SKEW) * 1000 + 1000,
  };
}
