import type { JWK } from 'jose';
import { CliError, EXIT } from '../output.ts';
import type { Server } from './server.ts';

export interface AccessToken {
  readonly value: string;
  readonly scope: string;
  /** ms since the epoch */
  readonly expiresAt: number;
}

/**
 * A client assertion for the token endpoint. It is valid for four minutes and for one request.
 * https://hl7.org/fhir/smart-app-launch/client-confidential-asymmetric.html
 */
export async function clientAssertion(
  server: Server,
  app: { readonly clientId: string; readonly key: JWK },
): Promise<{ readonly endpoint: string; readonly assertion: string }> {
  // Most commands of `pa` sign nothing, and do not pay for the library.
  const { importJWK, SignJWT } = await import('jose');
  const { token_endpoint: endpoint } = await server.json<{ token_endpoint: string }>(
    '/fhir/.well-known/smart-configuration',
  );
  const alg = app.key.alg ?? (app.key.kty === 'RSA' ? 'RS384' : 'ES384');
  const now = Math.floor(Date.now() / 1000);
  const assertion = await new SignJWT({})
    .setProtectedHeader({ alg, kid: app.key.kid ?? '', typ: 'JWT' })
    .setIssuer(app.clientId)
    .setSubject(app.clientId)
    .setAudience(endpoint)
    .setIssuedAt(now)
    .setExpirationTime(now + 240)
    .setJti(crypto.randomUUID())
    .sign(await importJWK(app.key, alg));
  return { endpoint, assertion };
}

/**
 * SMART Backend Services: a signed client assertion for an access token.
 * https://hl7.org/fhir/smart-app-launch/backend-services.html
 */
export async function requestToken(
  server: Server,
  app: { clientId: string; key: JWK; scope: string },
): Promise<AccessToken> {
  const { endpoint, assertion } = await clientAssertion(server, app);
  const answer = await server.json<{ access_token: string; expires_in: number; scope: string }>(endpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      scope: app.scope,
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: assertion,
    }).toString(),
  });
  if (typeof answer.access_token !== 'string')
    throw new CliError(EXIT.refused, 'the token endpoint answered without access_token');
  return { value: answer.access_token, scope: answer.scope, expiresAt: Date.now() + answer.expires_in * 1000 };
}

/** A token that is renewed before it expires, because exports last longer than one token. */
export class TokenSource {
  readonly #server: Server;
  readonly #app: { clientId: string; key: JWK; scope: string };
  #current: Promise<AccessToken> | undefined;
  #expiresAt = 0;
  constructor(server: Server, app: { clientId: string; key: JWK; scope: string }) {
    this.#server = server;
    this.#app = app;
  }
  /** @param refused the value that the server did not accept. The returned token is another one */
  async get(refused?: string): Promise<string> {
    const marginMs = 30_000;
    if (refused !== undefined && (await this.#current?.catch(() => undefined))?.value === refused)
      this.#current = undefined;
    if (this.#current === undefined || Date.now() > this.#expiresAt - marginMs) {
      this.#expiresAt = Number.POSITIVE_INFINITY;
      this.#current = requestToken(this.#server, this.#app);
      try {
        this.#expiresAt = (await this.#current).expiresAt;
      } catch (error) {
        this.#current = undefined;
        throw error;
      }
    }
    return (await this.#current).value;
  }
}
