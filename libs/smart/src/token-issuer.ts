import { randomBytes } from 'node:crypto';
import { Refusal, type Clock } from '@provider-access/kernel';
import { SignJWT } from 'jose';
import { ACCESS_TOKEN_LIFETIME, audienceOf } from './access-tokens.ts';
import type { SigningKey } from './signing-keys.ts';

export interface IssuedToken {
  readonly token: string;
  readonly expiresIn: number;
  readonly jti: string;
}
export interface TokenIssuerOptions {
  /** The key to sign with now: one that every reader knows. undefined while there is none. */
  readonly key: () => SigningKey | undefined;
  /** Public base URL without a last slash: `iss`; `aud` is it with `/fhir`. Never taken from a request. */
  readonly publicUrl: string;
  readonly clock: Clock;
}

/** Makes access tokens: auth alone. */
export class TokenIssuer {
  private readonly options: TokenIssuerOptions;
  constructor(options: TokenIssuerOptions) {
    this.options = options;
  }

  /**
   * `approvedAt` (ms since the epoch): `iat` is never before it, so that a token of an approval outlives clocks that
   * differ between instances. `approval`: which of the client's approvals it is, from 1. A token of an earlier one is
   * dead. @throws Refusal 503 while no key may sign
   */
  async issue(client: string, scope: string, approvedAt = 0, approval?: number): Promise<IssuedToken> {
    const { key, publicUrl, clock } = this.options;
    const signing = key();
    if (signing === undefined)
      throw new Refusal('unavailable', 'The keys of access tokens are not known everywhere yet. Repeat the request.', {
        retryAfter: 2,
      });
    const now = Math.floor(clock.now() / 1000);
    const jti = randomBytes(16).toString('base64url');
    const token = await new SignJWT({ client_id: client, scope, ...(approval !== undefined && { approval }) })
      .setProtectedHeader({ alg: 'ES256', kid: signing.kid, typ: 'at+jwt' })
      .setIssuer(publicUrl)
      .setSubject(client)
      .setAudience(audienceOf(publicUrl))
      .setJti(jti)
      .setIssuedAt(Math.max(now, Math.floor(approvedAt / 1000)))
      .setExpirationTime(now + ACCESS_TOKEN_LIFETIME)
      .sign(signing.privateKey);
    return { token, expiresIn: ACCESS_TOKEN_LIFETIME, jti };
  }
}
