import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';

type Json = Record<string, unknown>;
/** What the provider answers. A test changes it. */
export interface Behaviour {
  /** Over the document that an honest provider has. */
  document: Json;
  claims: (honest: Json) => Json;
  token: (honest: Json) => Promise<string> | string;
  userInfo: Json;
  /** A refresh token, which a provider need not give. */
  refresh?: string;
  /** In place of the answer of a path. */
  instead: Record<string, ((response: ServerResponse) => void) | undefined>;
}

/** An identity provider that may lie, and that the test drives without a browser. */
export class HostileProvider {
  readonly behaviour: Behaviour = {
    document: {},
    claims: (honest) => honest,
    token: (claims) => this.sign(claims),
    userInfo: {},
    instead: {},
  };
  readonly asked: string[] = [];
  readonly #server = createServer((request, response) => void this.#answer(request, response));
  #key!: CryptoKey;
  #jwk!: JWK;
  /** The nonce of the last sign-in. */
  nonce = '';
  issuer = '';

  static async start(): Promise<HostileProvider> {
    const provider = new HostileProvider();
    const { privateKey, publicKey } = await generateKeyPair('ES256');
    provider.#key = privateKey;
    provider.#jwk = { ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' };
    await new Promise<void>((resolve) => provider.#server.listen(0, '127.0.0.1', resolve));
    provider.issuer = `http://127.0.0.1:${(provider.#server.address() as AddressInfo).port}`;
    return provider;
  }
  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  sign(claims: Json, key: CryptoKey | Uint8Array = this.#key, header: Json = {}): Promise<string> {
    return new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'k1', ...header }).sign(key);
  }

  /** What the browser brings back from the page of the provider. */
  signedIn(url: string, more: Record<string, string> = {}): string {
    const { searchParams } = new URL(url);
    this.nonce = searchParams.get('nonce')!;
    const back = { code: 'c', state: searchParams.get('state')!, iss: this.issuer, ...more };
    return `/auth/session/callback?${new URLSearchParams(back)}`;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url!;
    this.asked.push(path);
    const { document, claims, token, userInfo, refresh, instead } = this.behaviour;
    if (instead[path] !== undefined) return instead[path](response);
    const json = (body: Json): void =>
      void response.setHeader('content-type', 'application/json').end(JSON.stringify(body));
    const { issuer } = this;
    if (path === '/.well-known/openid-configuration')
      return json({
        issuer,
        authorization_endpoint: `${issuer}/authorize`,
        token_endpoint: `${issuer}/token`,
        userinfo_endpoint: `${issuer}/userinfo`,
        jwks_uri: `${issuer}/jwks`,
        response_types_supported: ['code'],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: ['ES256'],
        authorization_response_iss_parameter_supported: true,
        ...document,
      });
    if (path === '/jwks') return json({ keys: [this.#jwk] });
    if (path === '/userinfo') return json(userInfo);
    const now = Math.floor(Date.now() / 1000);
    const honest = {
      iss: issuer,
      sub: 'anna',
      aud: 'provider-access',
      iat: now,
      exp: now + 300,
      nonce: this.nonce,
      roles: ['auditor'],
    };
    const idToken = await token(claims(honest));
    return json({
      ...{ access_token: 'a', token_type: 'Bearer' },
      ...(idToken !== '' && { id_token: idToken }),
      ...(refresh !== undefined && { refresh_token: refresh }),
    });
  }
}
