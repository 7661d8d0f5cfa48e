import { readGranted, type GrantedScopes } from '@provider-access/domain/smart';
import { hash } from 'node:crypto';
import { decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose';
import { BoundedMap, type Clock } from '@provider-access/kernel';
import type { Metrics } from '@provider-access/service/observability';
import type { KeySource } from './published-keys.ts';

/** Seconds. SMART Backend Services says that it SHOULD NOT exceed 300. */
export const ACCESS_TOKEN_LIFETIME = 300;
/** Characters. Our tokens have some 500, so a longer string is refused before it is hashed. */
export const MAX_TOKEN_LENGTH = 4096;

export interface AccessToken {
  readonly client: string;
  readonly scopes: GrantedScopes;
  readonly jti: string;
  /** Seconds since the epoch. */
  readonly issuedAt: number;
  readonly expiresAt: number;
  /** The number of the client's approval at the time of issue, from 1. */
  readonly approval: number;
  /** The id of the key that signed it. */
  readonly kid: string;
}
export const audienceOf = (publicUrl: string): string => `${publicUrl}/fhir`;

/** Tokens whose sha256 is remembered. A client uses one for 300 s, and hashing it is a fiftieth of a read. */
const HASHES = 256;

export interface AccessTokensOptions {
  /** Our published keys: `publishedKeys(parties.registry)`. */
  readonly keys: KeySource;
  /** Configured public base URL without a last slash, never from a request. It is `iss`; `aud` adds `/fhir`. */
  readonly publicUrl: string;
  readonly clock: Clock;
  readonly metrics?: Metrics;
  /** Most verified tokens in the cache. */
  readonly capacity?: number;
}

/**
 * Verifies our access tokens: ES256 JWTs of type `at+jwt` (RFC 9068), 300 s. A cache has verified tokens by sha256, so
 * only the first use costs a signature check. The authenticator decides whether the client may still use a token.
 */
export class AccessTokens {
  readonly issuer: string;
  readonly audience: string;
  readonly clock: Clock;
  readonly #keys: KeySource;
  readonly #metrics: Metrics | undefined;
  readonly #verified: BoundedMap<string, AccessToken>;
  /**
   * Of verified tokens alone, so that nobody else can fill it. A map compares texts only if their seeded hashes are
   * equal, so the time of a look tells nothing of a token.
   */
  readonly #hashes = new BoundedMap<string, string>(HASHES);
  readonly #capacity: number;

  constructor(options: AccessTokensOptions) {
    this.#keys = options.keys;
    this.clock = options.clock;
    this.#metrics = options.metrics;
    this.#capacity = options.capacity ?? 20_000;
    this.#verified = new BoundedMap(this.#capacity);
    this.issuer = options.publicUrl;
    this.audience = audienceOf(options.publicUrl);
  }

  /** A token that was verified before and has not expired, without a signature check. */
  cached(token: string): AccessToken | undefined {
    if (token.length > MAX_TOKEN_LENGTH) return undefined;
    const remembered = this.#hashes.get(token);
    const key = remembered ?? hash('sha256', token, 'base64');
    const known = this.#verified.get(key);
    // A withdrawn key also invalidates its cached tokens.
    if (known === undefined || known.expiresAt * 1000 <= this.clock.now() || this.#keys(known.kid) === undefined) {
      this.#verified.delete(key);
      this.#hashes.delete(token);
      return undefined;
    }
    if (remembered === undefined) this.#hashes.set(token, key);
    // The order says which token goes when there is no room. Until then nothing is moved, because V8 would build the
    // map anew after some requests.
    if (this.#verified.size * 2 > this.#capacity) this.#verified.set(key, known);
    this.#metrics?.count('pa_cache_requests_total', { cache: 'access-token', result: 'hit' });
    return known;
  }

  /**
   * The client that the token names, without a signature check. Undefined if the token is unreadable or expired, or
   * names none of our keys.
   */
  claimedBy(token: string): string | undefined {
    if (token.length > MAX_TOKEN_LENGTH) return undefined;
    try {
      const { client_id: client, exp } = decodeJwt(token);
      const { kid } = decodeProtectedHeader(token);
      if (typeof client !== 'string' || typeof exp !== 'number' || exp * 1000 <= this.clock.now()) return undefined;
      return typeof kid === 'string' && this.#keys(kid) !== undefined ? client : undefined;
    } catch {
      return undefined;
    }
  }

  /** Undefined for anything but a valid token of ours, whatever the fault. */
  async verify(token: string): Promise<AccessToken | undefined> {
    if (token.length > MAX_TOKEN_LENGTH) return undefined;
    const known = this.cached(token);
    if (known !== undefined) return known;
    this.#metrics?.count('pa_cache_requests_total', { cache: 'access-token', result: 'miss' });
    const read = await this.#check(token);
    // The key may have been withdrawn while the signature was checked.
    if (read === undefined || this.#keys(read.kid) === undefined) return undefined;
    this.#verified.set(hash('sha256', token, 'base64'), read);
    return read;
  }

  /** Removes the client's tokens from the cache, after a change of its status. */
  drop(client: string): void {
    for (const [key, token] of this.#verified) if (token.client === client) this.#verified.delete(key);
  }

  async #check(token: string): Promise<AccessToken | undefined> {
    try {
      const { payload, protectedHeader } = await jwtVerify(
        token,
        ({ kid }) => {
          const key = typeof kid === 'string' ? this.#keys(kid) : undefined;
          if (key === undefined) throw new TypeError('unknown kid');
          return key;
        },
        {
          algorithms: ['ES256'],
          typ: 'at+jwt',
          issuer: this.issuer,
          audience: this.audience,
          currentDate: new Date(this.clock.now()),
          requiredClaims: ['sub', 'client_id', 'scope', 'jti', 'iat', 'exp'],
        },
      );
      const { sub, client_id: client, scope, jti, iat, exp, approval } = payload;
      if (typeof client !== 'string' || client !== sub) return undefined;
      if (typeof scope !== 'string' || typeof approval !== 'number') return undefined;
      return {
        client,
        scopes: readGranted(scope),
        jti: jti!,
        issuedAt: iat!,
        expiresAt: exp!,
        kid: protectedHeader.kid!,
        approval,
      };
    } catch {
      // Every fault is answered with 401. Keys are in memory, so jose has no other reason to throw.
      return undefined;
    }
  }
}
