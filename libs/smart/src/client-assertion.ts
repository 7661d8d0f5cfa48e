import {
  compactVerify,
  decodeJwt,
  decodeProtectedHeader,
  type JWK,
  type JWTPayload,
  type ProtectedHeaderParameters,
} from 'jose';
import type { Claims } from '@provider-access/engines/state';
import { type AssertionClient, selectKey, type UsedKey } from './assertion-keys.ts';
import { ASSERTION_ALGORITHMS, publicPart, type AssertionAlgorithm } from './client-keys.ts';
import { DUMMY_KEYS } from './dummy-keys.ts';
import { importKey } from './import-key.ts';
import type { JwksSource } from './jwks-source.ts';

/** Seconds. SMART: exp SHALL be no more than five minutes ahead. */
export const MAX_AHEAD = 300;
/** Seconds by which clocks may differ. */
export const SKEW = 30;
/** Characters. RS384 with a 4096-bit key and long URLs has some 1,500. */
export const MAX_LENGTH = 8192;

/** Where a client assertion failed, in the order of the checks (docs/regulation.md#token-requests). */
export type AssertionStep = 'decode' | 'alg' | 'client' | 'aud' | 'time' | 'key' | 'signature' | 'jti';
export type AssertionResult =
  | { readonly ok: true; readonly client: string; readonly jti: string; readonly key: UsedKey }
  /**
   * `message` may be shown to the caller. `client` is the client that the assertion claims, undefined if unreadable.
   */
  | { readonly ok: false; readonly step: AssertionStep; readonly message: string; readonly client?: string };

export interface AssertionInput {
  readonly assertion: string;
  /** Accepted values of `aud`: the token URL. */
  readonly audiences: readonly string[];
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
export const isText = (value: unknown, max: number): value is string =>
  typeof value === 'string' && value !== '' && value.length <= max;
export const isTime = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);

/** The client that an assertion names, without a signature check, for limits. Undefined if unreadable. */
export function claimedClient(assertion: unknown): string | undefined {
  if (!isText(assertion, MAX_LENGTH)) return undefined;
  try {
    const { iss } = decodeJwt(assertion);
    return isText(iss, 256) ? iss : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Checks a `private_key_jwt` client assertion in the order of docs/regulation.md#token-requests. A `jti` is used up
 * only by an assertion that passes every other check, and for as long as the assertion could be presented again.
 * @throws the error of `claims` when its engine is unavailable, so that no assertion is accepted then
 */
export async function verifyClientAssertion(input: AssertionInput): Promise<AssertionResult> {
  const { assertion } = input;
  if (assertion.length > MAX_LENGTH) return fail('decode', `client_assertion is longer than ${MAX_LENGTH} characters.`);
  let header: ProtectedHeaderParameters;
  let payload: JWTPayload;
  try {
    header = decodeProtectedHeader(assertion);
    payload = decodeJwt(assertion);
  } catch {
    return fail('decode', 'client_assertion is not a signed JWT (three base64url parts with JSON header and claims).');
  }
  const { alg } = header;
  if (!(ASSERTION_ALGORITHMS as readonly unknown[]).includes(alg))
    return fail('alg', `alg of client_assertion must be ${ASSERTION_ALGORITHMS.join(' or ')}.`);
  const algorithm = alg as AssertionAlgorithm;
  if (header.crit !== undefined) return fail('decode', 'crit must be absent: this server supports no critical header.');
  if (header.typ !== undefined && (typeof header.typ !== 'string' || header.typ.toUpperCase() !== 'JWT'))
    return fail('decode', 'typ of client_assertion must be JWT.');

  const { iss } = payload;
  if (!isText(iss, 256)) return fail('client', 'iss must be the client_id.');
  if (payload.sub !== iss) return fail('client', 'sub must equal iss: both are the client_id.', iss);
  const client = await input.lookup(iss);
  if (client === undefined) {
    // A signature check as for a client that exists, so that the time does not show which client_ids exist.
    await verifies(assertion, DUMMY_KEYS[algorithm], algorithm);
    return fail('client', NOT_ACTIVE, iss);
  }
  const fault = audienceFault(payload, input.audiences) ?? timeFault(payload, input.now);
  if (fault !== undefined) return { ...fault, client: iss };

  const key = await selectKey(header, algorithm, client, input.jwksSource);
  if ('fault' in key) return fail('key', key.fault, iss);
  if (!(await verifies(assertion, key.jwk, algorithm))) return fail('signature', NOT_ACTIVE, iss);

  if (!isText(payload.jti, 512))
    return fail('jti', 'jti must be a text of 1 to 512 characters, new in each client_assertion.', iss);
  // A jti is remembered until the assertion expires, because after that `exp` refuses it.
  const fresh = await input.claims.insertOnce('jti', `${iss}|${payload.jti}`, (payload.exp! + SKEW) * 1000 + 1000);
  return fresh
    ? { ok: true, client: iss, jti: payload.jti, key }
    : fail('jti', 'jti was used before: sign a new client_assertion for each request.', iss);
}

function audienceFault(payload: JWTPayload, accepted: readonly string[]): Failure | undefined {
  const given = typeof payload.aud === 'string' ? [payload.aud] : (payload.aud ?? []);
  // Every audience must be this server, because another server that accepts the assertion could replay it here.
  const good = Array.isArray(given) && given.length > 0 && given.every((a) => accepted.includes(a));
  return good ? undefined : fail('aud', `aud must be the token endpoint of this server: ${accepted[0]}`);
}

function timeFault(payload: JWTPayload, nowMs: number): Failure | undefined {
  const now = nowMs / 1000;
  if (!isTime(payload.exp)) return fail('time', 'exp is required, in seconds since 1970.');
  if (payload.exp + SKEW <= now) return fail('time', 'exp is past: client_assertion has expired.');
  if (payload.exp > Math.ceil(now) + MAX_AHEAD) return fail('time', `exp must be at most ${MAX_AHEAD} seconds ahead.`);
  for (const name of ['nbf', 'iat'] as const) {
    const value = payload[name];
    if (value === undefined) continue;
    if (!isTime(value)) return fail('time', `${name} must be a number of seconds since 1970.`);
    if (value > now + SKEW) return fail('time', `${name} is in the future.`);
  }
  return undefined;
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
