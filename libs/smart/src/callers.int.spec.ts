import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import { openMemoryState } from '@provider-access/engines/state/memory';
import type { State } from '@provider-access/engines/state';
import { Refusal } from '@provider-access/kernel';
import { Callers } from './callers.ts';
import { csrfOf, personGroup, type Session, Sessions } from './sessions.ts';
import { StaticTokens } from './static-tokens.ts';

const ADMINISTRATOR = 'a'.repeat(43);
const PAYER = 'p'.repeat(43);
const MINUTE = 60_000;
const ANNA = { name: 'person anna', mark: 'person anna' };

let now: number;
const clock = { now: () => now };
let state: State;
let sessions: Sessions;
let callers: Callers;
beforeEach(() => {
  now = Date.UTC(2027, 0, 4, 12);
  state = openMemoryState({ log: openMemoryLog({ now: clock.now }), now: clock.now });
  const tokens = new StaticTokens({ administrator: ADMINISTRATOR, payer: PAYER });
  sessions = new Sessions({ state, clock, isSecure: true });
  callers = new Callers(tokens, sessions);
});
afterEach(() => state.close());

type Headers = Record<string, string>;
const cookie = ({ secret }: Pick<Session, 'secret'>): Headers => ({ cookie: `x=1; __Host-pa-session=${secret}; y=2` });
const get = (headers: Headers) => ({ method: 'GET', headers });
const post = (session: Session, headers: Headers = {}) => ({
  method: 'POST',
  headers: { ...cookie(session), 'x-csrf-token': csrfOf(session), ...headers },
});
const statusOf = async (work: Promise<unknown>): Promise<number | string> => {
  try {
    await work;
    return 'admitted';
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return error.status;
  }
};

describe('P60 who calls', () => {
  test('is the holder of a token, and the administrator’s token has every role', async () => {
    const as = (token: string) => get({ authorization: `Bearer ${token}` });
    expect(await callers.admit(as(ADMINISTRATOR), ['auditor'])).toMatchObject({ name: 'administrator' });
    expect(await callers.admit(as(PAYER), ['payer', 'auditor'])).toMatchObject({ name: 'payer' });
    expect(await statusOf(callers.admit(as(PAYER), ['auditor']))).toBe(401);
    expect(await statusOf(callers.admit(as(ADMINISTRATOR), ['payer']))).toBe(401);
    await expect(callers.admit(get({}), ['payer', 'auditor'])).rejects.toThrow('the payer or administrator token');
  });

  test('is a person with one of the roles, and 403 without any of them', async () => {
    const session = await sessions.begin(ANNA, ['auditor', 'operator']);
    const request = get(cookie(session));
    expect(await callers.admit(request, ['reviewer', 'operator'])).toMatchObject(ANNA);
    for (const roles of [['reviewer'], ['administrator'], ['payer', 'engineer']] as const) {
      const known: string[] = [];
      expect(await statusOf(callers.admit(request, roles, ({ name }) => known.push(name))), roles.join()).toBe(403);
      expect(known).toEqual(['person anna']);
    }
  });

  test('has no role that this release does not know', async () => {
    const session = await sessions.begin(ANNA, ['king' as 'auditor']);
    expect((await sessions.find(get(cookie(session))))!.roles).toEqual([]);
    expect(await statusOf(callers.admit(get(cookie(session)), ['king' as 'auditor']))).toBe(403);
  });
});

describe('P61 a session', () => {
  test('is in a cookie that no script reads, no other host sets, and no other page sends', async () => {
    const session = await sessions.begin(ANNA, ['auditor']);
    expect(sessions.cookie(session)).toBe(
      `__Host-pa-session=${session.secret}; Path=/; Max-Age=28800; HttpOnly; SameSite=Strict; Secure`,
    );
    expect(sessions.cookie(undefined)).toBe('__Host-pa-session=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict; Secure');
    // Without https a browser would drop a Secure cookie. Then the cookie has another name.
    const plain = new Sessions({ state, clock, isSecure: false });
    expect(plain.cookie(session)).toMatch(/^pa-session=.*; HttpOnly; SameSite=Strict$/);
    expect(await sessions.find(get({ cookie: `pa-session=${session.secret}` }))).toBeUndefined();
  });

  test('has a new secret each time, which the state store does not have', async () => {
    const calls: unknown[] = [];
    const spied = new Proxy(state.claims, {
      get: (target, name) =>
        name === 'claim' ? (...all: unknown[]) => (calls.push(all), 'x') : Reflect.get(target, name),
    });
    const one = await new Sessions({ state: { ...state, claims: spied }, clock, isSecure: true }).begin(ANNA, [
      'auditor',
    ]);
    const two = await sessions.begin(ANNA, ['auditor']);
    expect(one.secret).not.toBe(two.secret);
    expect(calls).toHaveLength(1);
    expect(JSON.stringify(calls)).not.toContain(one.secret);
  });

  test.each([
    ['no cookie', () => get({})],
    ['a cookie of another form', () => get({ cookie: '__Host-pa-session=x' })],
    ['an unknown secret', () => get({ cookie: `__Host-pa-session=${'A'.repeat(43)}` })],
    [
      'a second cookie, which another page may have set',
      (s: Session) => get({ cookie: `${cookie(s)['cookie']}; __Host-pa-session=${s.secret}` }),
    ],
    [
      'a header of cookies without end',
      (s: Session) => get({ cookie: `${cookie(s)['cookie']}; z=${'z'.repeat(9000)}` }),
    ],
  ])('is none for %s', async (_, request) => {
    const session = await sessions.begin(ANNA, ['auditor']);
    expect(await statusOf(callers.admit(request(session), ['auditor']))).toBe(401);
  });

  test('ends with all others of the same person, in every service, and with nobody else’s', async () => {
    const [one, two] = [await sessions.begin(ANNA, ['auditor']), await sessions.begin(ANNA, ['operator'])];
    const other = await sessions.begin({ name: 'person berta', mark: 'person berta' }, ['auditor']);
    const elsewhere = new Sessions({ state, clock, isSecure: true });
    // A renewal that runs meanwhile brings none back.
    const [ended] = await Promise.all([elsewhere.endAll('person anna'), sessions.renew(one, ['auditor'])]);
    expect(ended).toBe(2);
    for (const session of [one, two]) {
      await sessions.renew(session, ['auditor']);
      expect(await sessions.find(get(cookie(session)))).toBeUndefined();
    }
    expect(await sessions.find(get(cookie(other)))).toMatchObject({ name: 'person berta' });
    expect(await elsewhere.endAll('person anna')).toBe(0);
    // A sign-in that follows is a new session.
    const next = await sessions.begin(ANNA, ['auditor']);
    expect(await sessions.find(get(cookie(next)))).toMatchObject(ANNA);
  });

  test('is among those of its person for as long as it lives, also if an earlier release began it', async () => {
    const session = await sessions.begin(ANNA, ['auditor']);
    // A release before this one keeps no list of the sessions of a person.
    for (const { holder } of await state.presence.list(personGroup('person anna')))
      await state.presence.leave(personGroup('person anna'), holder);
    expect(await sessions.endAll('person anna')).toBe(0);
    for (let i = 0; i < 4; i++) {
      now += 20 * MINUTE;
      await sessions.renew(session, ['auditor']);
    }
    expect(await sessions.endAll('person anna')).toBe(1);
    expect(await sessions.find(get(cookie(session)))).toBeUndefined();
  });

  test('of a member is in no list of a person', async () => {
    const member = { id: 'm1', link: 'l1', key: 'k1' };
    const session = await sessions.begin({ name: 'member', mark: 'member', member }, ['member']);
    expect(await sessions.endAll('member')).toBe(0);
    expect(await sessions.find(get(cookie(session)))).toMatchObject({ member });
  });

  test('ends at once for every service, also if it is renewed at the same time', async () => {
    const session = await sessions.begin(ANNA, ['auditor']);
    const elsewhere = new Callers(new StaticTokens({}), new Sessions({ state, clock, isSecure: true }));
    expect(await statusOf(elsewhere.admit(get(cookie(session)), ['auditor']))).toBe('admitted');
    await sessions.end(session);
    // The renewal had read the session before its end.
    await sessions.renew(session, ['auditor']);
    expect(await statusOf(elsewhere.admit(get(cookie(session)), ['auditor']))).toBe(401);
  });

  test('has roles that count for five minutes, and until it is renewed', async () => {
    const session = await sessions.begin(ANNA, ['auditor']);
    const request = get(cookie(session));
    now += 5 * MINUTE - 1;
    expect(await statusOf(callers.admit(request, ['auditor']))).toBe('admitted');
    now += 1;
    await expect(callers.admit(request, ['auditor'])).rejects.toThrow('POST /auth/session/renew');
    // A role that was taken away ends with the renewal.
    await sessions.renew(await callers.session(request), ['operator']);
    expect(await statusOf(callers.admit(request, ['auditor']))).toBe(403);
    expect(await statusOf(callers.admit(request, ['operator']))).toBe('admitted');
  });

  test('does not count after the clock has stepped back by more than that', async () => {
    const session = await sessions.begin(ANNA, ['auditor']);
    now -= 5 * MINUTE - 1;
    expect(await statusOf(callers.admit(get(cookie(session)), ['auditor']))).toBe('admitted');
    now -= 1;
    expect(await statusOf(callers.admit(get(cookie(session)), ['auditor']))).toBe(401);
  });

  test('ends after 30 minutes without a renewal, and after 8 hours in any case', async () => {
    const idle = await sessions.begin(ANNA, ['auditor']);
    now += 30 * MINUTE + 1;
    expect(await sessions.find(get(cookie(idle)))).toBeUndefined();
    const busy = await sessions.begin(ANNA, ['auditor']);
    for (let minutes = 0; minutes < 8 * 60; minutes += 20) {
      expect(await sessions.find(get(cookie(busy))), `${minutes} min`).toBeDefined();
      await sessions.renew(busy, ['auditor']);
      now += 20 * MINUTE;
    }
    expect(await sessions.find(get(cookie(busy)))).toBeUndefined();
  });
});

describe('P61 an unsafe request of a session', () => {
  test('needs the CSRF token of this session', async () => {
    const [session, other] = [await sessions.begin(ANNA, ['reviewer']), await sessions.begin(ANNA, ['reviewer'])];
    expect(await statusOf(callers.admit(post(session), ['reviewer']))).toBe('admitted');
    for (const headers of [
      { 'x-csrf-token': '' },
      { 'x-csrf-token': csrfOf(other) },
      { 'x-csrf-token': session.secret },
    ])
      expect(await statusOf(callers.admit(post(session, headers), ['reviewer']))).toBe(403);
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH'])
      expect(await statusOf(callers.admit({ method, headers: cookie(session) }, ['reviewer'])), method).toBe(403);
    expect(await statusOf(callers.session({ method: 'DELETE', headers: cookie(session) }))).toBe(403);
  });

  test.each(['cross-site', 'same-site', 'none'])('is refused from a page that is %s', async (site) => {
    const session = await sessions.begin(ANNA, ['reviewer']);
    expect(await statusOf(callers.admit(post(session, { 'sec-fetch-site': site }), ['reviewer']))).toBe(403);
    expect(await statusOf(callers.admit(post(session, { 'sec-fetch-site': 'same-origin' }), ['reviewer']))).toBe(
      'admitted',
    );
  });

  test('is decided by its token alone if it has one', async () => {
    const session = await sessions.begin(ANNA, ['reviewer']);
    const wrong = { ...cookie(session), authorization: `Bearer ${'x'.repeat(43)}` };
    expect(await statusOf(callers.admit(get(wrong), ['reviewer']))).toBe(401);
  });
});
