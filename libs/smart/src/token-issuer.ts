import { randomBytes } from 'node:crypto';
import { Refusal, type Clock } from '@provider-access/kernel';
import { SignJWT } from 'jose';
import { ACCESS_TOKEN_LIFETIME, audienceOf, MAX_TOKEN_LENGTH } from './access-tokens.ts';
import type { SigningKey } from './signing-keys.ts';

export interface IssuedToken {
  readonly token: string;
  readonly expiresIn: number;
}
export interface TokenIssuerOptions {
  /** The key to sign with, which every reader knows. Undefined while there is none. */
  readonly key: () => SigningKey | undefined;
  /** Configured public base URL without a last slash, never from a request. It is `iss`; `aud` adds `/fhir`. */
  readonly publicUrl: string;
  readonly clock: Clock;
}

/** Makes access tokens. Only auth does. */
export class TokenIssuer {
  readonly #options: TokenIssuerOptions;
  constructor(options: TokenIssuerOptions) {
    this.#options = options;
  }

  /**
   * `approval` is the number of the client's approval, from 1. A token of an earlier approval is invalid.
   * @throws Refusal 503 while no key may sign; 400 if the scope makes a token that no service would read (P54)
   */
  async issue(client: string, scope: string, approval: number): Promise<IssuedToken> {
    const { key, publicUrl, clock } = this.#options;
    const signing = key();
    if (signing === undefined)
      throw new Refusal('unavailable', 'Not every service knows the signing key yet. Repeat the request.', {
        retryAfter: 2,
      });
    const now = Math.floor(clock.now() / 1000);
    const token = await new SignJWT({ client_id: client, scope, approval })
      .setProtectedHeader({ alg: 'ES256', kid: signing.kid, typ: 'at+jwt' })
      .setIssuer(publicUrl)
      .setSubject(client)
      .setAudience(audienceOf(publicUrl))
      .setJti(randomBytes(16).toString('base64url'))
      .setIssuedAt(now)
      .setExpirationTime(now + ACCESS_TOKEN_LIFETIME)
      .sign(signing.privateKey);
    if (token.length > MAX_TOKEN_LENGTH)
      throw new Refusal('invalid-scope', 'These scopes do not fit into one access token. Ask for fewer at once.');
    return { token, expiresIn: ACCESS_TOKEN_LIFETIME };
  }
}
