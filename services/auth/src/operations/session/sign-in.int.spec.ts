import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Answer, Bench, NPI, prepare, PUBLIC_URL } from '../../../test/harness.ts';
import {
  CLIENT_ID,
  CLIENT_SECRET,
  newBrowser,
  type RealProvider,
  realProvider,
} from '@provider-access/testing/oidc-provider';
import { authConfig, authSettings } from '../../config.ts';

const MINUTE = 60_000;
const folder = mkdtempSync(join(tmpdir(), 'sign-in-'));
const secret = join(folder, 'secret');
let provider: RealProvider;
let bench: Bench;
beforeAll(async () => {
  await prepare();
  writeFileSync(secret, CLIENT_SECRET, { mode: 0o600 });
  provider = await realProvider(`${PUBLIC_URL}/auth/session/callback`);
});
afterAll(async () => {
  await provider.close();
  rmSync(folder, { recursive: true });
});
const start = async (more: Record<string, string> = {}, fourEyes = false): Promise<void> => {
  const env = {
    PUBLIC_URL,
    ALLOW_INSECURE_JWKS: 'true',
    OIDC_ISSUER: provider.issuer,
    OIDC_CLIENT_ID: CLIENT_ID,
    OIDC_CLIENT_SECRET_FILE: secret,
    ...more,
  };
  const { identityProvider, allowInsecureJwks } = authConfig(authSettings.parse(env));
  // The provider has the clock of the machine.
  bench = await Bench.start({ now: Date.now(), config: { identityProvider, allowInsecureJwks, fourEyes } });
};
beforeEach(async () => {
  provider.roles.clear();
  provider.gone.clear();
  await start();
});
afterEach(() => bench.stop());

const cookieOf = ({ headers }: Answer): string => String(headers['set-cookie']).split(';')[0]!;
/** Begins a sign-in, and comes back from the provider with what it has added to the URL. */
async function begin(login: string): Promise<{ readonly cookie: string; readonly back: string }> {
  const begun = await bench.call('GET', '/auth/session/sign-in?to=/portal/reviews');
  expect(begun.status).toBe(302);
  const back = await provider.signIn(begun.headers['location']!, login);
  expect(back.startsWith(`${PUBLIC_URL}/auth/session/callback?`)).toBe(true);
  return { cookie: cookieOf(begun), back: back.slice(PUBLIC_URL.length) };
}
async function signIn(login: string): Promise<Answer> {
  const { cookie, back } = await begin(login);
  return bench.call('GET', back, { headers: { cookie } });
}
/** The headers of a page that has signed in. */
async function own(login: string): Promise<Record<string, string>> {
  const signedIn = await signIn(login);
  expect([signedIn.status, signedIn.headers['location']]).toEqual([302, '/portal/reviews']);
  const cookie = cookieOf(signedIn);
  const { body } = await bench.call('GET', '/auth/session', { headers: { cookie } });
  return { cookie, 'x-csrf-token': body['csrf'] as string };
}

describe('P60 a person who signs in by OpenID Connect', () => {
  it('has the roles of the claim, and no other', async () => {
    provider.roles.set('anna', ['reviewer', 'king', 'constructor']);
    const headers = await own('anna');
    const { body } = await bench.call('GET', '/auth/session', { headers });
    expect(body).toMatchObject({ person: 'person anna', roles: ['reviewer'] });
    expect((await bench.call('GET', '/auth/clients', { headers })).status).toBe(200);
    expect((await bench.call('GET', '/auth/signing-keys', { headers })).status).toBe(403);
  });

  it('sees a page instead of an answer for programs, whatever is refused', async () => {
    const browser = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };
    const { cookie, back } = await begin('nobody');
    const refused = async (path: string, headers: Record<string, string>): Promise<unknown> => {
      const { status, headers: said } = await bench.call('GET', path, { headers: { ...browser, ...headers } });
      return [status, said['location'], said['set-cookie']];
    };
    expect(await refused(back, { cookie })).toEqual([302, '/portal?refused=role', undefined]);
    // The same way back a second time, and one that another browser began.
    expect(await refused(back, { cookie })).toEqual([302, '/portal?refused=again', undefined]);
    expect(await refused(back, {})).toEqual([302, '/portal?refused=again', undefined]);
    // No person meets this, so it keeps its name.
    expect(await refused('/auth/session/sign-in?to=//evil.example', {})).toEqual([400, undefined, undefined]);
    expect((await bench.call('GET', back, { headers: { cookie, accept: '*/*' } })).status).toBe(403);
  });

  it('is named by decisions (P31)', async () => {
    provider.roles.set('anna', ['reviewer']);
    const headers = await own('anna');
    const app = await bench.register();
    const body = { identifiers: [{ npi: NPI, evidence: 'contract 7' }], confirm: [NPI] };
    const answer = await bench.call('POST', `/auth/clients/${app.id}/approve`, { json: body, headers });
    expect(answer.status).toBe(200);
    expect((answer.body['history'] as { by: string }[]).at(-1)!.by).toBe('person anna');
  });

  it('is one of two persons for four eyes, however often it signs in', async () => {
    await bench.stop();
    await start({}, true);
    for (const name of ['anna', 'berta']) provider.roles.set(name, ['reviewer']);
    const app = await bench.register();
    const json = { identifiers: [{ npi: NPI, evidence: 'contract 7' }], confirm: [NPI] };
    const review = await bench.call('POST', `/auth/clients/${app.id}/review`, { headers: await own('anna') });
    expect(review.status).toBe(200);
    const approve = async (name: string): Promise<number> =>
      (await bench.call('POST', `/auth/clients/${app.id}/approve`, { json, headers: await own(name) })).status;
    expect(await approve('anna')).toBe(409);
    expect(await approve('berta')).toBe(200);
  });

  it.each([
    ['without the claim', undefined],
    ['with an empty claim', []],
    ['with values that mean nothing', ['king']],
  ])('gets 403 %s, and no session', async (_, roles) => {
    if (roles !== undefined) provider.roles.set('berta', roles);
    const answer = await signIn('berta');
    expect([answer.status, answer.headers['set-cookie']]).toEqual([403, undefined]);
    // Without a role nobody learns which apps there are, and the audit has who asked.
    const audited = await bench.audited();
    expect(audited).toMatchObject([
      { client: 'person berta', reason: 'forbidden', operation: 'GET /auth/session/callback', members: [] },
    ]);
  });

  it('has the roles that the values of another claim mean', async () => {
    await bench.stop();
    await start({ OIDC_ROLES: 'grp=1=auditor,grp=1=operator,boss=compliance' });
    provider.roles.set('anna', ['grp=1', 'reviewer']);
    const { body } = await bench.call('GET', '/auth/session', { headers: await own('anna') });
    expect(body['roles']).toEqual(['auditor', 'operator']);
  });

  it('tells nobody without the role whether there is an app', async () => {
    provider.roles.set('anna', ['operator']);
    const headers = await own('anna');
    const app = await bench.register();
    for (const [method, path] of [
      ['GET', ''],
      ['POST', '/approve'],
    ] as const) {
      const [known, unknown] = [
        await bench.call(method, `/auth/clients/${app.id}${path}`, { headers }),
        await bench.call(method, `/auth/clients/c-unknown${path}`, { headers }),
      ];
      expect(known.status).toBe(403);
      expect([unknown.status, unknown.body]).toEqual([known.status, known.body]);
    }
  });

  it('has a new session at each sign-in, and the one that the browser had before has ended (P61)', async () => {
    provider.roles.set('anna', ['reviewer']);
    provider.roles.set('rita', ['reviewer']);
    const sessionOf = (cookie: string): Promise<Answer> => bench.call('GET', '/auth/session', { headers: { cookie } });
    const first = (await own('anna'))['cookie']!;
    // Whoever knows a session, or chose its secret, has planted it in the browser that signs in now.
    const chosen = `__Host-pa-session=${'A'.repeat(43)}`;
    for (const planted of [first, chosen]) {
      const { cookie, back } = await begin('rita');
      const signedIn = await bench.call('GET', back, { headers: { cookie: `${cookie}; ${planted}` } });
      expect([signedIn.status, [first, chosen].includes(cookieOf(signedIn))]).toEqual([302, false]);
      expect((await sessionOf(cookieOf(signedIn))).body['person']).toBe('person rita');
      expect((await sessionOf(planted)).status).toBe(401);
    }
  });

  it('signs in at the provider alone: the token signs nobody in', async () => {
    const answer = await bench.call('POST', '/auth/session', { token: 'a'.repeat(43), json: {} });
    expect(answer.status).toBe(409);
  });
});

describe('a role that is taken away while a session lives', () => {
  it('does not count after five minutes, when the provider is asked again', async () => {
    provider.roles.set('anna', ['reviewer', 'auditor']);
    const headers = await own('anna');
    provider.roles.set('anna', ['auditor']);
    bench.clock.ms += 5 * MINUTE;
    expect((await bench.call('GET', '/auth/clients', { headers })).status).toBe(401);
    const renewed = await bench.call('POST', '/auth/session/renew', { headers });
    expect([renewed.status, renewed.body['roles']]).toEqual([200, ['auditor']]);
    const app = await bench.register();
    expect((await bench.call('POST', `/auth/clients/${app.id}/review`, { headers })).status).toBe(403);
  });

  it('ends at once with all sessions of the person, if an operator says so', async () => {
    provider.roles.set('anna', ['reviewer']);
    provider.roles.set('otto', ['operator']);
    provider.roles.set('rita', ['reviewer']);
    const [phone, desk, other, operator] = [await own('anna'), await own('anna'), await own('rita'), await own('otto')];
    provider.roles.set('anna', []);
    const json = { person: 'person anna' };
    const refused = await bench.call('POST', '/auth/session/end-all', { json, headers: other });
    expect(refused.status).toBe(403);
    const answer = await bench.call('POST', '/auth/session/end-all', { json, headers: operator });
    expect([answer.status, answer.body]).toEqual([200, { person: 'person anna', ended: 2 }]);
    for (const headers of [phone, desk]) {
      expect((await bench.call('GET', '/auth/clients', { headers })).status).toBe(401);
      expect((await bench.call('POST', '/auth/session/renew', { headers })).status).toBe(401);
    }
    expect((await bench.call('GET', '/auth/clients', { headers: other })).status).toBe(200);
    // Who signs in again has the roles of now.
    expect((await signIn('anna')).status).toBe(403);
    expect(await bench.audited()).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          client: 'person otto',
          outcome: 'released',
          operation: 'POST /auth/session/end-all',
          person: 'person anna',
          members: [],
        }),
      ]),
    );
  });

  it.each([{}, { person: '' }, { person: 7 }, { person: 'anna\n' }, { person: 'person anna', all: true }])(
    'ends nothing for %j',
    async (json) => {
      provider.roles.set('otto', ['compliance']);
      const answer = await bench.call('POST', '/auth/session/end-all', { json, headers: await own('otto') });
      expect(answer.status).toBe(400);
    },
  );

  it('ends the session if it was the last one', async () => {
    provider.roles.set('anna', ['reviewer']);
    const headers = await own('anna');
    provider.roles.set('anna', []);
    expect((await bench.call('POST', '/auth/session/renew', { headers })).status).toBe(403);
    expect((await bench.call('GET', '/auth/session', { headers })).status).toBe(401);
  });

  it('ends the session with the account', async () => {
    provider.roles.set('anna', ['reviewer']);
    const headers = await own('anna');
    provider.gone.add('anna');
    expect((await bench.call('POST', '/auth/session/renew', { headers })).status).toBe(401);
    expect((await bench.call('GET', '/auth/clients', { headers })).status).toBe(401);
  });
});

describe('a sign-in', () => {
  it('is not used up by an answer of another state, with which a page of a stranger sends the browser', async () => {
    provider.roles.set('anna', ['reviewer']);
    const { cookie, back } = await begin('anna');
    const call = (path: string): Promise<Answer> => bench.call('GET', path, { headers: { cookie } });
    const stranger = await call(back.replace(/state=[^&]+/, 'state=another'));
    expect([stranger.status, stranger.headers['set-cookie']]).toEqual([403, undefined]);
    expect((await call(back)).status).toBe(302);
    expect((await call(back)).status).toBe(403);
  });

  it('is used once: code and state again begin no session', async () => {
    provider.roles.set('anna', ['reviewer']);
    const { cookie, back } = await begin('anna');
    expect((await bench.call('GET', back, { headers: { cookie } })).status).toBe(302);
    const again = await bench.call('GET', back, { headers: { cookie } });
    expect([again.status, again.headers['set-cookie']]).toEqual([403, undefined]);
  });

  it('belongs to the browser that began it', async () => {
    provider.roles.set('anna', ['reviewer']);
    const { back } = await begin('anna');
    const other = cookieOf(await bench.call('GET', '/auth/session/sign-in'));
    for (const headers of [{}, { cookie: other }, { cookie: '__Host-pa-sign-in=x' }] as Record<string, string>[])
      expect((await bench.call('GET', back, { headers })).status).toBe(403);
  });

  it('does not take a code of another sign-in', async () => {
    provider.roles.set('anna', ['reviewer']);
    const [one, two] = [await begin('anna'), await begin('anna')];
    const mixed = new URL(one.back, PUBLIC_URL);
    mixed.searchParams.set('code', new URL(two.back, PUBLIC_URL).searchParams.get('code')!);
    const answer = await bench.call('GET', mixed.pathname + mixed.search, { headers: { cookie: one.cookie } });
    expect(answer.status).toBe(403);
  });

  it('ends after ten minutes', async () => {
    provider.roles.set('anna', ['reviewer']);
    const { cookie, back } = await begin('anna');
    bench.clock.ms += 10 * MINUTE + 1;
    expect((await bench.call('GET', back, { headers: { cookie } })).status).toBe(403);
  });

  it('is in a cookie that no script reads, and that no other host sets', async () => {
    const { headers } = await bench.call('GET', '/auth/session/sign-in');
    expect(headers['set-cookie']).toMatch(
      /^__Host-pa-sign-in=[^;]+; Path=\/; Max-Age=600; HttpOnly; SameSite=Lax; Secure$/,
    );
    const url = new URL(headers['location']!);
    expect(url.searchParams.get('code_challenge_method')).toBe('S256');
    // The secret of the cookie is in no URL.
    const [, value] = /=([^.]+)\./.exec(headers['set-cookie']!)!;
    expect(headers['location']).not.toContain(value);
  });

  it.each([
    'https://evil.example',
    '//evil.example',
    '/\\evil.example',
    '/portal/../auth',
    '/portal//evil.example',
    '/portal?next=https://evil.example',
    '/portal/%2F%2Fevil.example',
    '/auth/clients',
    'javascript:alert(1)',
    '/portal\r\nset-cookie: x=1',
    '/portalevil',
    '',
  ])('leads to no other place than our pages: %j', async (to) => {
    const answer = await bench.call('GET', `/auth/session/sign-in?${new URLSearchParams({ to })}`);
    expect([answer.status, answer.headers['location']]).toEqual([400, undefined]);
  });

  it('leads to no other place by a changed cookie', async () => {
    provider.roles.set('anna', ['reviewer']);
    const { cookie, back } = await begin('anna');
    const changed = (to: string): string => cookie.replace(/[^.]+$/, Buffer.from(to).toString('base64url'));
    for (const to of ['https://evil.example', '/portal/other'])
      expect((await bench.call('GET', back, { headers: { cookie: changed(to) } })).status, to).toBe(403);
  });

  it('is limited for each address', async () => {
    const statuses = new Set<number>();
    for (let i = 0; i < 61; i++)
      statuses.add((await bench.call('GET', '/auth/session/callback', { address: '192.0.2.7' })).status);
    expect([...statuses]).toEqual([403, 429]);
    expect((await bench.call('GET', '/auth/session/callback', { address: '192.0.2.8' })).status).toBe(403);
  });
});

describe('a sign-out at the identity provider', () => {
  it('asks the person, ends the sign-in there, and leads back to our pages', async () => {
    provider.roles.set('anna', ['reviewer']);
    const browser = newBrowser();
    const forms = async (): Promise<readonly string[]> => {
      const before = browser.asked.length;
      const { headers } = await bench.call('GET', '/auth/session/sign-in');
      await provider.signIn(headers['location']!, 'anna', browser);
      return browser.asked.slice(before);
    };
    expect(await forms()).toContain('login');
    // The provider still knows the person, whatever became of the session here.
    expect(await forms()).not.toContain('login');
    const out = await bench.call('GET', '/auth/session/sign-out');
    expect([out.status, out.headers['cache-control']]).toEqual([302, 'no-store']);
    // Nothing in the address says who signs out.
    expect([...new URL(out.headers['location']!).searchParams.keys()].toSorted()).toEqual([
      'client_id',
      'post_logout_redirect_uri',
    ]);
    const before = browser.asked.length;
    expect(await provider.signIn(out.headers['location']!, 'anna', browser)).toBe(`${PUBLIC_URL}/portal`);
    expect(browser.asked.slice(before)).toEqual(['sign-out']);
    expect(await forms()).toContain('login');
  });

  it('leads to no other place, whatever the request says', async () => {
    const { headers } = await bench.call('GET', '/auth/session/sign-out?post_logout_redirect_uri=https://evil.example');
    const { origin, searchParams } = new URL(headers['location']!);
    expect([origin, searchParams.getAll('post_logout_redirect_uri')]).toEqual([
      provider.issuer,
      [`${PUBLIC_URL}/portal`],
    ]);
  });
});
