import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { csrfOf, Sessions } from '@provider-access/smart';
import { ADMINISTRATOR, type Answer, Bench, NPI, prepare } from '../../../test/harness.ts';

const ROLES = ['reviewer', 'auditor', 'operator', 'engineer', 'call-centre', 'compliance', 'dead-letter-reader'];
const MINUTE = 60_000;

let bench: Bench;
beforeAll(prepare);
beforeEach(async () => {
  bench = await Bench.start();
});
afterEach(() => bench.stop());

const signIn = (json: unknown = {}, headers: Record<string, string> = {}): Promise<Answer> =>
  bench.call('POST', '/auth/session', { token: ADMINISTRATOR, json, headers });
/** The headers of a request of the page that has signed in. */
const own = ({ headers, body }: Answer): Record<string, string> => ({
  cookie: String(headers['set-cookie']).split(';')[0]!,
  'x-csrf-token': body['csrf'] as string,
});

describe('a session of the administrator’s token (P62)', () => {
  it('has every role, or those that were asked for', async () => {
    const all = await signIn();
    expect([all.status, all.body]).toEqual([201, expect.objectContaining({ person: 'administrator', roles: ROLES })]);
    expect(all.headers['cache-control']).toBe('no-store');
    const one = await signIn({ roles: ['auditor'] });
    expect(one.body['roles']).toEqual(['auditor']);
    expect((await bench.call('GET', '/auth/session', { headers: own(one) })).body['roles']).toEqual(['auditor']);
  });

  it.each([{ roles: [] }, { roles: ['king'] }, { roles: 'auditor' }, { person: 'somebody' }])(
    'is refused for %j',
    async (json) => {
      expect((await signIn(json)).status).toBe(400);
    },
  );

  it('needs the token', async () => {
    for (const token of [undefined, 'p'.repeat(43), 'x'.repeat(43)])
      expect(
        (await bench.call('POST', '/auth/session', { json: {}, ...(token !== undefined && { token }) })).status,
      ).toBe(401);
  });

  it('decides as the token does, and history has the same mark (P31)', async () => {
    const headers = own(await signIn({ roles: ['reviewer'] }));
    const app = await bench.register();
    const body = { identifiers: [{ npi: NPI, evidence: 'contract 7' }], confirm: [NPI] };
    const answer = await bench.call('POST', `/auth/clients/${app.id}/approve`, { json: body, headers });
    expect(answer.status).toBe(200);
    const [{ by }] = (answer.body['history'] as { by: string }[]).slice(-1) as [{ by: string }];
    expect(by).toMatch(/^administrator [0-9a-f]{8}$/);
    const other = await bench.register();
    const unproved = { cookie: headers['cookie']! };
    const refused = await bench.call('POST', `/auth/clients/${other.id}/approve`, { json: body, headers: unproved });
    expect(refused.status).toBe(403);
  });

  it('is a new one at each sign-in, and the one before has ended (P61)', async () => {
    const first = own(await signIn());
    const second = await signIn({}, { cookie: first['cookie']! });
    expect(own(second)['cookie']).not.toBe(first['cookie']);
    expect((await bench.call('GET', '/auth/session', { headers: first })).status).toBe(401);
    expect((await bench.call('GET', '/auth/session', { headers: own(second) })).status).toBe(200);
    // A secret that somebody else has chosen never becomes a session.
    const chosen = { cookie: `__Host-pa-session=${'A'.repeat(43)}` };
    await signIn({}, chosen);
    expect((await bench.call('GET', '/auth/session', { headers: chosen })).status).toBe(401);
  });

  it('ends by sign-out, in the browser and everywhere', async () => {
    const headers = own(await signIn());
    expect((await bench.call('DELETE', '/auth/session', { headers: { cookie: headers['cookie']! } })).status).toBe(403);
    const end = await bench.call('DELETE', '/auth/session', { headers });
    expect(end.status).toBe(204);
    expect(end.headers['set-cookie']).toContain('Max-Age=0');
    for (const path of ['/auth/session', '/auth/clients'])
      expect((await bench.call('GET', path, { headers })).status, path).toBe(401);
    expect((await bench.call('DELETE', '/auth/session', { headers })).status).toBe(401);
  });

  it('is renewed while the token that signed in is accepted', async () => {
    const headers = own(await signIn());
    bench.clock.ms += 6 * MINUTE;
    expect((await bench.call('GET', '/auth/clients', { headers })).status).toBe(401);
    expect((await bench.call('POST', '/auth/session/renew', { headers })).status).toBe(200);
    expect((await bench.call('GET', '/auth/clients', { headers })).status).toBe(200);
  });

  it('ends with the token that signed in', async () => {
    // The mark of a token that was taken out of its file.
    const sessions = bench.service(Sessions);
    const gone = { name: 'administrator', mark: 'administrator 00000000', token: '00000000' };
    const session = await sessions.begin(gone, ['auditor']);
    const headers = { cookie: `__Host-pa-session=${session.secret}`, 'x-csrf-token': csrfOf(session) };
    expect((await bench.call('POST', '/auth/session/renew', { headers })).status).toBe(401);
    expect((await bench.call('GET', '/auth/clients', { headers })).status).toBe(401);
    expect((await bench.call('GET', '/auth/session', { headers })).status).toBe(401);
  });

  it('sends no CORS header, whatever origin asks (P62)', async () => {
    const headers = own(await signIn());
    for (const origin of [
      'https://evil.example',
      'null',
      'https://payer.example.evil.example',
      'https://payer.example',
    ])
      for (const [method, path] of [
        ['GET', '/auth/session'],
        ['GET', '/auth/clients'],
        ['OPTIONS', '/auth/clients'],
      ] as const) {
        const answer = await bench.call(method as 'GET', path, {
          headers: { ...headers, origin, 'access-control-request-method': 'POST' },
        });
        const names = Object.keys(answer.headers).filter((name) => name.startsWith('access-control'));
        expect(names, `${method} ${path} ${origin}`).toEqual([]);
      }
  });
});
