import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { exportJWK, generateKeyPair } from 'jose';
import { Bench, prepare, publicJwk, type App } from '../../../test/harness.ts';

let published: unknown;
let fetches = 0;
const server = createServer((_request, response) => {
  fetches++;
  response.writeHead(200, { 'cache-control': 'max-age=600' }).end(JSON.stringify(published));
});
let bench: Bench;
let app: App;
let jwksUri: string;
beforeAll(async () => {
  await prepare();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  jwksUri = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));
beforeEach(async () => {
  published = { keys: [publicJwk] };
  fetches = 0;
  bench = await Bench.start({ config: { allowInsecureJwks: true } });
  app = await bench.approved({ jwks: undefined, jwks_uri: jwksUri });
});
afterEach(() => bench.stop());

it('takes the keys that the app publishes, fetched once while they are fresh', async () => {
  for (let i = 0; i < 3; i++) expect((await bench.token(app)).status).toBe(200);
  expect(fetches).toBe(1);
});
it('follows the app to a new key, and refuses the old one when its time is over', async () => {
  expect((await bench.token(app)).status).toBe(200);
  const next = await generateKeyPair('ES384', { extractable: true });
  published = { keys: [{ ...(await exportJWK(next.publicKey)), kid: 'k2' }] };
  const signed = () => bench.assertion(app.id, {}, next.privateKey, { kid: 'k2' });
  expect(await bench.token(app, { client_assertion: await signed() })).toMatchObject({
    status: 401,
    body: { error_description: expect.stringMatching(/has this kid/) },
  });
  bench.clock.ms += 60_000;
  expect((await bench.token(app, { client_assertion: await signed() })).status).toBe(200);
  expect(await bench.token(app)).toMatchObject({
    status: 401,
    body: { error_description: expect.stringMatching(/has this kid/) },
  });
});
it('refuses a key set named by the assertion instead of the registration', async () => {
  expect(
    (await bench.token(app, { client_assertion: await bench.assertion(app.id, {}, undefined, { jku: jwksUri }) }))
      .status,
  ).toBe(200);
  expect(
    await bench.token(app, {
      client_assertion: await bench.assertion(app.id, {}, undefined, { jku: `${jwksUri}?mine` }),
    }),
  ).toMatchObject({ status: 401, body: { error_description: expect.stringMatching(/^jku/) } });
});
it('is not let onto loopback without the switch for trials', async () => {
  const strict = await Bench.start();
  expect(
    await strict.call('POST', '/auth/register', { json: strict.metadata({ jwks: undefined, jwks_uri: jwksUri }) }),
  ).toMatchObject({
    status: 400,
    body: { error_description: expect.stringMatching(/^jwks_uri: must be an https URL/) },
  });
  await strict.stop();
});
it('says why when the key set cannot be had', async () => {
  published = 'nothing';
  // Longer than the keys stay fresh that the approval fetched.
  bench.clock.ms += 600_000;
  expect(await bench.token(app)).toMatchObject({
    status: 401,
    body: {
      error: 'invalid_client',
      error_description: expect.stringMatching(/jwks_uri does not give a key set: the answer is not a JWK Set/),
    },
  });
});

it('P46: takes no token from a key that is published with its private part, nor from a set of 101 keys', async () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  const leaked = { ...privateKey.export({ format: 'jwk' }), kid: 'leaked' };
  const signed = () => bench.assertion(app.id, {}, privateKey, { kid: 'leaked' });
  const ask = async (client_assertion?: string) =>
    bench.token(app, client_assertion === undefined ? {} : { client_assertion });
  published = { keys: [publicJwk, leaked] };
  bench.clock.ms += 600_000;
  const refused = await ask(await signed());
  expect([refused.status, refused.body['error_description']]).toEqual([
    401,
    expect.stringMatching(/holds the secret parameter "d"/),
  ]);
  expect(JSON.stringify(refused.body)).not.toContain(leaked.d);
  published = { keys: Array.from({ length: 101 }, (_, i) => ({ ...publicJwk, kid: `k${i}` })) };
  bench.clock.ms += 600_000;
  expect((await ask()).body['error_description']).toMatch(/more than 100 keys/);
});
it('P46: moves to no URL that publishes a private key, or more than 100 keys', async () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  const leaked = { ...privateKey.export({ format: 'jwk' }), kid: 'leaked' };
  const other = await bench.approved({ npi: '1245319599', tin: undefined });
  const move = (to: string) =>
    bench.call('PUT', other.uri, { json: { client_id: other.id, jwks_uri: `${jwksUri}?${to}` }, token: other.token });
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  const own = { ...publicKey.export({ format: 'jwk' }), kid: 'own' };
  published = { keys: [own, leaked] };
  const refused = await move('1');
  expect([refused.status, refused.body['error_description']]).toEqual([
    400,
    expect.stringMatching(/^jwks_uri: keys.1 holds the secret parameter "d"/),
  ]);
  expect(JSON.stringify(refused.body)).not.toContain(leaked.d);
  published = { keys: Array.from({ length: 101 }, (_, i) => ({ ...own, kid: `k${i}` })) };
  expect((await move('2')).body['error_description']).toMatch(/more than 100 keys/);
  published = { keys: Array.from({ length: 100 }, (_, i) => ({ ...own, kid: `k${i}` })) };
  expect((await move('3')).status).toBe(200);
});
