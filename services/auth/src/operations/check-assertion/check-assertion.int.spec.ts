import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { EngineUnavailable } from '@provider-access/engines/log';
import { type CryptoKey, generateKeyPair } from 'jose';
import { type Answer, type App, Bench, NOW, NPI, prepare, publicJwk } from '../../../test/harness.ts';
import { assertionCheckResponse } from './check-assertion.controller.ts';

let foreign: CryptoKey;
beforeAll(async () => {
  await prepare();
  foreign = (await generateKeyPair('ES384')).privateKey;
});
let bench: Bench;
beforeEach(async () => {
  bench = await Bench.start();
});
afterEach(() => bench.stop());

const check = (assertion: string, over: Record<string, string> = {}, on = bench): Promise<Answer> =>
  on.call('POST', '/auth/check-assertion', { form: { client_assertion: assertion, ...over } });
const faults = ({ body }: Answer): string[] =>
  (body['checks'] as { part: string; accepted: boolean; text: string }[])
    .filter(({ accepted }) => !accepted)
    .map(({ part, text }) => `${part}: ${text}`);
/** Calls of the state port since the last call of this function. */
function queries(): { count(): Record<string, number> } {
  const { claims, streams, counters } = bench.ports.state;
  const spies = {
    get: vi.spyOn(claims, 'get'),
    claim: vi.spyOn(claims, 'claim'),
    insertOnce: vi.spyOn(claims, 'insertOnce'),
    load: vi.spyOn(streams, 'load'),
    hit: vi.spyOn(counters, 'hit'),
  };
  return {
    count: () =>
      Object.fromEntries(
        Object.entries(spies).map(([name, spy]) => {
          const { length } = spy.mock.calls;
          spy.mockClear();
          return [name, length];
        }),
      ),
  };
}

describe('POST /auth/check-assertion', () => {
  it('explains every claim of an assertion that the token endpoint accepts, and leaves its jti unused', async () => {
    const app = await bench.approved();
    const form = await bench.form(app);
    const answers = [
      await bench.call('POST', '/auth/check-assertion', { form }),
      await bench.call('POST', '/auth/check-assertion', { form }),
    ];
    for (const answer of answers) {
      expect(answer).toMatchObject({
        status: 200,
        headers: { 'cache-control': 'no-store' },
        body: { client_id: app.id, accepted: true, server_time: new Date(NOW).toISOString() },
      });
      expect(assertionCheckResponse.strict().parse(answer.body)).toEqual(answer.body);
      expect(JSON.stringify(answer.body)).not.toContain('access_token');
    }
    expect((answers[0]!.body['checks'] as { part: string }[]).map(({ part }) => part)).toEqual(
      ['typ', 'kid', 'jku', 'iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti', 'approval', 'network'].concat(
        ...['grant_type', 'client_assertion_type', 'scope'],
      ),
    );
    expect((await bench.audited()).filter(({ action }) => action === 'token')).toEqual([]);
    // The token endpoint takes the same form once, and the check says so afterwards.
    expect((await bench.call('POST', '/auth/token', { form })).status).toBe(200);
    const spent = await bench.call('POST', '/auth/check-assertion', { form });
    expect([spent.body['accepted'], ...faults(spent)]).toEqual([false, expect.stringMatching(/^jti: jti was used/)]);
  });

  it('names all faults at once: claims, scope and the other parameters', async () => {
    const app = await bench.approved({ scope: 'system/Patient.rs' });
    const assertion = await bench.assertion(app.id, { aud: 'https://payer.example/fhir', exp: NOW / 1000 + 3600 });
    const answer = await check(assertion, {
      scope: 'system/Claim.rs',
      grant_type: 'password',
      client_assertion_type: 'jwt',
      client_id: 'c-other',
    });
    expect(answer).toMatchObject({ status: 200, body: { accepted: false } });
    expect(faults(answer)).toEqual([
      'aud: aud must be the token endpoint of this server: https://payer.example/auth/token',
      'exp: exp must be at most 300 seconds ahead.',
      'grant_type: grant_type must be client_credentials.',
      'client_assertion_type: client_assertion_type must be urn:ietf:params:oauth:client-assertion-type:jwt-bearer.',
      `client_id: client_id must be ${app.id}.`,
      'scope: The app may ask for: system/Patient.rs',
    ]);
  });

  it('tells a pending app that it waits, and an approved one that its providers are out of network', async () => {
    const pending = await bench.register();
    expect(faults(await check(await bench.assertion(pending.id)))).toEqual([
      'approval: The app is registered and not approved yet.',
    ]);
    await bench.review(pending, 'approve');
    expect(faults(await check(await bench.assertion(pending.id)))).toEqual([
      expect.stringMatching(/^network: None of the providers/),
    ]);
    await bench.network(`npi|${NPI}`, 'in-network');
    expect((await check(await bench.assertion(pending.id))).body['accepted']).toBe(true);
  });

  it('is for POST', async () => {
    expect(await bench.call('GET', '/auth/check-assertion')).toMatchObject({ status: 405, headers: { allow: 'POST' } });
  });
});

describe('without the signature of the named client, POST /auth/check-assertion', () => {
  const NOBODY = `c-${'1'.repeat(32)}`;
  it('gives the same answer, byte for byte, after the same queries', async () => {
    const approved = await bench.approved();
    const pending = await bench.register();
    const ofUrl = await bench.register({ jwks: undefined, jwks_uri: 'https://app.example/jwks.json' });
    const [rejected, suspended] = [await bench.register(), await bench.approved()];
    await bench.review(rejected, 'reject');
    await bench.review(suspended, 'suspend');
    const form = await bench.form(approved);
    const asks: Record<string, () => Promise<Answer>> = {
      'an unknown client': async () => check(await bench.assertion(NOBODY)),
      'no id of ours': async () => check(await bench.assertion('__proto__')),
      'a stranger as an approved app': async () => check(await bench.assertion(approved.id, {}, foreign)),
      'a stranger as a pending app': async () => check(await bench.assertion(pending.id, {}, foreign)),
      'a pending app with a jwks_uri': async () => check(await bench.assertion(ofUrl.id)),
      'a rejected app': async () => check(await bench.assertion(rejected.id)),
      'a suspended app': async () => check(await bench.assertion(suspended.id)),
      'an unknown kid': async () => check(await bench.assertion(approved.id, {}, undefined, { kid: 'k9' })),
      'a stranger with wrong claims': async () => check(await bench.assertion(approved.id, { aud: 'x' }, foreign)),
      garbage: () => check('garbage'),
      nothing: () => bench.call('POST', '/auth/check-assertion', { form: { scope: 'x' } }),
      JSON: () => bench.call('POST', '/auth/check-assertion', { json: form }),
      'a repeated parameter': () =>
        bench.call('POST', '/auth/check-assertion', { form: `${new URLSearchParams(form)}&scope=x` }),
      'no body': () => bench.call('POST', '/auth/check-assertion'),
    };
    const counted = queries();
    const answers: Record<string, unknown> = {};
    for (const [name, ask] of Object.entries(asks)) {
      counted.count();
      const { status, body, headers } = await ask();
      const { date: _date, 'x-request-id': _id, ...rest } = headers;
      answers[name] = { status, body, headers: rest, queries: counted.count() };
    }
    const one = answers['an unknown client'] as { status: number; body: { error: string }; queries: object };
    expect({ status: one.status, error: one.body.error, queries: one.queries }).toEqual({
      status: 401,
      error: 'invalid_client',
      queries: { get: 1, claim: 0, insertOnce: 0, load: 1, hit: 0 },
    });
    for (const [name, answer] of Object.entries(answers)) expect({ [name]: answer }).toEqual({ [name]: one });
  });

  it('fetches no keys for an app that nobody has approved', async () => {
    const fetched: string[] = [];
    const other = await Bench.start({
      jwks: {
        get: (url) => {
          fetched.push(url);
          return Promise.resolve({ ok: true, keys: [publicJwk] });
        },
      },
    });
    const app = await other.register({ jwks: undefined, jwks_uri: 'https://app.example/jwks.json' });
    expect((await check(await other.assertion(app.id), {}, other)).status).toBe(401);
    expect(fetched).toEqual([]);
    await other.stop();
  });
});

describe('the limits of token requests', () => {
  const open = async (config: Record<string, number>): Promise<App> => {
    await bench.stop();
    bench = await Bench.start({ config });
    return bench.approved();
  };
  it('count refusals of both endpoints together', async () => {
    const app = await open({ refusalsPerMinute: 3 });
    const forged = () => bench.assertion(app.id, {}, foreign);
    expect((await check(await forged())).status).toBe(401);
    expect((await bench.token(app, { client_assertion: await forged() })).status).toBe(401);
    expect((await check(await forged())).status).toBe(401);
    expect((await check(await bench.assertion(app.id))).status).toBe(429);
    expect((await bench.token(app)).status).toBe(429);
  });
  it('count what a client asks of both endpoints together', async () => {
    const app = await open({ tokensPerMinute: 2 });
    expect((await check(await bench.assertion(app.id))).status).toBe(200);
    expect((await bench.token(app)).status).toBe(200);
    expect(await check(await bench.assertion(app.id))).toMatchObject({ status: 429, headers: { 'retry-after': '60' } });
    expect((await bench.token(app)).status).toBe(429);
  });
  it('do not count what the platform could not answer', async () => {
    const app = await open({ refusalsPerMinute: 2 });
    const away = vi.spyOn(bench.ports.state.counters, 'hit').mockRejectedValue(new EngineUnavailable('away'));
    const statuses = [];
    for (let i = 0; i < 5; i++) statuses.push((await check(await bench.assertion(app.id))).status);
    expect(statuses).toEqual([503, 503, 503, 503, 503]);
    away.mockRestore();
    expect((await check(await bench.assertion(app.id))).status).toBe(200);
  });
  it('do not count an assertion that is accepted as a refusal', async () => {
    const app = await open({ refusalsPerMinute: 1 });
    for (let i = 0; i < 3; i++) expect((await check(await bench.assertion(app.id))).status).toBe(200);
  });
});
