import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from 'jose';
import { ADMINISTRATOR, type Answer, type App, Bench, prepare, publicJwk } from '../../../test/harness.ts';

const HOUR = 60 * 60 * 1000;
const URI = 'https://app.example/jwks.json';
const publicKey = async (kid: string): Promise<JWK> => ({
  ...(await exportJWK((await generateKeyPair('ES384', { extractable: true })).publicKey)),
  kid,
});
let second: JWK, third: JWK;
let bench: Bench;
beforeAll(async () => {
  await prepare();
  [second, third] = await Promise.all([publicKey('k2'), publicKey('k3')]);
});
beforeEach(async () => {
  const keys = [second];
  bench = await Bench.start({ jwks: { get: () => Promise.resolve({ ok: true, keys }), kept: () => keys } });
});
afterEach(() => bench.stop());
const put = (app: App, over: Record<string, unknown>): Promise<Answer> =>
  bench.call('PUT', `/auth/register/${app.id}`, { json: { client_id: app.id, ...over }, token: app.token });
const set = (...keys: readonly JWK[]): Record<string, unknown> => ({ jwks: { keys } });

describe('the history of keys, as a reviewer sees it', () => {
  const history = async (app: App) =>
    (await bench.call('GET', `/auth/clients/${app.id}`, { token: ADMINISTRATOR })).body['key_history'] as {
      from: string;
      to?: string;
      accepted_until?: string;
      jwks_uri?: string;
      keys: { kid: string; kty: string; thumbprint: string }[];
    }[];

  it('has each set with the time from which on it was registered, replaced and refused', async () => {
    const app = await bench.approved();
    const registered = new Date(bench.clock.ms).toISOString();
    expect(await history(app)).toEqual([
      { from: registered, keys: [{ kid: 'k1', kty: 'EC', thumbprint: await calculateJwkThumbprint(publicJwk) }] },
    ]);
    bench.clock.ms += HOUR;
    const first = new Date(bench.clock.ms).toISOString();
    expect((await put(app, set(second))).status).toBe(200);
    bench.clock.ms += HOUR;
    const last = new Date(bench.clock.ms).toISOString();
    // Whoever ends the keys from before may have lost one.
    expect((await put(app, { ...set(third), previous_keys: 'end' })).status).toBe(200);
    const found = await history(app);
    expect(found).toMatchObject([
      { from: last, keys: [{ kid: 'k3', thumbprint: await calculateJwkThumbprint(third) }] },
      { from: first, to: last, accepted_until: last, keys: [{ kid: 'k2' }] },
      { from: registered, to: first, accepted_until: last, keys: [{ kid: 'k1' }] },
    ]);
    expect(found[0]).not.toHaveProperty('to');
    // Nobody else needs the keys from before, which the app itself has.
    expect((await bench.call('GET', `/auth/register/${app.id}`, { token: app.token })).body).not.toHaveProperty(
      'key_history',
    );
  });

  it('says until when keys are still accepted after a change that keeps them, and knows a URL', async () => {
    const app = await bench.approved();
    const registered = new Date(bench.clock.ms).toISOString();
    bench.clock.ms += HOUR;
    expect((await put(app, { jwks_uri: URI })).status).toBe(200);
    const changed = new Date(bench.clock.ms).toISOString();
    expect(await history(app)).toMatchObject([
      { from: changed, jwks_uri: URI, keys: [] },
      { from: registered, to: changed, accepted_until: new Date(bench.clock.ms + 24 * HOUR).toISOString() },
    ]);
  });

  it('keeps the newest fifty sets, and says how many there were before', async () => {
    const app = await bench.approved();
    for (let n = 0; n < 60; n += 1) {
      bench.clock.ms += 2 * 24 * HOUR;
      expect((await put(app, set({ ...second, kid: `k-${n}` }))).status).toBe(200);
    }
    const { body } = await bench.call('GET', `/auth/clients/${app.id}`, { token: ADMINISTRATOR });
    expect(body['key_history']).toHaveLength(51);
    expect(body['key_history'][0].keys[0].kid).toBe('k-59');
    expect(body['key_history_not_shown']).toBe(10);
  });
});
