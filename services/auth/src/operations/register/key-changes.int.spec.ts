import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK } from 'jose';
import { EngineUnavailable } from '@provider-access/engines/log';
import { unknownType } from '@provider-access/events';
import { Parties } from '@provider-access/facts';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import type { JwksResult } from '@provider-access/smart';
import { ADMINISTRATOR, type Answer, type App, Bench, prepare, publicJwk } from '../../../test/harness.ts';

const HOUR = 60 * 60 * 1000;
const URI = 'https://app.example/jwks.json';

interface Pair {
  readonly privateKey: CryptoKey;
  readonly jwk: JWK;
}
let second: Pair, third: Pair;
const pair = async (kid: string): Promise<Pair> => {
  const { publicKey, privateKey } = await generateKeyPair('ES384', { extractable: true });
  return { privateKey, jwk: { ...(await exportJWK(publicKey)), kid } };
};
beforeAll(async () => {
  await prepare();
  [second, third] = await Promise.all([pair('k2'), pair('k3')]);
});

/** What the URLs of key sets serve; a URL that is not here cannot be reached. */
let published: Record<string, readonly unknown[]>;
let beforeFetch: () => Promise<unknown>;
const jwks = {
  async get(url: string): Promise<JwksResult> {
    await beforeFetch();
    const keys = published[url];
    return keys === undefined ? { ok: false, reason: 'it cannot be reached' } : { ok: true, keys };
  },
  kept: (url: string) => published[url],
};
let bench: Bench;
beforeEach(async () => {
  published = {};
  beforeFetch = () => Promise.resolve();
  bench = await Bench.start({ jwks });
});
afterEach(() => bench.stop());

/** `null`: without a token. */
const put = (app: App, over: Record<string, unknown>, token: string | null = app.token): Promise<Answer> =>
  bench.call('PUT', `/auth/register/${app.id}`, {
    json: { client_id: app.id, ...over },
    ...(token !== null && { token }),
  });
const set = (...pairs: readonly (Pair | JWK)[]): Record<string, unknown> => ({
  jwks: { keys: pairs.map((p) => ('jwk' in p ? p.jwk : p)) },
});
/** The status of a token request with a fresh assertion of the first key, or of this one. */
const tokenWith = async (app: App, key?: Pair): Promise<number> =>
  (
    await bench.token(app, {
      client_assertion: await bench.assertion(
        app.id,
        {},
        key?.privateKey,
        key === undefined ? {} : { kid: key.jwk.kid },
      ),
    })
  ).status;
/** Starts a request, and resolves when it waits for the keys of the app. `goOn` lets it have them. */
async function whileKeysAreFetched(request: () => Promise<number>) {
  const held = Promise.withResolvers<void>();
  const fetching = Promise.withResolvers<void>();
  beforeFetch = () => {
    fetching.resolve();
    return held.promise;
  };
  const answer = request();
  await fetching.promise;
  return { answer, goOn: held.resolve };
}
const changes = async () => (await bench.registry()).filter((e) => e.data.formerKeys !== undefined);

describe('PUT on the registration URI', () => {
  it('accepts the new keys at once, and the keys from before for a day', async () => {
    const app = await bench.approved();
    const { status, body, headers } = await put(app, set(second));
    expect({ status, body, cache: headers['cache-control'] }).toMatchObject({
      status: 200,
      cache: 'no-store',
      body: {
        client_id: app.id,
        status: 'approved',
        jwks: { keys: [{ kid: 'k2' }] },
        keys_changed_at: new Date(bench.clock.ms).toISOString(),
        former_keys: [
          { jwks: { keys: [publicJwk] }, accepted_until: new Date(bench.clock.ms + 24 * HOUR).toISOString() },
        ],
        registration_client_uri: app.uri,
      },
    });
    expect([await tokenWith(app), await tokenWith(app, second)]).toEqual([200, 200]);
    bench.clock.ms += 24 * HOUR - 1;
    expect([await tokenWith(app), await tokenWith(app, second)]).toEqual([200, 200]);
    bench.clock.ms += 1;
    expect([await tokenWith(app), await tokenWith(app, second)]).toEqual([401, 200]);
    expect((await bench.call('GET', new URL(app.uri).pathname, { token: app.token })).body['former_keys']).toBe(
      undefined,
    );
  });

  it('takes the document that a GET answered, with new keys in it', async () => {
    const app = await bench.approved();
    const { body } = await bench.call('GET', new URL(app.uri).pathname, { token: app.token });
    expect(await put(app, { ...body, ...set(second) })).toMatchObject({ status: 200 });
    expect(await tokenWith(app, second)).toBe(200);
  });

  it('ends every key from before at once when the app says so, also those of an earlier change', async () => {
    const app = await bench.approved();
    await put(app, set(second));
    const { body } = await put(app, { ...set(third), previous_keys: 'end' });
    expect(body['former_keys']).toBeUndefined();
    expect([await tokenWith(app), await tokenWith(app, second), await tokenWith(app, third)]).toEqual([401, 401, 200]);
  });

  it('ends the keys from before in a second request with the same keys', async () => {
    const app = await bench.approved();
    await put(app, set(second));
    expect(await put(app, { ...set(second), previous_keys: 'end' })).toMatchObject({ status: 200 });
    expect([await tokenWith(app), await tokenWith(app, second)]).toEqual([401, 200]);
  });

  it('changes between a list of keys and a URL', async () => {
    published[URI] = [second.jwk];
    const app = await bench.approved();
    expect((await put(app, { jwks_uri: URI })).body).toMatchObject({ jwks_uri: URI });
    expect([await tokenWith(app), await tokenWith(app, second)]).toEqual([200, 200]);
    await put(app, set(third));
    expect([await tokenWith(app, second), await tokenWith(app, third)]).toEqual([200, 200]);
    bench.clock.ms += 24 * HOUR;
    expect([await tokenWith(app, second), await tokenWith(app, third)]).toEqual([401, 200]);
  });

  it('publishes a repeated request once', async () => {
    const app = await bench.approved();
    const answers = [await put(app, set(second)), await put(app, set(second))];
    expect(answers[1]).toMatchObject({ status: 200, body: answers[0]!.body });
    expect(await changes()).toHaveLength(1);
  });

  it('leaves access tokens, the approval and its history as they are', async () => {
    const app = await bench.approved();
    const token = (await bench.token(app)).body['access_token'] as string;
    const history = async () =>
      (await bench.call('GET', `/auth/clients/${app.id}`, { token: ADMINISTRATOR })).body['history'];
    const before = await history();
    await put(app, { ...set(second), previous_keys: 'end' });
    expect(await history()).toEqual(before);
    const { body } = await bench.call('POST', '/auth/introspect', { form: { token }, token: ADMINISTRATOR });
    expect(body['active']).toBe(true);
  });

  it('remembers the changes after a restart, and after the state store was lost', async () => {
    const stateFile = join(mkdtempSync(join(tmpdir(), 'auth-')), 'state.db');
    await bench.stop();
    bench = await Bench.start({ jwks, stateFile });
    const app = await bench.approved();
    await put(app, set(second));
    for (const file of [stateFile, ':memory:']) {
      const { log } = bench;
      await bench.stop();
      // Long enough ago for replays of assertions (replay-memory.ts).
      bench = await Bench.start({ jwks, log, stateFile: file, now: bench.clock.ms });
      bench.clock.ms += 331_000;
      expect([await tokenWith(app), await tokenWith(app, second)]).toEqual([200, 200]);
    }
    // The next change continues the stream of the log, so that readers do not take it for one that they know.
    await put(app, { ...set(third), previous_keys: 'end' });
    expect([await tokenWith(app), await tokenWith(app, second), await tokenWith(app, third)]).toEqual([401, 401, 200]);
  });

  it('is a record of a known type, in a stream that releases without it pass over', async () => {
    const app = await bench.approved();
    await put(app, set(second));
    const { headers, value } = (
      await Promise.all([0, 1].map((partition) => bench.log.read('pa.registry', partition, 0, 1000)))
    )
      .flat()
      .find((record) => record.headers['pa_stream'] === `client-keys/${app.id}`)!;
    expect({ type: headers['ce_type'], version: headers['pa_version'] }).toEqual({
      type: 'pa.app-registered.v1',
      version: '1',
    });
    expect(unknownType({ headers, value } as never)).toBeUndefined();
    const reader = new Parties();
    await reader.start({ log: bench.log, views: openMemoryViews() });
    expect(reader.client(app.id)).toMatchObject({ status: 'approved', history: [{ status: 'approved' }] });
    expect(reader.unreadable()).toBe(0);
    await reader.stop();
  });
});

describe('PUT on the registration URI is refused', () => {
  it('with the same 401 for a wrong token, the token of another app, an access token and an unknown app', async () => {
    const [app, other] = [await bench.approved(), await bench.approved()];
    const access = (await bench.token(app)).body['access_token'] as string;
    const answers = [
      await put(app, set(second), 'x'),
      await put(app, set(second), other.token),
      await put(app, set(second), access),
      await put(app, set(second), ADMINISTRATOR),
      await put({ ...app, id: `c-${'0'.repeat(32)}` }, set(second)),
      await put({ ...app, id: 'c-none' }, set(second)),
    ];
    for (const { status, body, headers } of answers)
      expect({ status, body, challenge: headers['www-authenticate'] }).toEqual({
        status: 401,
        body: answers[0]!.body,
        challenge: 'Bearer error="invalid_token"',
      });
    expect(await put(app, set(second), null)).toMatchObject({
      status: 401,
      headers: { 'www-authenticate': 'Bearer' },
    });
    expect(await changes()).toEqual([]);
    expect([await tokenWith(app), await tokenWith(app, second)]).toEqual([200, 401]);
  });

  it('before the body is looked at when the token is wrong', async () => {
    const app = await bench.approved();
    expect(await put(app, { jwks: 'junk' }, 'x')).toMatchObject({ status: 401 });
  });

  it.each<[string, () => Record<string, unknown>, RegExp]>([
    ['without keys', () => ({}), /^jwks: give exactly one/],
    ['with both kinds of keys', () => ({ ...set(second), jwks_uri: URI }), /^jwks: give exactly one/],
    ['with an empty key set', () => ({ jwks: { keys: [] } }), /^jwks.keys: needs/],
    ['with keys of a wrong type', () => ({ jwks: { keys: 'k2' } }), /^jwks.keys/],
    [
      'with a key of a wrong type',
      () => ({ jwks: { keys: [{ kty: 'oct', kid: 'a', k: 'c2Vj' }] } }),
      /secret parameter/,
    ],
    [
      'with 21 keys',
      () => set(...Array.from({ length: 21 }, (_, i) => ({ ...second.jwk, kid: `k${i}` }))),
      /^jwks.keys: holds more than 20/,
    ],
    ['with http for the keys', () => ({ jwks_uri: 'http://app.example/jwks.json' }), /^jwks_uri: must be an https URL/],
    ['with a URL that serves nothing', () => ({ jwks_uri: URI }), /^jwks_uri: does not give a key set/],
    [
      'with a part of the record',
      () => ({ ...set(second), npi: '1245319599' }),
      /^client_name: is required; scope: is/,
    ],
    ['with the id of another client', () => ({ ...set(second), client_id: 'c-other' }), /^client_id: must be/],
    ['with an id of a wrong type', () => ({ ...set(second), client_id: 7 }), /^client_id: must be/],
    [
      'with a wrong word for the keys from before',
      () => ({ ...set(second), previous_keys: 'x' }),
      /^previous_keys: must/,
    ],
    [
      'with the kid of a key that stays valid, for another key',
      () => set({ ...second.jwk, kid: 'k1' }),
      /^jwks.keys.0: has the kid of another key/,
    ],
  ])('%s', async (_name, over, text) => {
    const app = await bench.approved();
    const { status, body } = await put(app, over());
    expect({ status, error: body['error'] }).toEqual({ status: 400, error: 'invalid_client_metadata' });
    expect(body['error_description']).toMatch(text);
    expect(await changes()).toEqual([]);
  });

  it('with a key of another client, whatever its kid is, while that key is accepted', async () => {
    const [app, other] = [await bench.approved(), await bench.approved()];
    await put(other, set(second));
    const foreign = { status: 400, body: { error_description: expect.stringMatching(/has a key of another client/) } };
    expect(await put(app, set(third, { ...second.jwk, kid: 'mine' }))).toMatchObject(foreign);
    await put(other, set(third));
    expect(await put(app, set(second))).toMatchObject(foreign);
    published[URI] = [second.jwk];
    expect(await put(app, { jwks_uri: URI })).toMatchObject(foreign);
    bench.clock.ms += 24 * HOUR;
    expect(await put(app, set(second))).toMatchObject({ status: 200 });
  });

  it('with the URL of another client, or a key that is published there', async () => {
    published[URI] = [second.jwk];
    const [app, other] = [await bench.approved(), await bench.approved({ jwks: undefined, jwks_uri: URI })];
    expect(await tokenWith(other, second)).toBe(200);
    const foreign = { status: 400, body: { error_description: expect.stringMatching(/has a key of another client/) } };
    expect(await put(app, { jwks_uri: URI })).toMatchObject(foreign);
    expect(await put(app, set(second))).toMatchObject(foreign);
  });

  it('for one of two apps that register the same key at the same time', async () => {
    const [app, other] = [await bench.approved(), await bench.approved()];
    const answers = await Promise.all([put(app, set(second)), put(other, set(second))]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 400]);
  });

  it('for an app that is pending, rejected or suspended', async () => {
    const [pending, rejected] = [await bench.register(), await bench.register()];
    await bench.review(rejected, 'reject');
    const suspended = await bench.approved();
    await bench.review(suspended, 'suspend');
    for (const app of [pending, rejected, suspended])
      expect(await put(app, set(second))).toMatchObject({ status: 403, body: { error: 'access_denied' } });
    await bench.review(suspended, 'approve');
    expect([await tokenWith(suspended), await tokenWith(suspended, second)]).toEqual([200, 401]);
  });

  it('for the fourth set of keys within a day that stay valid, and the twenty-first change of any kind', async () => {
    const app = await bench.approved();
    const pairs = await Promise.all(Array.from({ length: 4 }, (_, i) => pair(`n${i}`)));
    for (const one of pairs.slice(0, 3)) expect((await put(app, set(one))).status).toBe(200);
    expect(await put(app, set(pairs[3]!))).toMatchObject({ status: 409, body: { error: 'invalid_request' } });
    for (let i = 3; i < 20; i++)
      expect((await put(app, { ...set(pairs[i % 4]!), previous_keys: 'end' })).status).toBe(200);
    expect(await put(app, { ...set(second), previous_keys: 'end' })).toMatchObject({
      status: 429,
      headers: { 'retry-after': '86400' },
    });
  });

  it('after many wrong tokens from an address', async () => {
    const tight = await Bench.start({ config: { refusalsPerMinute: 2 } });
    const app = await tight.approved();
    const ask = async (token: string): Promise<number> =>
      (await tight.call('PUT', `/auth/register/${app.id}`, { json: { client_id: app.id, ...set(second) }, token }))
        .status;
    expect([await ask('x'), await ask('x'), await ask('x'), await ask(app.token)]).toEqual([401, 401, 429, 429]);
    await tight.stop();
  });

  it('after many wrong tokens alone, and not after requests that the platform could not answer', async () => {
    const tight = await Bench.start({ config: { refusalsPerMinute: 2 } });
    const app = await tight.approved();
    const read = async (): Promise<number> =>
      (await tight.call('GET', `/auth/register/${app.id}`, { token: app.token })).status;
    const away = vi.spyOn(tight.ports.state.claims, 'get').mockRejectedValue(new EngineUnavailable('away'));
    expect([await read(), await read(), await read()]).toEqual([503, 503, 503]);
    away.mockRestore();
    expect(await read()).toBe(200);
    await tight.stop();
  });
});

describe('an assertion that was signed before a change of the keys', () => {
  it('is taken once, also when it comes again after the change', async () => {
    const app = await bench.approved();
    const form = await bench.form(app);
    expect((await bench.call('POST', '/auth/token', { form })).status).toBe(200);
    await put(app, set(second));
    expect(await bench.call('POST', '/auth/token', { form })).toMatchObject({
      status: 401,
      body: { error_description: expect.stringMatching(/jti was used/) },
    });
  });

  it('gives no token when the app ended its key while the request ran', async () => {
    published[URI] = [second.jwk];
    const app = await bench.approved({ jwks: undefined, jwks_uri: URI });
    const { answer, goOn } = await whileKeysAreFetched(() => tokenWith(app, second));
    expect((await put(app, { ...set(third), previous_keys: 'end' })).status).toBe(200);
    goOn();
    expect(await answer).toBe(401);
    expect((await bench.audited()).filter((e) => e.outcome === 'released')).toEqual([]);
  });

  it('gives a token when the app changed its keys meanwhile and keeps the ones from before', async () => {
    published[URI] = [second.jwk];
    const app = await bench.approved({ jwks: undefined, jwks_uri: URI });
    const { answer, goOn } = await whileKeysAreFetched(() => tokenWith(app, second));
    expect((await put(app, set(third))).status).toBe(200);
    goOn();
    expect(await answer).toBe(200);
  });
});
