import { createHmac, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { type JWK, SignJWT } from 'jose';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { encodeEvent, PA_CONSENT } from '@provider-access/events';
import { ProjectionSet } from '@provider-access/engines/views';
import { memberFacts } from '@provider-access/facts/views';
import type { Secret } from '@provider-access/smart';
import {
  ADMINISTRATOR,
  type Answer,
  Bench,
  type BenchOptions,
  NOW,
  prepare,
  PUBLIC_URL,
} from '../../../test/harness.ts';

/** Links of the payer's portal (PEOPLE.md N51), by hand from docs/member-link.md, and what strangers do with them. */
const MINUTE = 60_000;
const EXCHANGE = `${PUBLIC_URL}/auth/member-session`;
const pair = generateKeyPairSync('ec', { namedCurve: 'P-384' });
const stranger = generateKeyPairSync('ec', { namedCurve: 'P-384' });
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const publicKey = (key: KeyObject, kid: string): JWK => ({ ...(key.export({ format: 'jwk' }) as JWK), kid });
/** The file of the portal's keys, which the payer may replace. */
class KeyFile implements Secret<readonly JWK[]> {
  current: readonly JWK[] = [publicKey(pair.publicKey, 'p1'), publicKey(rsa.publicKey, 'p2')];
  onChange = (): (() => void) => () => undefined;
}

let keys: KeyFile;
let bench: Bench;
const closing: (() => Promise<void>)[] = [];
async function start(options: BenchOptions = {}): Promise<Bench> {
  const started = await Bench.start({ portalKeys: keys, ...options });
  closing.unshift(() => started.stop());
  return started;
}
/** Another process of the same deployment. */
const startOther = (options: BenchOptions = {}): Promise<Bench> =>
  start({ log: bench.log, state: bench.ports.state, views: bench.ports.views, now: bench.clock.ms, ...options });
/** The payer said something about this member: an opt-out, so the member is opted out. */
async function known(member: string): Promise<void> {
  const time = new Date(NOW).toISOString();
  const data = { member, scope: 'global', effective: time, businessTime: time, setBy: 'member' };
  const { log, views } = bench.ports;
  await log.append(PA_CONSENT, [
    encodeEvent({ id: `out-${member}`, source: 'test', type: 'pa.opted-out.v1', time, subject: member, data }),
  ]);
  await views.reader(memberFacts).waitFor(await log.head([PA_CONSENT]), 60_000);
}
beforeAll(prepare);
beforeEach(async () => {
  keys = new KeyFile();
  bench = await start();
  const { log, views } = bench.ports;
  const facts = new ProjectionSet({ log, views, projections: [memberFacts] });
  await facts.start();
  closing.unshift(() => facts.stop());
  await known('m1');
  // The memory of uses began when the process started.
  bench.clock.ms += MINUTE;
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

let serial = 0;
const claims = (over: Record<string, unknown> = {}, at = bench.clock.ms): Record<string, unknown> => ({
  iss: 'member-portal',
  sub: 'member-portal',
  aud: EXCHANGE,
  iat: Math.floor(at / 1000),
  exp: Math.floor(at / 1000) + 600,
  jti: `link-${++serial}`,
  member: 'm1',
  ...over,
});
const sign = (payload: Record<string, unknown>, key = pair.privateKey, header = {}): Promise<string> =>
  new SignJWT(payload).setProtectedHeader({ alg: 'ES384', kid: 'p1', typ: 'JWT', ...header }).sign(key);
const link = (over: Record<string, unknown> = {}): Promise<string> => sign(claims(over));
const open = (jwt: unknown, headers: Record<string, string> = {}, at = bench): Promise<Answer> =>
  at.call('POST', '/auth/member-session', { json: { link: jwt }, headers });
const own = ({ headers, body }: Answer): Record<string, string> => ({
  cookie: String(headers['set-cookie']).split(';')[0]!,
  'x-csrf-token': body['csrf'] as string,
});
const text64 = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const ADMINISTRATOR_SESSION = { token: ADMINISTRATOR, json: {} };

describe('a link of the portal (N51)', () => {
  it('begins a session of one member, whom the answer names', async () => {
    const answer = await open(await link({ language: 'es' }));
    expect(answer.status).toBe(201);
    expect(answer.body).toEqual({
      person: 'member',
      mark: 'member',
      roles: ['member'],
      member: 'm1',
      language: 'es',
      until: new Date(bench.clock.ms + 15 * MINUTE).toISOString(),
      csrf: expect.any(String) as string,
    });
    expect(answer.headers['set-cookie']).toMatch(
      /^__Host-pa-session=[\w-]{43}; Path=\/; Max-Age=900; HttpOnly; SameSite=Strict; Secure$/,
    );
    expect(answer.headers['cache-control']).toBe('no-store');
    const shown = await bench.call('GET', '/auth/session', { headers: own(answer) });
    expect(shown.body).toEqual(answer.body);
  });

  it.each([
    ['the token endpoint', { aud: `${PUBLIC_URL}/auth/token` }],
    ['a list with our issuer', { aud: [EXCHANGE, PUBLIC_URL] }],
    ['nbf', { nbf: Math.floor(NOW / 1000) }],
    ['a language that is none', { language: '<script>' }],
    ['a claim that nobody knows', { nonce: 'x' }],
  ])('may have %s', async (_what, over) => {
    const answer = await open(await link(over));
    expect([answer.status, answer.body['language']]).toEqual([201, undefined]);
  });

  it('may be signed by RS384, and by any key of the file', async () => {
    const jwt = await sign(claims(), rsa.privateKey, { alg: 'RS384', kid: 'p2' });
    expect((await open(jwt)).status).toBe(201);
  });

  it('that is not valid has one answer, whatever is wrong with it', async () => {
    const seconds = Math.floor(bench.clock.ms / 1000);
    const used = await link();
    expect((await open(used)).status).toBe(201);
    const [head, payload, signature] = (await link()).split('.') as [string, string, string];
    const pem = pair.publicKey.export({ type: 'spki', format: 'pem' });
    const unsigned = `${text64({ alg: 'HS256', kid: 'p1', typ: 'JWT' })}.${text64(claims())}`;
    const wrong: Readonly<Record<string, unknown>> = {
      used,
      'a member whom nobody knows': await link({ member: 'm-nobody' }),
      expired: await link({ iat: seconds - 700, exp: seconds - 100 }),
      'an exp that is too far': await link({ exp: seconds + 601 }),
      'a long life that began in the past': await link({ iat: seconds - 590, exp: seconds + 300 }),
      'an iat in the future': await link({ iat: seconds + 120, exp: seconds + 300 }),
      'no iat': await link({ iat: undefined }),
      'no exp': await link({ exp: undefined }),
      'an iat that is a text': await link({ iat: String(seconds) }),
      'from before the memory of uses': await link({ iat: Math.floor(NOW / 1000) - 5, exp: seconds + 300 }),
      'no jti': await link({ jti: undefined }),
      'another audience': await link({ aud: 'https://other.example/auth/member-session' }),
      'another audience beside ours': await link({ aud: [EXCHANGE, 'https://other.example'] }),
      'our issuer alone': await link({ aud: PUBLIC_URL }),
      'another issuer': await link({ iss: 'c-1', sub: 'c-1' }),
      'another subject': await link({ sub: 'm1' }),
      'no member': await link({ member: undefined }),
      'a member that is a list': await link({ member: ['m1', 'm2'] }),
      'a member that is no id': await link({ member: 'm1/../m2' }),
      'an empty member': await link({ member: '' }),
      'a key that is not registered': await sign(claims(), stranger.privateKey),
      'a kid that is not registered': await sign(claims(), pair.privateKey, { kid: 'p9' }),
      'no kid': await sign(claims(), pair.privateKey, { kid: undefined }),
      'a jwk of its own': await sign(claims(), stranger.privateKey, { jwk: publicKey(stranger.publicKey, 'p1') }),
      'a jku of its own': await sign(claims(), stranger.privateKey, { jku: 'https://evil.example/jwks' }),
      'alg none': `${text64({ alg: 'none', kid: 'p1' })}.${text64(claims())}.`,
      'HS256 with the public key': `${unsigned}.${createHmac('sha256', pem).update(unsigned).digest('base64url')}`,
      'another type': await sign(claims(), pair.privateKey, { typ: 'at+jwt' }),
      'another member behind the signature': `${head}.${text64(claims({ member: 'm2' }))}.${signature}`,
      'no signature': `${head}.${payload}.`,
      'a text': 'x',
      'no text': 7,
      nothing: undefined,
      'an assertion of an app': await bench.assertion('c-1'),
    };
    const answers = new Set<string>();
    for (const [what, jwt] of Object.entries(wrong)) {
      const answer = await open(jwt);
      expect(answer.status, what).toBe(403);
      expect(answer.headers['set-cookie'], what).toBeUndefined();
      answers.add(JSON.stringify(answer.body));
    }
    expect(answers.size).toBe(1);
    expect([...answers].join()).not.toMatch(/"m1"|m-nobody|expired|used before|signature/);
  });

  it('is no client assertion, and a client assertion is no link', async () => {
    const form = {
      grant_type: 'client_credentials',
      scope: 'system/*.rs',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: await link({ aud: `${PUBLIC_URL}/auth/token`, exp: Math.floor(bench.clock.ms / 1000) + 200 }),
    };
    expect((await bench.call('POST', '/auth/token', { form })).status).toBe(401);
  });

  it('is opened once, also at two processes at once', async () => {
    const other = await startOther();
    for (let n = 0; n < 10; n++) {
      const jwt = await link();
      const answers = await Promise.all([open(jwt), open(jwt, {}, other), open(jwt), open(jwt, {}, other)]);
      expect(answers.map(({ status }) => status).toSorted()).toEqual([201, 403, 403, 403]);
    }
  });

  it('asks the same of the stores, whether it was used and whether anybody knows the member', async () => {
    const asked = async (jwt: string): Promise<readonly number[]> => {
      const { state, views } = bench.ports;
      let [uses, reads] = [0, 0];
      const insert = state.claims.insertOnce.bind(state.claims);
      state.claims.insertOnce = (...all) => (uses++, insert(...all));
      const reader = views.reader(memberFacts);
      const prototype = Object.getPrototypeOf(reader) as { get(id: string): Promise<unknown> };
      const get = prototype.get;
      prototype.get = function (...all) {
        reads++;
        return get.apply(this, all);
      };
      await open(jwt);
      prototype.get = get;
      state.claims.insertOnce = insert;
      return [uses, reads];
    };
    const used = await link();
    const fresh = await asked(used);
    expect(fresh).toEqual([1, 1]);
    expect(await asked(used)).toEqual(fresh);
    expect(await asked(await link({ member: 'm-nobody' }))).toEqual(fresh);
    // What anybody can see in the link itself asks for nothing, so that strangers cannot fill the store.
    expect(await asked(await sign(claims(), stranger.privateKey))).toEqual([0, 0]);
  });

  it('junk does not lock members out who have its address, and a used link has a limit of its own', async () => {
    const junk: number[] = [];
    for (let n = 0; n < 70; n++) junk.push((await open('x')).status);
    expect([...new Set(junk)]).toEqual([403, 429]);
    expect((await open(await link())).status).toBe(201);
    const used = await link();
    const uses: number[] = [];
    for (let n = 0; n < 70; n++) uses.push((await open(used)).status);
    expect([...new Set(uses)]).toEqual([201, 403, 429]);
    expect((await open(await link())).status).toBe(201);
  });

  it('hundreds of links of members at one address are opened', async () => {
    for (let n = 0; n < 300; n++) expect((await open(await link())).status).toBe(201);
  });

  it('is refused with a huge body, and with one that is no JSON', async () => {
    expect((await open('x'.repeat(9000))).status).toBe(403);
    expect((await open('x'.repeat(70_000))).status).toBe(413);
    for (const [body, type] of [
      ['{"link":', 'application/json'],
      ['link=x', 'application/x-www-form-urlencoded'],
      ['{"link":"x"}', 'text/plain'],
      ['[]', 'application/json'],
      ['null', 'application/json'],
    ] as const)
      expect([400, 403, 415]).toContain((await bench.call('POST', '/auth/member-session', { body, type })).status);
  });

  it('without keys no link is valid', async () => {
    const without = await startOther({ portalKeys: undefined });
    expect((await open(await link(), {}, without)).status).toBe(403);
  });
});

describe('the session of a member', () => {
  it('opens no route of the payer’s people, and the administrator’s token is no member', async () => {
    const headers = own(await open(await link()));
    for (const path of ['/auth/clients', '/auth/clients/x', '/auth/decisions', '/auth/signing-keys', '/ops/lines']) {
      const answer = await bench.call('GET', path, { headers });
      expect(answer.status, path).toBe(403);
      expect(JSON.stringify(answer.body), path).toContain('for the decisions of this member alone');
    }
    expect((await bench.call('POST', '/auth/clients/x/approve', { headers, json: {} })).status).toBe(403);
    expect((await bench.call('POST', '/auth/session', { headers, json: {} })).status).toBe(403);
    const staff = await bench.call('POST', '/auth/session', ADMINISTRATOR_SESSION);
    expect(staff.body['roles']).not.toContain('member');
    const asked = await bench.call('POST', '/auth/session', { token: ADMINISTRATOR, json: { roles: ['member'] } });
    expect(asked.status).toBe(400);
  });

  it('takes the place of the session of another member, and no secret that somebody chose', async () => {
    await known('m2');
    const first = own(await open(await link()));
    const second = await open(await link({ member: 'm2' }), { cookie: first['cookie']! });
    expect([second.status, second.body['member']]).toEqual([201, 'm2']);
    expect(own(second)['cookie']).not.toBe(first['cookie']);
    expect((await bench.call('GET', '/auth/session', { headers: first })).status).toBe(401);
    const chosen = { cookie: `__Host-pa-session=${'A'.repeat(43)}` };
    expect(own(await open(await link(), chosen))['cookie']).not.toBe(chosen.cookie);
    expect((await bench.call('GET', '/auth/session', { headers: chosen })).status).toBe(401);
  });

  it('does not begin where somebody of the payer has signed in, and the link stays good', async () => {
    const staff = own(await bench.call('POST', '/auth/session', ADMINISTRATOR_SESSION));
    const jwt = await link();
    for (const one of [jwt, 'x']) expect((await open(one, { cookie: staff['cookie']! })).status).toBe(409);
    expect((await bench.call('GET', '/auth/clients', { headers: staff })).status).toBe(200);
    expect((await bench.call('DELETE', '/auth/session', { headers: staff })).status).toBe(204);
    expect((await open(jwt)).status).toBe(201);
  });

  it('does not begin from the page of a stranger', async () => {
    const jwt = await link();
    for (const site of ['cross-site', 'same-site', 'none'])
      expect((await open(jwt, { 'sec-fetch-site': site })).status).toBe(403);
    const answer = await open(jwt, { 'sec-fetch-site': 'same-origin', origin: 'https://evil.example' });
    expect(answer.status).toBe(201);
    expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  });

  it('needs the CSRF token to end', async () => {
    const headers = own(await open(await link()));
    expect((await bench.call('DELETE', '/auth/session', { headers: { cookie: headers['cookie']! } })).status).toBe(403);
    expect((await bench.call('DELETE', '/auth/session', { headers })).status).toBe(204);
    expect((await bench.call('GET', '/auth/session', { headers })).status).toBe(401);
  });

  it('ends after 15 minutes, however often it is renewed', async () => {
    const headers = own(await open(await link()));
    for (let n = 0; n < 3; n++) {
      bench.clock.ms += 4.9 * MINUTE;
      const renewed = await bench.call('POST', '/auth/session/renew', { headers });
      expect([renewed.status, renewed.body['roles'], renewed.body['member']]).toEqual([200, ['member'], 'm1']);
    }
    bench.clock.ms += MINUTE;
    for (const [method, path] of [
      ['POST', '/auth/session/renew'],
      ['GET', '/auth/session'],
    ] as const)
      expect((await bench.call(method, path, { headers })).status).toBe(401);
  });

  it('ends with the key of the portal that signed its link', async () => {
    const headers = own(await open(await link()));
    const others = own(await open(await sign(claims(), rsa.privateKey, { alg: 'RS384', kid: 'p2' })));
    // The payer took the key out of the file, and another key has its name.
    keys.current = [publicKey(stranger.publicKey, 'p1'), publicKey(rsa.publicKey, 'p2')];
    expect((await open(await link())).status).toBe(403);
    bench.clock.ms += 5 * MINUTE;
    expect((await bench.call('GET', '/auth/clients', { headers })).status).toBe(403);
    expect((await bench.call('POST', '/auth/session/renew', { headers })).status).toBe(401);
    expect((await bench.call('GET', '/auth/session', { headers })).status).toBe(401);
    expect((await bench.call('POST', '/auth/session/renew', { headers: others })).status).toBe(200);
  });

  it('is in the audit, and so is a link that was used before', async () => {
    const jwt = await link();
    await open(jwt);
    await open(jwt);
    await open('x');
    const entries = (await bench.audited()).map(({ client, action, outcome, members }) => ({
      client,
      action,
      outcome,
      members,
    }));
    expect(entries).toEqual([
      { client: 'member', action: 'explain', outcome: 'released', members: ['m1'] },
      { client: 'member-portal', action: 'explain', outcome: 'refused', members: [] },
    ]);
  });
});
