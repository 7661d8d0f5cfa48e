import { generateKeyPairSync } from 'node:crypto';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { JWK } from 'jose';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import { openMemoryState } from '@provider-access/engines/state/memory';
import type { JwksResult } from '@provider-access/smart';
import { ExpiredReviews } from '../../apps/expired-reviews.ts';
import { ADMINISTRATOR, type Answer, type App, Bench, prepare } from '../../../test/harness.ts';

const URI = 'https://app.example/jwks.json';
const rsa: JWK = {
  ...(generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' }) as JWK),
  kid: 'r1',
};
const ec = (): JWK => ({
  ...(generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({ format: 'jwk' }) as JWK),
  kid: 'e1',
});
const padded = (parameter: string): string =>
  Buffer.concat([Buffer.alloc(2), Buffer.from(parameter, 'base64url')]).toString('base64url');

/** What the URLs of key sets serve; a URL that is not here cannot be reached. */
let published: Record<string, readonly unknown[]>;
const jwks = {
  get: (url: string): Promise<JwksResult> =>
    Promise.resolve(
      published[url] === undefined ? { ok: false, reason: 'it cannot be reached' } : { ok: true, keys: published[url] },
    ),
  kept: (url: string) => published[url],
};
let bench: Bench;
beforeAll(prepare);
beforeEach(async () => {
  published = {};
  bench = await Bench.start({ jwks });
});
afterEach(() => bench.stop());

const attempt = (keys: readonly JWK[], at = bench): Promise<Answer> =>
  at.call('POST', '/auth/register', { json: at.metadata({ jwks: { keys } }) });
const byUrl = (uri: string): Record<string, unknown> => ({ jwks: undefined, jwks_uri: uri });
const foreign = (other: App) => ({
  status: 400,
  body: {
    error: 'invalid_client_metadata',
    // Names neither the other app nor its name.
    error_description: expect.not.stringMatching(new RegExp(`${other.id}|Secret EHR`)),
  },
});
const named = { client_name: 'Secret EHR' };

describe("a registration with another app's key", () => {
  it.each<[string, () => JWK, (key: JWK) => JWK]>([
    ['under another kid', ec, (key) => ({ ...key, kid: 'mine' })],
    ['with an alg and a use', ec, (key) => ({ ...key, alg: 'ES384', use: 'sig' })],
    ['with members that nobody reads', ec, (key) => ({ ...key, x5t: 'abc', note: 'mine' }) as JWK],
    ['with leading zeros', () => rsa, (key) => ({ ...key, n: padded(key.n!), e: padded(key.e!) })],
  ])('is refused: %s', async (_how, make, disguised) => {
    const key = make();
    const other = await bench.register({ ...named, jwks: { keys: [key] } });
    expect(await attempt([ec(), disguised(key)]), 'while the other one waits').toMatchObject(foreign(other));
    await bench.review(other, 'approve');
    expect(await attempt([disguised(key)]), 'approved').toMatchObject(foreign(other));
    await bench.review(other, 'suspend');
    expect(await attempt([disguised(key)]), 'suspended').toMatchObject(foreign(other));
  });

  it('P45: is refused for an app whose review is too old, because a reviewer may approve that one again', async () => {
    await bench.stop();
    bench = await Bench.start({ jwks, config: { reviewValidDays: 30 } });
    const key = ec();
    const other = await bench.approved({ ...named, jwks: { keys: [key] } });
    bench.clock.ms += 30 * 24 * 3600_000;
    await bench.service(ExpiredReviews).look();
    expect(await attempt([{ ...key, kid: 'mine' }])).toMatchObject(foreign(other));
  });

  it('is refused for a former key, as long as that key is accepted', async () => {
    const [key, next] = [ec(), { ...ec(), kid: 'e2' }];
    const other = await bench.approved({ ...named, jwks: { keys: [key] } });
    const changed = await bench.call('PUT', `/auth/register/${other.id}`, {
      json: { client_id: other.id, jwks: { keys: [next] } },
      token: other.token,
    });
    expect(changed.status).toBe(200);
    expect(await attempt([key])).toMatchObject(foreign(other));
    expect(await attempt([next])).toMatchObject(foreign(other));
    bench.clock.ms += 24 * 3600_000;
    expect(await attempt([key])).toMatchObject({ status: 201 });
  });

  it('is taken after the other one was rejected, so that its developer can correct it', async () => {
    const key = ec();
    const first = await bench.register({ jwks: { keys: [key] } });
    await bench.review(first, 'reject');
    expect(await attempt([key])).toMatchObject({ status: 201 });
  });

  it('is refused for one of two that come at the same time, at two instances', async () => {
    const log = openMemoryLog({ partitions: 2 });
    const state = openMemoryState({ log });
    const two = [await Bench.start({ log, state }), await Bench.start({ log, state })];
    try {
      for (let round = 0; round < 5; round++) {
        const key = ec();
        const answers = await Promise.all([...two, ...two].map((at) => attempt([key], at)));
        expect(answers.map(({ status }) => status).sort()).toEqual([201, 400, 400, 400]);
      }
    } finally {
      for (const each of two) await each.stop();
      await state.close();
      await log.close();
    }
  });

  it('leaves nothing behind', async () => {
    const key = ec();
    await bench.register({ jwks: { keys: [key] } });
    expect((await attempt([key])).status).toBe(400);
    const { body } = await bench.call('GET', '/auth/clients', { token: ADMINISTRATOR });
    expect(body['clients']).toHaveLength(1);
  });
});

describe("an app with another app's jwks_uri, or with its keys under a URL of its own", () => {
  it('is refused at registration if the other one was approved, and not while it waits', async () => {
    const other = await bench.register({ ...named, ...byUrl(URI) });
    // A stranger could otherwise keep an app away by registering the URL that the app publishes.
    const rival = await bench.register(byUrl(URI));
    await bench.review(other, 'approve');
    expect(await bench.call('POST', '/auth/register', { json: bench.metadata(byUrl(URI)) })).toMatchObject(
      foreign(other),
    );
    expect(await bench.review(rival, 'approve')).toMatchObject({
      status: 409,
      body: { error_description: expect.stringContaining(other.id) },
    });
  });

  it('is not approved with the keys of another app, which a reviewer learns', async () => {
    const key = ec();
    const other = await bench.approved({ jwks: { keys: [key] } });
    const copy = await bench.register(byUrl(URI));
    published[URI] = [ec(), { ...key, kid: 'mine' }];
    const refused = await bench.review(copy, 'approve');
    expect(refused).toMatchObject({ status: 409, body: { error_description: expect.stringContaining(other.id) } });
    published[URI] = [ec()];
    expect(await bench.review(copy, 'approve')).toMatchObject({ status: 200 });
  });

  it('is approved while its URL gives no keys', async () => {
    expect(await bench.review(await bench.register(byUrl(URI)), 'approve')).toMatchObject({ status: 200 });
  });

  it('is not approved with a key that another app changed to meanwhile', async () => {
    const key = ec();
    const waiting = await bench.register({ jwks: { keys: [key] } });
    const other = await bench.approved();
    const changed = await bench.call('PUT', `/auth/register/${other.id}`, {
      json: { client_id: other.id, jwks: { keys: [{ ...key, kid: 'e9' }] } },
      token: other.token,
    });
    expect(changed.status).toBe(200);
    expect(await bench.review(waiting, 'approve')).toMatchObject({ status: 409 });
  });
});
