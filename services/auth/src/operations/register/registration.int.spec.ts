import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { exportJWK, generateKeyPair, type JWK } from 'jose';
import { ADMINISTRATOR, Bench, NOW, NPI, NPI_2, npis, prepare, publicJwk, PUBLIC_URL } from '../../../test/harness.ts';

let p256: JWK, leaked: JWK;
beforeAll(async () => {
  await prepare();
  p256 = await exportJWK((await generateKeyPair('ES256')).publicKey);
  leaked = await exportJWK((await generateKeyPair('ES384', { extractable: true })).privateKey);
});
let bench: Bench;
beforeEach(async () => {
  bench = await Bench.start();
});
afterEach(() => bench.stop());
const register = (over: Record<string, unknown>) =>
  bench.call('POST', '/auth/register', { json: bench.metadata(over) });

describe('POST /auth/register', () => {
  it('answers 201 with id, token, URI and the registered metadata', async () => {
    const { status, headers, body } = await register({
      logo_uri: 'https://app.example/logo.png',
      npi: [NPI, NPI_2, NPI],
    });
    expect(status).toBe(201);
    expect(headers['cache-control']).toBe('no-store');
    expect(body).toEqual({
      client_id: expect.stringMatching(/^c-[0-9a-f]{32}$/),
      client_id_issued_at: NOW / 1000,
      client_name: 'An EHR',
      logo_uri: 'https://app.example/logo.png',
      status: 'submitted',
      scope: 'system/*.rs',
      jwks: { keys: [publicJwk] },
      contacts: ['mailto:dev@app.example'],
      npi: [NPI, NPI_2],
      tin: ['123456789'],
      grant_types: ['client_credentials'],
      token_endpoint_auth_method: 'private_key_jwt',
      registration_access_token: expect.stringMatching(/^[\w-]{43}$/),
      registration_client_uri: `${PUBLIC_URL}/auth/register/${body['client_id']}`,
      registration_expires_at: '2027-02-03T12:00:00.000Z',
    });
    expect(await bench.appEvents()).toEqual([]);
    await bench.review(body['client_id'] as string, 'approve');
    const events = await bench.appEvents();
    expect(events.map((e) => e.type)).toEqual(['pa.app-registered.v1', 'pa.app-approved.v1']);
    expect(JSON.stringify(events)).not.toContain(body['registration_access_token']);
  });
  it('keeps of a scope what can be granted, and of a key what verifies', async () => {
    const { body } = await register({
      scope: 'system/*.cruds openid system/Patient.dus',
      jwks: { keys: [{ ...publicJwk, x5c: ['secret?'], note: 'mine' }] },
    });
    expect(body).toMatchObject({ scope: 'system/*.rs', jwks: { keys: [publicJwk] } });
  });
  it('takes published keys', async () => {
    const { status, body } = await register({ jwks: undefined, jwks_uri: 'https://app.example/jwks.json' });
    expect({ status, uri: body['jwks_uri'], jwks: body['jwks'] }).toEqual({
      status: 201,
      uri: 'https://app.example/jwks.json',
      jwks: undefined,
    });
  });
  it.each<[string, () => Record<string, unknown>, RegExp]>([
    ['no name', () => ({ client_name: undefined }), /^client_name: is required/],
    ['an empty name', () => ({ client_name: '  ' }), /^client_name/],
    ['a long name', () => ({ client_name: 'x'.repeat(201) }), /^client_name: is longer/],
    ['a name with a control character', () => ({ client_name: 'a\u202eb' }), /^client_name/],
    ['a name with a C1 control character', () => ({ client_name: 'a\u009b2Jb' }), /^client_name/],
    ['a name with a line separator', () => ({ client_name: 'a\u2028b' }), /^client_name/],
    ['a contact with an escape', () => ({ contacts: ['a\u001b[2J@app.example'] }), /^contacts.0: holds control/],
    ['a name of invisible letters (N11)', () => ({ client_name: '\u3164' }), /^client_name: holds invisible/],
    ['a name of blank Braille (N11)', () => ({ client_name: '\u2800' }), /^client_name: holds invisible/],
    ['a name with a pile of marks (N11)', () => ({ client_name: `E${'\u0301'.repeat(150)}` }), /^client_name: puts/],
    ['a name of blanks (N11)', () => ({ client_name: '\u2003\u1680' }), /^client_name/],
    ['a name that is a number', () => ({ client_name: 5 }), /^client_name/],
    ['no keys', () => ({ jwks: undefined }), /^jwks: give exactly one/],
    ['both kinds of keys', () => ({ jwks_uri: 'https://app.example/jwks.json' }), /^jwks: give exactly one/],
    ['an empty key set', () => ({ jwks: { keys: [] } }), /^jwks.keys: needs/],
    ['a key set that is a list', () => ({ jwks: [publicJwk] }), /^jwks/],
    [
      'a private key',
      () => ({ jwks: { keys: [{ ...leaked, kid: 'a' }] } }),
      /^jwks.keys.0: holds the secret parameter "d"/,
    ],
    [
      'a symmetric key',
      () => ({ jwks: { keys: [{ kty: 'oct', k: 'c2VjcmV0', kid: 'a' }] } }),
      /^jwks.keys.0: holds the secret parameter "k"/,
    ],
    ['a key without kid', () => ({ jwks: { keys: [{ ...publicJwk, kid: undefined }] } }), /^jwks.keys.0: needs a kid/],
    ['two keys of one kid', () => ({ jwks: { keys: [publicJwk, publicJwk] } }), /^jwks.keys: holds two keys/],
    ['a key on P-256', () => ({ jwks: { keys: [{ ...p256, kid: 'a' }] } }), /^jwks.keys.0: has a crv/],
    [
      'an RSA key of 1024 bits',
      () => ({
        jwks: { keys: [{ kty: 'RSA', n: Buffer.alloc(128, 0xff).toString('base64url'), e: 'AQAB', kid: 'a' }] },
      }),
      /^jwks.keys.0: is an RSA key of less than 2048/,
    ],
    [
      'an RSA key padded with zeros',
      () => ({
        jwks: {
          keys: [
            {
              kty: 'RSA',
              n: Buffer.concat([Buffer.alloc(200), Buffer.alloc(128, 0xff)]).toString('base64url'),
              e: 'AQAB',
              kid: 'a',
            },
          ],
        },
      }),
      /^jwks.keys.0: is an RSA key/,
    ],
    ['a key for encryption', () => ({ jwks: { keys: [{ ...publicJwk, use: 'enc' }] } }), /^jwks.keys.0: has a use/],
    ['a key for RS256', () => ({ jwks: { keys: [{ ...publicJwk, alg: 'ES256' }] } }), /^jwks.keys.0: has an alg/],
    [
      'http for the keys',
      () => ({ jwks: undefined, jwks_uri: 'http://app.example/jwks.json' }),
      /^jwks_uri: must be an https URL/,
    ],
    ['no scope', () => ({ scope: undefined }), /^scope: is required/],
    ['no scope of ours', () => ({ scope: 'openid user/*.read' }), /^scope: names no system scope/],
    ['no contacts', () => ({ contacts: [] }), /^contacts: needs at least one/],
    ['contacts that are no addresses', () => ({ contacts: ['call me'] }), /^contacts.0/],
    ['neither npi nor tin (P41)', () => ({ npi: undefined, tin: undefined }), /^npi: is required, or tin/],
    ['an empty list of NPIs', () => ({ npi: [] }), /^npi: needs at least one/],
    ['an NPI with a bad check digit', () => ({ npi: [NPI, '1234567890'] }), /^npi.1: must be an NPI/],
    ['51 NPIs', () => ({ npi: npis(51) }), /^npi: has more than 50/],
    ['a bad TIN', () => ({ tin: '1' }), /^tin.0: must be a TIN/],
    [
      'another authentication',
      () => ({ token_endpoint_auth_method: 'client_secret_basic' }),
      /^token_endpoint_auth_method/,
    ],
    ['another grant', () => ({ grant_types: ['authorization_code'] }), /^grant_types/],
  ])('refuses %s and names the field', async (_name, over, text) => {
    const { status, body } = await register(over());
    expect({ status, error: body['error'] }).toEqual({ status: 400, error: 'invalid_client_metadata' });
    expect(body['error_description']).toMatch(text);
    expect((await bench.call('GET', '/auth/clients', { token: ADMINISTRATOR })).body['clients']).toEqual([]);
  });
  it.each<[string, Parameters<Bench['call']>[2], number, string]>([
    ['no JSON', { body: '{', type: 'application/json' }, 400, 'invalid_request'],
    ['a list', { json: [] }, 400, 'invalid_client_metadata'],
    ['a form', { form: 'client_name=x' }, 400, 'invalid_client_metadata'],
    ['nothing', {}, 400, 'invalid_client_metadata'],
    ['70 KB', { json: { client_name: 'x'.repeat(70_000) } }, 413, 'invalid_request'],
  ])('refuses a body that is %s', async (_name, request, status, error) => {
    expect(await bench.call('POST', '/auth/register', request)).toMatchObject({ status, body: { error } });
  });
  it('limits an address', async () => {
    const tight = await Bench.start({ config: { registrationsPerMinute: 1 } });
    await tight.register();
    expect(await tight.call('POST', '/auth/register', { json: tight.metadata() })).toMatchObject({
      status: 429,
      headers: { 'retry-after': '60' },
    });
    await tight.stop();
  });
});

describe('GET /auth/register/{client}', () => {
  it('shows the app to who registered it, with the decision', async () => {
    const app = await bench.register();
    await bench.review(app, 'reject', { reason: 'identity-not-verified', note: 'No contract.' });
    const { status, body } = await bench.call('GET', new URL(app.uri).pathname, { token: app.token });
    expect({ status, body }).toMatchObject({
      status: 200,
      body: { client_id: app.id, status: 'rejected', reason: 'identity-not-verified', note: 'No contract.' },
    });
    expect(body['registration_access_token']).toBeUndefined();
  });
  it('is the same 401 for a wrong token, the token of another app and an unknown app', async () => {
    const [app, other] = [await bench.register(), await bench.register()];
    const answers = [
      await bench.call('GET', `/auth/register/${app.id}`, { token: 'x' }),
      await bench.call('GET', `/auth/register/${app.id}`, { token: other.token }),
      await bench.call('GET', '/auth/register/c-none', { token: app.token }),
    ];
    for (const answer of answers)
      expect({ status: answer.status, body: answer.body, challenge: answer.headers['www-authenticate'] }).toEqual({
        status: 401,
        body: answers[0]!.body,
        challenge: 'Bearer error="invalid_token"',
      });
    expect(await bench.call('GET', `/auth/register/${app.id}`)).toMatchObject({
      status: 401,
      headers: { 'www-authenticate': 'Bearer' },
      body: { error_description: expect.stringMatching(/needs the registration_access_token/) },
    });
  });
  it('reads no state for an id that was never issued, and limits reads for others by minute and address', async () => {
    const tight = await Bench.start({ config: { refusalsPerMinute: 5 } });
    const { claims, streams } = tight.ports.state;
    const spies = [vi.spyOn(claims, 'get'), vi.spyOn(streams, 'load')];
    const questions = (): number => spies.reduce((sum, { mock }) => sum + mock.calls.length, 0);
    try {
      const app = await tight.register();
      const ask = async (id: string, token: string, address = '192.0.2.1'): Promise<number> =>
        (await tight.call('GET', `/auth/register/${id}`, { token, address })).status;
      for (const spy of spies) spy.mockClear();
      for (const id of ['junk', `c-${'z'.repeat(32)}`, 'c-1']) expect(await ask(id, 'x')).toBe(401);
      expect(questions()).toBe(0);
      const junk: number[] = [];
      for (let i = 0; i < 100; i++) junk.push(await ask(`c-${String(i).padStart(32, '0')}`, 'x'));
      // The requests above have used up three.
      expect([junk.filter((status) => status === 401).length, junk.filter((status) => status === 429).length]).toEqual([
        2, 98,
      ]);
      expect(questions()).toBeLessThanOrEqual(2 * 2);
      // The developer of the app gets answers from another address without a limit.
      for (let i = 0; i < 20; i++) expect(await ask(app.id, app.token, '192.0.2.9')).toBe(200);
    } finally {
      await tight.stop();
    }
  });
});
