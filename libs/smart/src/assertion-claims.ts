import type { JWTPayload, ProtectedHeaderParameters } from 'jose';

/** Seconds. SMART: exp SHALL be no more than five minutes ahead. */
export const MAX_AHEAD = 300;
/** Seconds by which clocks may differ. */
export const SKEW = 30;

export const isText = (value: unknown, max: number): value is string =>
  typeof value === 'string' && value !== '' && value.length <= max;
const isTime = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);

/** The names of this server that `aud` may have. */
export interface Audiences {
  /** Spellings of the token endpoint, the one of the discovery documents first. One of them is required. */
  readonly endpoint: readonly string[];
  /** Names that may stand beside it in a list. */
  readonly beside: readonly string[];
}

/** Each check of one part of an assertion: what is wrong with it, undefined if nothing is. */
export const typFault = ({ typ }: ProtectedHeaderParameters): string | undefined =>
  typ === undefined || (typeof typ === 'string' && typ.toUpperCase() === 'JWT')
    ? undefined
    : 'typ of client_assertion must be JWT.';

export const subFault = ({ iss, sub }: JWTPayload): string | undefined =>
  sub === iss ? undefined : 'sub must equal iss: both are the client_id.';

/**
 * Every audience must be this server, because another server that accepts the assertion could replay it here. SMART
 * asks for the token endpoint, so one of several audiences must be a spelling of it (APPS.md P50, P51).
 */
export function audFault({ aud }: JWTPayload, { endpoint, beside }: Audiences): string | undefined {
  const given: unknown = typeof aud === 'string' ? [aud] : aud;
  const accepted: readonly unknown[] = [...endpoint, ...beside];
  if (Array.isArray(given) && given.some((a) => endpoint.includes(a as string)))
    if (given.every((a) => accepted.includes(a))) return undefined;
  const further = Array.isArray(aud) ? `. A list may also have ${beside.join(', ')}, and nothing else.` : '';
  return `aud must be the token endpoint of this server: ${endpoint[0]}${further}`;
}

/** `now`: ms since the epoch, here and below. */
export function expFault({ exp }: JWTPayload, now: number, mostAhead = MAX_AHEAD): string | undefined {
  if (!isTime(exp)) return 'exp is required, in seconds since 1970.';
  if (exp + SKEW <= now / 1000) return 'exp is past: client_assertion has expired.';
  return exp > Math.ceil(now / 1000) + mostAhead ? `exp must be at most ${mostAhead} seconds ahead.` : undefined;
}

/** `nbf` and `iat` may be absent. */
export function sinceFault(payload: JWTPayload, name: 'nbf' | 'iat', now: number): string | undefined {
  const value = payload[name];
  if (value === undefined) return undefined;
  if (!isTime(value)) return `${name} must be a number of seconds since 1970.`;
  return value > now / 1000 + SKEW ? `${name} is in the future.` : undefined;
}

export const jtiFault = ({ jti }: JWTPayload): string | undefined =>
  isText(jti, 512) ? undefined : 'jti must be a text of 1 to 512 characters, new in each client_assertion.';
export const JTI_USED = 'jti was used before: sign a new client_assertion for each request.';
export const JKU_FOREIGN = 'jku must be the registered jwks_uri, or absent.';

/** The key of a used `jti` among the claims of the state, which is in the namespace `jti`. */
export const jtiKey = ({ iss, jti }: JWTPayload): string => `${iss}|${jti}`;
