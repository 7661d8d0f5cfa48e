import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { generateKeyPair, UnsecuredJWT } from 'jose';
import { type Logger, silentLogger } from '@provider-access/service/observability';
import { HostileProvider } from '../../../test/hostile-provider.ts';
import { type Answer, Bench, prepare, PUBLIC_URL } from '../../../test/harness.ts';
import { authConfig, authSettings } from '../../config.ts';

let provider: HostileProvider;
let bench: Bench;
let warned: object[];
beforeAll(prepare);
/** `withinMs`: how long a request to the provider may take. */
async function start(withinMs: number): Promise<void> {
  const env = {
    PUBLIC_URL,
    ALLOW_INSECURE_JWKS: 'true',
    OIDC_ISSUER: provider.issuer,
    OIDC_CLIENT_ID: 'provider-access',
  };
  const { identityProvider, allowInsecureJwks } = authConfig(authSettings.parse(env));
  const config = { identityProvider, allowInsecureJwks, identityProviderWithinMs: withinMs };
  const logger = { ...silentLogger, warn: (details: object) => void warned.push(details) } as unknown as Logger;
  bench = await Bench.start({ now: Date.now(), config, logger });
}
beforeEach(async () => {
  provider = await HostileProvider.start();
  warned = [];
  await start(60_000);
});
afterEach(async () => {
  await bench.stop();
  await provider.close();
});

async function signIn(more: Record<string, string> = {}): Promise<Answer> {
  const begun = await bench.call('GET', '/auth/session/sign-in');
  if (begun.status !== 302) return begun;
  const cookie = String(begun.headers['set-cookie']).split(';')[0]!;
  return bench.call('GET', provider.signedIn(begun.headers['location']!, more), { headers: { cookie } });
}
const outcome = ({ status, headers }: Answer): readonly unknown[] => [status, headers['set-cookie'] !== undefined];
const never = (): void => undefined;

describe('an identity provider', () => {
  it('signs a person in by its ID token', async () => {
    expect(outcome(await signIn())).toEqual([302, true]);
  });

  it.each<[string, (honest: Record<string, unknown>) => Record<string, unknown>]>([
    ['for another sign-in, whose nonce it has', (honest) => ({ ...honest, nonce: 'other' })],
    ['without a nonce', ({ nonce: _nonce, ...honest }) => honest],
    ['for another application', (honest) => ({ ...honest, aud: 'other' })],
    [
      'for several applications, of which another one asked',
      (honest) => ({ ...honest, aud: ['provider-access', 'other'], azp: 'other' }),
    ],
    ['of another issuer', (honest) => ({ ...honest, iss: 'https://other.example' })],
    ['without a subject', ({ sub: _sub, ...honest }) => honest],
    ['with an empty subject', (honest) => ({ ...honest, sub: '' })],
    ['with a subject of several lines', (honest) => ({ ...honest, sub: 'anna\nberta' })],
    ['with a subject that is too long', (honest) => ({ ...honest, sub: 'a'.repeat(256) })],
    ['that has expired', (honest) => ({ ...honest, exp: 1, iat: 0 })],
  ])('that answers with an ID token %s signs nobody in', async (_, claims) => {
    provider.behaviour.claims = claims;
    expect(outcome(await signIn())).toEqual([403, false]);
  });

  it.each<[string, (claims: Record<string, unknown>) => Promise<string> | string]>([
    ['`alg` none', (claims) => new UnsecuredJWT(claims).encode()],
    [
      'the signature of another key',
      async (claims) => provider.sign(claims, (await generateKeyPair('ES256')).privateKey),
    ],
    [
      'a signature by what everybody knows',
      (claims) => provider.sign(claims, new TextEncoder().encode('provider-access'.repeat(3)), { alg: 'HS256' }),
    ],
    ['a signature that was cut off', async (claims) => (await provider.sign(claims)).replace(/[^.]+$/, '')],
    ['no ID token at all', () => ''],
  ])('that answers with %s signs nobody in', async (_, token) => {
    provider.behaviour.token = token;
    expect(outcome(await signIn())).toEqual([403, false]);
  });

  it('that tells the roles of another person signs nobody in', async () => {
    provider.behaviour.claims = ({ roles: _roles, ...honest }) => honest;
    provider.behaviour.userInfo = { sub: 'berta', roles: ['reviewer'] };
    expect(outcome(await signIn())).toEqual([403, false]);
    provider.behaviour.userInfo = { sub: 'anna', roles: ['reviewer'] };
    expect(outcome(await signIn())).toEqual([302, true]);
  });

  it('is the one that the browser was sent to: the answer of another one signs nobody in', async () => {
    expect(outcome(await signIn({ iss: 'https://other.example' }))).toEqual([403, false]);
    expect(outcome(await signIn({ state: 'other' }))).toEqual([403, false]);
    expect(provider.asked).not.toContain('/token');
  });

  it('that refuses says nothing in our answer', async () => {
    const answer = await signIn({ error: 'access_denied', error_description: '<script>alert(1)</script>' });
    expect(outcome(answer)).toEqual([403, false]);
    expect(JSON.stringify(answer.body)).not.toContain('alert');
  });

  it.each<[string, string, (response: ServerResponse) => void]>([
    ['never answers for its document', '/.well-known/openid-configuration', never],
    ['never answers for a token', '/token', never],
    [
      'never ends its answer',
      '/token',
      (response) => void response.writeHead(200, { 'content-type': 'application/json' }).write('{'),
    ],
  ])('that %s signs nobody in, and the answer says to try again', async (_, path, instead) => {
    await bench.stop();
    await start(500);
    provider.behaviour.instead = { [path]: instead };
    expect(outcome(await signIn())).toEqual([503, false]);
    expect(warned).toEqual([{ reason: 'it did not answer in time' }]);
  });

  it.each<[string, string, (response: ServerResponse) => void]>([
    [
      'answers with a megabyte',
      '/token',
      (response) => void response.setHeader('content-type', 'application/json').end(`"${'x'.repeat(1_000_000)}"`),
    ],
    ['fails', '/token', (response) => void response.writeHead(502).end()],
    ['fails with its document', '/.well-known/openid-configuration', (response) => void response.writeHead(404).end()],
  ])('that %s is asked again the next time', async (_, path, instead) => {
    provider.behaviour.instead = { [path]: instead };
    expect(outcome(await signIn())).toEqual([503, false]);
    expect(warned).toHaveLength(1);
    provider.behaviour.instead = {};
    expect(outcome(await signIn())).toEqual([302, true]);
  });

  it('that fails while a session is renewed leaves it as it is, and its roles do not count', async () => {
    const signedIn = await signIn();
    const cookie = String(signedIn.headers['set-cookie']).split(';')[0]!;
    const { body } = await bench.call('GET', '/auth/session', { headers: { cookie } });
    const headers = { cookie, 'x-csrf-token': body['csrf'] as string };
    bench.clock.ms += 5 * 60_000;
    provider.behaviour.instead = { '/userinfo': (response) => void response.writeHead(503).end() };
    expect((await bench.call('POST', '/auth/session/renew', { headers })).status).toBe(503);
    expect((await bench.call('GET', '/auth/clients', { headers })).status).toBe(401);
    provider.behaviour.instead = {};
    provider.behaviour.userInfo = { sub: 'anna', roles: ['auditor'] };
    expect((await bench.call('POST', '/auth/session/renew', { headers })).status).toBe(200);
    expect((await bench.call('GET', '/auth/clients', { headers })).status).toBe(200);
    // Another person in the answer ends the session.
    provider.behaviour.userInfo = { sub: 'berta', roles: ['reviewer'] };
    expect((await bench.call('POST', '/auth/session/renew', { headers })).status).toBe(401);
    expect((await bench.call('GET', '/auth/session', { headers })).status).toBe(401);
  });
});

describe('an identity provider that gave a refresh token', () => {
  type Claims = Record<string, unknown>;
  const berta = (honest: Claims): Claims => ({ ...honest, sub: 'berta', roles: ['reviewer'] });
  const none = async (): Promise<string> => '';
  /** What a session of Anna may do after a renewal, of which the provider answers so. */
  async function renewed(behaviour: Partial<HostileProvider['behaviour']>): Promise<readonly unknown[]> {
    provider.behaviour.refresh = 'r1';
    const signedIn = await signIn();
    const cookie = String(signedIn.headers['set-cookie']).split(';')[0]!;
    const { body } = await bench.call('GET', '/auth/session', { headers: { cookie } });
    const headers = { cookie, 'x-csrf-token': body['csrf'] as string };
    Object.assign(provider.behaviour, behaviour);
    const answer = await bench.call('POST', '/auth/session/renew', { headers });
    return [answer.status, answer.body['roles'], (await bench.call('GET', '/auth/session', { headers })).status];
  }

  it.each<[string, Partial<HostileProvider['behaviour']>]>([
    ['the ID token', {}],
    ['the user info, without an ID token', { token: none, userInfo: { sub: 'anna', roles: ['auditor'] } }],
  ])('renews a session by %s', async (_, behaviour) => {
    expect(await renewed(behaviour)).toEqual([200, ['auditor'], 200]);
  });

  it.each<[string, Partial<HostileProvider['behaviour']>]>([
    ['the ID token of another person', { claims: berta }],
    ['the user info of another person', { token: none, userInfo: { sub: 'berta', roles: ['reviewer'] } }],
    ['an ID token that nobody signed', { token: (claims) => new UnsecuredJWT(claims).encode() }],
    ['the ID token for another application', { claims: (honest) => ({ ...honest, aud: 'other' }) }],
  ])('and then answers a renewal with %s ends the session', async (_, behaviour) => {
    expect(await renewed(behaviour)).toEqual([401, undefined, 401]);
  });
});

describe('the document of an identity provider', () => {
  it.each(['token_endpoint', 'jwks_uri', 'userinfo_endpoint'])('does not lead %s into our network', async (name) => {
    let requests = 0;
    const inside = createServer((_request, response) => {
      requests++;
      response.setHeader('content-type', 'application/json').end('{}');
    });
    await new Promise<void>((resolve) => inside.listen(0, '127.0.0.1', resolve));
    provider.behaviour.document = { [name]: `http://127.0.0.1:${(inside.address() as AddressInfo).port}/admin` };
    if (name === 'userinfo_endpoint') provider.behaviour.claims = ({ roles: _roles, ...honest }) => honest;
    const [status, hasCookie] = outcome(await signIn());
    inside.close();
    expect([status, hasCookie, requests]).toEqual([503, false, 0]);
    expect(JSON.stringify(warned)).not.toContain('127.0.0.1');
  });

  it('does not lead into our network by a redirect', async () => {
    provider.behaviour.instead = {
      '/token': (response) => void response.writeHead(307, { location: `${provider.issuer}/inside` }).end(),
    };
    expect(outcome(await signIn())).toEqual([403, false]);
    expect(provider.asked).not.toContain('/inside');
  });

  it('does not lead the browser to a script', async () => {
    provider.behaviour.document = { authorization_endpoint: 'javascript:alert(1)' };
    const answer = await bench.call('GET', '/auth/session/sign-in');
    expect([answer.status, answer.headers['location']]).toEqual([503, undefined]);
  });

  it.each(['javascript:alert(1)', 'http', ''])('does not lead the browser out to %j', async (page) => {
    provider.behaviour.document = { end_session_endpoint: page };
    const answer = await bench.call('GET', '/auth/session/sign-out');
    expect([answer.status, answer.headers['location']]).toEqual([503, undefined]);
  });

  it('without a page for the sign-out leads to ours', async () => {
    const answer = await bench.call('GET', '/auth/session/sign-out');
    expect([answer.status, answer.headers['location']]).toEqual([302, `${PUBLIC_URL}/portal`]);
  });

  it('of another issuer counts for nothing', async () => {
    provider.behaviour.document = { issuer: 'https://other.example' };
    const answer = await bench.call('GET', '/auth/session/sign-in');
    expect([answer.status, answer.headers['location']]).toEqual([503, undefined]);
  });
});
