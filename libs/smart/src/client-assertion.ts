import {
  compactVerify,
  decodeJwt,
  decodeProtectedHeader,
  type JWK,
  type JWTPayload,
  type ProtectedHeaderParameters,
} from 'jose';
import type { Claims } from '@provider-access/engines/state';
import type { AssertionStep } from '@provider-access/events';
import {
  type Audiences,
  audFault,
  expFault,
  isText,
  JTI_USED,
  jtiFault,
  jtiKey,
  sinceFault,
  SKEW,
  subFault,
  typFault,
} from './assertion-claims.ts';
import { type AssertionClient, selectKey, type UsedKey } from './assertion-keys.ts';
import { ASSERTION_ALGORITHMS, publicPart, type AssertionAlgorithm } from './client-keys.ts';
import { DUMMY_KEYS } from './dummy-keys.ts';
import { importKey } from './import-key.ts';
import type { JwksSource } from './jwks-source.ts';

/** Characters. RS384 with a 4096-bit key and long URLs has some 1,500. */
const MAX_LENGTH = 8192;

/** Where a client assertion failed, in the order of the checks (docs/regulation.md#token-requests). */
export type AssertionResult =
  | { readonly ok: true; readonly client: string; readonly jti: string; readonly key: UsedKey }
  /**
   * `message` may be shown to the caller. `client` is the client that the assertion claims, undefined if unreadable.
   */
  | { readonly ok: false; readonly step: AssertionStep; readonly message: string; readonly client?: string };

export interface AssertionInput {
  readonly assertion: string;
  readonly audiences: Audiences;
  /** ms since the epoch. */
  readonly now: number;
  /** Undefined alike for a client that is unknown, rejected or suspended. */
  lookup(clientId: string): AssertionClient | undefined | Promise<AssertionClient | undefined>;
  readonly jwksSource: JwksSource;
  readonly claims: Pick<Claims, 'insertOnce'>;
}

/** The same message for every inactive client, so that a caller cannot find out which apps exist. */
const NOT_ACTIVE =
  'iss is not an active client here (registered, approved and not suspended), or client_assertion is not signed ' +
  'with its key.';

type Failure = Extract<AssertionResult, { ok: false }>;
const fail = (step: AssertionStep, message: string, client?: string): Failure => ({
  ok: false,
  step,
  message,
  ...(client !== undefined && { client }),
});
/** Header and claims, without a signature check. Undefined for what is no signed JWT. */
export function decoded(
  assertion: unknown,
): { readonly header: ProtectedHeaderParameters; readonly payload: JWTPayload } | undefined {
  if (!isText(assertion, MAX_LENGTH)) return undefined;
  try {
    return { header: decodeProtectedHeader(assertion), payload: decodeJwt(assertion) };
  } catch {
    return undefined;
  }
}
export const algorithmIn = ({ alg }: ProtectedHeaderParameters): AssertionAlgorithm | undefined =>
  ASSERTION_ALGORITHMS.find((name) => name === alg);
/** The client that an assertion names, without a signature check, for limits. Undefined if unreadable. */
export function claimedClient(assertion: unknown): string | undefined {
  const iss = decoded(assertion)?.payload.iss;
  return isText(iss, 256) ? iss : undefined;
}

/**
 * Checks a `private_key_jwt` client assertion in the order of docs/regulation.md#token-requests. A `jti` is used up
 * only by an assertion that passes every other check, and for as long as the assertion could be presented again.
 * @throws the error of `claims` when its engine is unavailable, so that no assertion is accepted then
 */
export async function verifyClientAssertion(input: AssertionInput): Promise<AssertionResult> {
  const { assertion } = input;
  if (assertion.length > MAX_LENGTH) return fail('decode', `client_assertion is longer than ${MAX_LENGTH} characters.`);
  const jwt = decoded(assertion);
  if (jwt === undefined)
    return fail('decode', 'client_assertion is not a signed JWT (three base64url parts with JSON header and claims).');
  const { header, payload } = jwt;
  const algorithm = algorithmIn(header);
  if (algorithm === undefined)
    return fail('alg', `alg of client_assertion must be ${ASSERTION_ALGORITHMS.join(' or ')}.`);
  if (header.crit !== undefined) return fail('decode', 'crit must be absent: this server supports no critical header.');
  const ofHeader = typFault(header);
  if (ofHeader !== undefined) return fail('decode', ofHeader);

  const { iss } = payload;
  if (!isText(iss, 256)) return fail('client', 'iss must be the client_id.');
  const ofSubject = subFault(payload);
  if (ofSubject !== undefined) return fail('client', ofSubject, iss);
  const client = await input.lookup(iss);
  if (client === undefined) {
    // A signature check as for a client that exists, so that the time does not show which client_ids exist.
    await verifies(assertion, DUMMY_KEYS[algorithm], algorithm);
    return fail('client', NOT_ACTIVE, iss);
  }
  const ofAudience = audFault(payload, input.audiences);
  if (ofAudience !== undefined) return fail('aud', ofAudience, iss);
  const { now } = input;
  const ofTime = expFault(payload, now) ?? sinceFault(payload, 'nbf', now) ?? sinceFault(payload, 'iat', now);
  if (ofTime !== undefined) return fail('time', ofTime, iss);

  const key = await selectKey(header, algorithm, client, input.jwksSource);
  if ('fault' in key) return fail('key', key.fault, iss);
  if (!(await verifies(assertion, key.jwk, algorithm))) return fail('signature', NOT_ACTIVE, iss);

  const ofJti = jtiFault(payload);
  if (ofJti !== undefined) return fail('jti', ofJti, iss);
  // A jti is remembered until the assertion expires, because after that `exp` refuses it.
  const fresh = await input.claims.insertOnce('jti', jtiKey(payload), (payload.exp! + SKEW) * 1000 + 1000);
  return fresh ? { ok: true, client: iss, jti: payload.jti!, key } : fail('jti', JTI_USED, iss);
}

/** Whether the key verifies the signature of a compact JWS. */
export async function verifies(assertion: string, jwk: JWK, algorithm: AssertionAlgorithm): Promise<boolean> {
  try {
    await compactVerify(assertion, await importKey(publicPart(jwk), algorithm), { algorithms: [algorithm] });
    return true;
  } catch {
    // An invalid key and a wrong signature are the same fault of the caller.
    return false;
  }
}
