import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ADMINISTRATOR, Bench, NOW, prepare, PUBLIC_URL } from '../../../test/harness.ts';

beforeAll(prepare);
let bench: Bench;
beforeEach(async () => {
  bench = await Bench.start();
});
afterEach(() => bench.stop());

describe('POST /auth/introspect', () => {
  const ask = (token: string, as: string | undefined) =>
    bench.call('POST', '/auth/introspect', { form: { token }, ...(as !== undefined && { token: as }) });

  it('tells a client about its own tokens, and the administrator about all', async () => {
    const app = await bench.approved();
    const [one, two] = [
      (await bench.token(app)).body['access_token'] as string,
      (await bench.token(app, { scope: 'system/Patient.rs' })).body['access_token'] as string,
    ];
    for (const as of [one, two, ADMINISTRATOR]) {
      const { status, headers, body } = await ask(two, as);
      expect({ status, body }).toMatchObject({
        status: 200,
        body: {
          active: true,
          scope: 'system/Patient.rs',
          client_id: app.id,
          exp: NOW / 1000 + 300,
          token_type: 'bearer',
          iss: PUBLIC_URL,
        },
      });
      expect(headers['cache-control']).toBe('no-store');
    }
  });
  it('says nothing but inactive of all others', async () => {
    const [app, other] = [await bench.approved(), await bench.approved()];
    const own = (await bench.token(app)).body['access_token'] as string;
    const foreign = (await bench.token(other)).body['access_token'] as string;
    for (const token of [foreign, 'garbage', ADMINISTRATOR, `${own}x`])
      expect(await ask(token, own)).toMatchObject({ status: 200, body: { active: false } });
    expect((await ask(foreign, own)).body).toEqual({ active: false });
    await bench.review(other, 'suspend');
    expect((await ask(foreign, ADMINISTRATOR)).body).toEqual({ active: false });
    bench.clock.ms += 300_000;
    expect((await ask(own, ADMINISTRATOR)).body).toEqual({ active: false });
  });
  it('asks who is asking, and for one token', async () => {
    const app = await bench.approved();
    const own = (await bench.token(app)).body['access_token'] as string;
    for (const as of [undefined, 'garbage', 'p'.repeat(43)]) expect((await ask(own, as)).status).toBe(401);
    await bench.review(app, 'suspend');
    expect((await ask(own, own)).status).toBe(401);
    for (const form of ['', 'token=', `token=${own}&token=${own}`])
      expect(await bench.call('POST', '/auth/introspect', { form, token: ADMINISTRATOR })).toMatchObject({
        status: 400,
        body: { error: 'invalid_request' },
      });
    expect((await bench.call('POST', '/auth/introspect', { json: { token: own }, token: ADMINISTRATOR })).status).toBe(
      400,
    );
  });
});

describe('discovery', () => {
  it('is JSON with absolute URLs of the public base, whatever Accept and Host say', async () => {
    for (const url of ['/.well-known/smart-configuration', '/fhir/.well-known/smart-configuration']) {
      const { status, headers, body } = await bench.call('GET', url, {
        headers: { accept: 'application/fhir+xml', host: 'evil.example' },
      });
      expect({ status, type: headers['content-type'] }).toEqual({
        status: 200,
        type: expect.stringMatching(/^application\/json/),
      });
      expect(body).toMatchObject({
        token_endpoint: `${PUBLIC_URL}/auth/token`,
        registration_endpoint: `${PUBLIC_URL}/auth/register`,
        introspection_endpoint: `${PUBLIC_URL}/auth/introspect`,
        jwks_uri: `${PUBLIC_URL}/auth/jwks`,
        grant_types_supported: ['client_credentials'],
        token_endpoint_auth_methods_supported: ['private_key_jwt'],
        token_endpoint_auth_signing_alg_values_supported: ['RS384', 'ES384'],
        code_challenge_methods_supported: ['S256'],
        capabilities: ['client-confidential-asymmetric', 'permission-v1', 'permission-v2'],
        scopes_supported: expect.arrayContaining(['system/*.read', 'system/*.rs', 'system/Group.rs']),
      });
      expect(body).not.toHaveProperty('authorization_endpoint');
    }
  });
  it('M7: declares the scopes of a match, which are the operation in either spelling', async () => {
    const { body } = await bench.call('GET', '/fhir/.well-known/smart-configuration');
    const of = 'http://hl7.org/fhir/us/davinci-pdex/OperationDefinition/';
    const scopes = [`${of}ProviderMemberMatch`, `${of}provider-member-match`, 'system/Group.rs'];
    expect(body['scopes_supported']).toEqual(expect.arrayContaining(scopes));
  });
  it('shows public keys only', async () => {
    const { body } = await bench.call('GET', '/auth/jwks');
    expect(body['keys']).toMatchObject([
      { kty: 'EC', crv: 'P-256', alg: 'ES256', use: 'sig', kid: expect.any(String) },
    ]);
    expect(body['keys'][0]).not.toHaveProperty('d');
  });
});
