import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { EngineUnavailable } from '@provider-access/engines/log';
import { decodeJwt, decodeProtectedHeader, generateKeyPair } from 'jose';
import {
  ADMINISTRATOR,
  Bench,
  NOW,
  NPI,
  NPI_2,
  prepare,
  publicJwk,
  PUBLIC_URL,
  type App,
} from '../../../test/harness.ts';

beforeAll(prepare);
let bench: Bench;
const open = async (...options: Parameters<typeof Bench.start>): Promise<Bench> =>
  (bench = await Bench.start(...options));
afterEach(() => bench.stop());

describe('POST /auth/token', () => {
  it('R13: gives an approved app in the network a bearer token of 300 s', async () => {
    await open();
    const app = await bench.approved();
    const { status, headers, body } = await bench.token(app, { scope: 'system/Patient.rs system/Group.read' });
    expect({ status, body }).toEqual({
      status: 200,
      body: {
        access_token: expect.any(String),
        token_type: 'bearer',
        expires_in: 300,
        scope: 'system/Patient.rs system/Group.read',
      },
    });
    expect(headers).toMatchObject({
      'cache-control': 'no-store',
      'content-type': expect.stringMatching(/^application\/json/),
    });
    expect(decodeProtectedHeader(body['access_token'] as string)).toMatchObject({ alg: 'ES256', typ: 'at+jwt' });
    expect(decodeJwt(body['access_token'] as string)).toMatchObject({
      iss: PUBLIC_URL,
      aud: `${PUBLIC_URL}/fhir`,
      sub: app.id,
      client_id: app.id,
      exp: NOW / 1000 + 300,
    });
    expect(await bench.audited()).toEqual([
      {
        client: app.id,
        action: 'token',
        outcome: 'released',
        members: [],
        resources: 0,
        at: '2027-01-04T12:00:00.000Z',
      },
    ]);
  });

  it.each<[string, number, string, RegExp, (app: App) => Promise<Parameters<Bench['call']>[2]>]>([
    ['JSON', 400, 'invalid_request', /Content-Type/, async (app) => ({ json: await bench.form(app) })],
    [
      'another media type',
      400,
      'invalid_request',
      /Content-Type/,
      () => Promise.resolve({ body: 'x', type: 'text/plain' }),
    ],
    ['no body', 400, 'invalid_request', /Content-Type/, () => Promise.resolve({})],
    ['an empty form', 400, 'invalid_request', /grant_type is missing/, () => Promise.resolve({ form: '' })],
    [
      'a parameter twice',
      400,
      'invalid_request',
      /scope is given more than once/,
      async (app) => ({ form: `${new URLSearchParams(await bench.form(app))}&scope=system%2FPatient.rs` }),
    ],
    [
      'no assertion',
      400,
      'invalid_request',
      /client_assertion is missing/,
      async (app) => ({ form: { ...(await bench.form(app)), client_assertion: '' } }),
    ],
    [
      'no scope',
      400,
      'invalid_request',
      /scope is missing/,
      async (app) => ({ form: await bench.form(app, { scope: undefined }) }),
    ],
    [
      'another grant',
      400,
      'unsupported_grant_type',
      /client_credentials/,
      async (app) => ({ form: await bench.form(app, { grant_type: 'authorization_code' }) }),
    ],
    [
      'no assertion type',
      401,
      'invalid_client',
      /client_assertion_type/,
      async (app) => ({ form: await bench.form(app, { client_assertion_type: undefined }) }),
    ],
    [
      'another assertion type',
      401,
      'invalid_client',
      /client_assertion_type/,
      async (app) => ({
        form: await bench.form(app, {
          client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:saml2-bearer',
        }),
      }),
    ],
    [
      'garbage for an assertion',
      401,
      'invalid_client',
      /not a signed JWT/,
      async (app) => ({ form: await bench.form(app, { client_assertion: 'garbage' }) }),
    ],
    [
      'an unknown client',
      401,
      'invalid_client',
      /not an active client/,
      async (app) => ({ form: await bench.form(app, { client_assertion: await bench.assertion('c-unknown') }) }),
    ],
    [
      'a signature of another key',
      401,
      'invalid_client',
      /not an active client.*not signed/,
      async (app) => ({
        form: await bench.form(app, {
          client_assertion: await bench.assertion(app.id, {}, (await generateKeyPair('ES384')).privateKey),
        }),
      }),
    ],
    [
      'aud of the FHIR base',
      401,
      'invalid_client',
      /aud/,
      async (app) => ({
        form: await bench.form(app, { client_assertion: await bench.assertion(app.id, { aud: `${PUBLIC_URL}/fhir` }) }),
      }),
    ],
    [
      'an expired assertion',
      401,
      'invalid_client',
      /exp/,
      async (app) => ({
        form: await bench.form(app, { client_assertion: await bench.assertion(app.id, { exp: NOW / 1000 - 60 }) }),
      }),
    ],
    [
      'client_id of another',
      401,
      'invalid_client',
      /client_id/,
      async (app) => ({ form: await bench.form(app, { client_id: 'c-other' }) }),
    ],
    ['an empty scope', 400, 'invalid_scope', /scope/, async (app) => ({ form: await bench.form(app, { scope: '' }) })],
    [
      'scopes of no use',
      400,
      'invalid_scope',
      /scope/,
      async (app) => ({
        form: await bench.form(app, {
          scope: 'launch user/*.rs system/Patient.dus system/Nonsense.read system/Patient.write',
        }),
      }),
    ],
  ])('refuses %s', async (_name, status, error, text, request) => {
    await open();
    const app = await bench.approved();
    const answer = await bench.call('POST', '/auth/token', await request(app));
    expect(answer).toMatchObject({ status, body: { error, error_description: expect.stringMatching(text) } });
    expect(answer.headers).toMatchObject({ 'cache-control': 'no-store', pragma: 'no-cache' });
    expect(await bench.audited()).toMatchObject([
      { action: 'token', outcome: 'refused', reason: expect.stringMatching(`^${error}`) },
    ]);
  });

  it('answers 413 to a body that is too large, and 405 to GET', async () => {
    await open();
    expect(await bench.call('POST', '/auth/token', { form: `client_assertion=${'x'.repeat(70_000)}` })).toMatchObject({
      status: 413,
      body: { error: 'invalid_request' },
    });
    expect(await bench.call('GET', '/auth/token')).toMatchObject({ status: 405, headers: { allow: 'POST' } });
  });

  it('refuses an assertion the second time, also after a restart', async () => {
    const stateFile = join(mkdtempSync(join(tmpdir(), 'auth-')), 'state.db');
    await open({ stateFile });
    const app = await bench.approved();
    const form = await bench.form(app);
    expect((await bench.call('POST', '/auth/token', { form })).status).toBe(200);
    expect(await bench.call('POST', '/auth/token', { form })).toMatchObject({
      status: 401,
      body: { error_description: expect.stringMatching(/jti was used/) },
    });
    const { log } = bench;
    await bench.stop();
    await open({ stateFile, log });
    expect(await bench.call('POST', '/auth/token', { form })).toMatchObject({
      status: 401,
      body: { error_description: expect.stringMatching(/jti was used/) },
    });
  });

  it('gives no token to earlier apps after a loss of the state until replays can be detected again', async () => {
    await open();
    const app = await bench.approved();
    const form = await bench.form(app);
    expect((await bench.call('POST', '/auth/token', { form })).status).toBe(200);
    const { log } = bench;
    await bench.stop();
    await open({ log, now: NOW + 1000 });
    expect(await bench.call('POST', '/auth/token', { form })).toMatchObject({
      status: 503,
      headers: { 'retry-after': '330' },
    });
    expect((await bench.token(await bench.approved())).status).toBe(200);
    bench.clock.ms += 329_000;
    expect((await bench.token(app)).status).toBe(503);
    bench.clock.ms += 1000;
    expect(await bench.call('POST', '/auth/token', { form })).toMatchObject({
      status: 401,
      body: { error_description: expect.stringMatching(/exp is past/) },
    });
    expect((await bench.token(app)).status).toBe(200);
  });

  it('tells a pending app to wait, and a stranger who uses its name nothing', async () => {
    await open();
    const app = await bench.register();
    expect(await bench.token(app)).toMatchObject({
      status: 400,
      body: { error: 'unauthorized_client', error_description: expect.stringMatching(/not approved/) },
    });
    const forged = await bench.assertion(app.id, {}, (await generateKeyPair('ES384')).privateKey);
    expect(await bench.token(app, { client_assertion: forged })).toMatchObject({
      status: 401,
      body: { error: 'invalid_client' },
    });
  });
  it('gives rejected and suspended apps what it gives strangers', async () => {
    await open();
    const stranger = await bench.token({ id: 'c-none', token: '', uri: '' });
    const rejected = await bench.register();
    await bench.review(rejected, 'reject');
    const suspended = await bench.approved();
    await bench.review(suspended, 'suspend');
    for (const app of [rejected, suspended])
      expect(await bench.token(app)).toMatchObject({ status: 401, body: stranger.body });
  });
  it('needs a bound provider in the network now (P8)', async () => {
    await open();
    const app = await bench.register({ npi: [NPI, NPI_2] });
    await bench.review(app, 'approve');
    const refused = {
      status: 400,
      body: { error: 'unauthorized_client', error_description: expect.stringMatching(/network/) },
    };
    expect(await bench.token(app)).toMatchObject(refused);
    await bench.network(`npi|${NPI_2}`, 'in-network', '2027-02-01T00:00:00.000Z');
    expect(await bench.token(app)).toMatchObject(refused);
    await bench.network(`npi|${NPI}`, 'in-network');
    expect((await bench.token(app)).status).toBe(200);
    await bench.network(`npi|${NPI}`, 'out-of-network', '2027-01-01T00:00:00.000Z');
    expect(await bench.token(app)).toMatchObject(refused);
  });
  it('grants what was approved, though more was registered', async () => {
    await open();
    await bench.network(`npi|${NPI}`, 'in-network');
    const app = await bench.register();
    await bench.review(app, 'approve', await bench.approval(app, { scope: 'system/Patient.rs' }));
    expect((await bench.token(app, { scope: 'system/*.rs' })).body).toMatchObject({ scope: 'system/Patient.rs' });
  });
  it('names the scopes of the app when it asks for none of them', async () => {
    await open();
    await bench.network(`npi|${NPI}`, 'in-network');
    const app = await bench.register();
    await bench.review(app, 'approve', await bench.approval(app, { scope: 'system/Patient.rs system/Group.rs' }));
    expect((await bench.token(app, { scope: 'system/Claim.rs' })).body).toEqual({
      error: 'invalid_scope',
      error_description: 'This app has none of the requested scopes. It has: system/Patient.rs system/Group.rs',
    });
  });
  it('counts no request as refused that the platform could not answer', async () => {
    await open({ config: { refusalsPerMinute: 2 } });
    const app = await bench.approved();
    const { counters } = bench.ports.state;
    const away = vi.spyOn(counters, 'hit').mockRejectedValue(new EngineUnavailable('away'));
    const statuses = [];
    for (let i = 0; i < 5; i++) statuses.push((await bench.token(app)).status);
    expect(statuses).toEqual([503, 503, 503, 503, 503]);
    away.mockRestore();
    expect((await bench.token(app)).status).toBe(200);
  });
  it('limits a client, and leaves the others alone', async () => {
    await open({ config: { tokensPerMinute: 2 } });
    const [one, two] = [await bench.approved(), await bench.approved()];
    const forged = await bench.assertion(one.id, {}, (await generateKeyPair('ES384')).privateKey);
    for (let i = 0; i < 3; i++) await bench.token(one, { client_assertion: forged });
    for (let i = 0; i < 2; i++) expect((await bench.token(one)).status).toBe(200);
    expect(await bench.token(one)).toMatchObject({
      status: 429,
      headers: { 'retry-after': '60' },
      body: { error: expect.any(String) },
    });
    expect((await bench.token(two)).status).toBe(200);
    bench.clock.ms += 60_000;
    expect((await bench.token(one)).status).toBe(200);
  });

  it('gives a suspended and re-approved app nothing for its old token, within the same second', async () => {
    await open();
    const app = await bench.approved();
    const old = (await bench.token(app)).body['access_token'] as string;
    await bench.review(app, 'suspend');
    await bench.review(app, 'approve');
    const fresh = (await bench.token(app)).body['access_token'] as string;
    const active = async (token: string) =>
      (await bench.call('POST', '/auth/introspect', { form: { token }, token: ADMINISTRATOR })).body['active'];
    expect([await active(old), await active(fresh)]).toEqual([false, true]);
  });
  it('fetches no keys for an app that nobody has approved, and answers as it answers strangers', async () => {
    const fetched: string[] = [];
    await open({
      jwks: {
        get: (url: string) => {
          fetched.push(url);
          return Promise.resolve({ ok: true as const, keys: [publicJwk] });
        },
      },
    });
    const stranger = await bench.token({ id: `c-${'0'.repeat(32)}`, token: '', uri: '' });
    const uri = 'https://app.example/jwks.json';
    const app = await bench.register({ jwks: undefined, jwks_uri: uri });
    const pending = await bench.token(app);
    expect({ ...pending, headers: {} }).toEqual({ ...stranger, headers: {} });
    expect(fetched).toEqual([]);
    await bench.network(`npi|${NPI}`, 'in-network');
    await bench.review(app, 'approve');
    // The approval compares the published keys with those of other apps.
    expect(fetched).toEqual([uri]);
    expect((await bench.token(app)).status).toBe(200);
    expect(fetched).toEqual([uri, uri]);
  });
  it('takes a list of audiences that are all this server (aud as an array)', async () => {
    await open();
    const app = await bench.approved();
    const token = `${PUBLIC_URL}/auth/token`;
    const status = async (aud: unknown) =>
      (await bench.token(app, { client_assertion: await bench.assertion(app.id, { aud }) })).status;
    expect([await status([token]), await status([PUBLIC_URL, token])]).toEqual([200, 200]);
    for (const aud of [[], [PUBLIC_URL], [[token]], [token, null], [token, 'https://other.example'], { 0: token }])
      expect(await status(aud), JSON.stringify(aud)).toBe(401);
  });
  it('takes the spellings of its URL that the operator lists, and no other server beside them (P50, P51)', async () => {
    const former = 'https://former.example/auth/token';
    await open({ config: { audiences: [former] } });
    const app = await bench.approved();
    const token = `${PUBLIC_URL}/auth/token`;
    const status = async (aud: unknown) =>
      (await bench.token(app, { client_assertion: await bench.assertion(app.id, { aud }) })).status;
    for (const aud of [former, token, [former], [former, token], [former, PUBLIC_URL]])
      expect(await status(aud), JSON.stringify(aud)).toBe(200);
    for (const aud of [`${former}/`, 'https://former.example', [former, 'https://other.example/auth/token']])
      expect(await status(aud), JSON.stringify(aud)).toBe(401);
  });
  it('gives a token to an app that registered a TIN alone (P41)', async () => {
    await open();
    const app = await bench.register({ npi: undefined });
    expect((await bench.review(app, 'approve')).body).toMatchObject({
      npi: [],
      bound: { npi: [], tin: ['123456789'] },
    });
    await bench.network('tin|123456789', 'in-network');
    expect((await bench.token(app)).status).toBe(200);
  });
  it('gives no token that cannot be recorded', async () => {
    await open();
    const app = await bench.approved();
    bench.log.faults.away = true;
    expect(await bench.token(app)).toMatchObject({ status: 503, headers: { 'retry-after': expect.any(String) } });
    bench.log.faults.away = false;
  });
});
