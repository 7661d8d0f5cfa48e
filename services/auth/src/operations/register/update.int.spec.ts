import { generateKeyPairSync } from 'node:crypto';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { JWK } from 'jose';
import { ExpiredReviews } from '../../apps/expired-reviews.ts';
import { ADMINISTRATOR, type Answer, type App, Bench, NPI, NPI_2, prepare } from '../../../test/harness.ts';

const HOUR = 60 * 60 * 1000;
const DAY = 24 * HOUR;
let bench: Bench;
beforeAll(() => prepare());
beforeEach(async () => {
  bench = await Bench.start();
});
afterEach(() => bench.stop());

const read = (app: App, token = app.token): Promise<Answer> => bench.call('GET', app.uri, { token });
const shown = async (app: App): Promise<Answer['body']> =>
  (await bench.call('GET', `/auth/clients/${app.id}`, { token: ADMINISTRATOR })).body;
/** What the app registered, without what the server gave. */
async function recordOf(app: App): Promise<Record<string, unknown>> {
  const { body } = await read(app);
  const { client_id, client_name, scope, contacts, npi, tin, jwks } = body;
  return { client_id, client_name, scope, contacts, npi, tin, jwks };
}
/** Sends the whole record with changes; a field that is undefined is left out. */
async function put(app: App, over: Record<string, unknown> = {}, token = app.token): Promise<Answer> {
  return send(app, { ...(await recordOf(app)), ...over }, token);
}
const send = (app: App, json: unknown, token = app.token): Promise<Answer> =>
  bench.call('PUT', app.uri, { json, token });
const renewed = (app: App, { body }: Answer): App => ({ ...app, token: body['registration_access_token'] as string });
const tokenStatus = async (app: App, scope = 'system/*.rs'): Promise<number> =>
  (await bench.token(app, { scope })).status;
const approveMore = async (app: App, npis: readonly string[], over: Record<string, unknown> = {}): Promise<Answer> =>
  bench.review(app, 'approve', {
    identifiers: [...npis.map((npi) => ({ npi, evidence: 'x' })), { tin: '123456789', evidence: 'x' }],
    ...over,
  });

describe('PUT of the whole record (RFC 7592 section 2.2, APPS.md P44)', () => {
  it('P44: replaces every field, and removes what is left out', async () => {
    const app = await bench.approved({ legal_name: 'Clinic, Inc.', software_version: '1', purpose: 'care' });
    const answer = await put(app, { contacts: ['new@app.example'], software_version: '2', legal_name: null });
    const replaced = { contacts: ['new@app.example'], software_version: '2', status: 'approved' };
    expect(answer).toMatchObject({ status: 200, headers: { 'cache-control': 'no-store' }, body: replaced });
    for (const body of [answer.body, (await read(renewed(app, answer))).body, await shown(app)]) {
      expect(body).toMatchObject({ ...replaced, updated_at: new Date(bench.clock.ms).toISOString() });
      expect(Object.keys(body)).not.toEqual(expect.arrayContaining([expect.stringMatching(/legal_name|purpose/)]));
    }
  });

  it('P44: rotates the registration token, and refuses the one from before', async () => {
    const app = await bench.approved();
    const answer = await put(app);
    const now = renewed(app, answer);
    expect(now.token).toMatch(/^[\w-]{43}$/);
    expect(now.token).not.toBe(app.token);
    expect((await read(now)).status).toBe(200);
    const record = { ...(await recordOf(now)), contacts: ['thief@app.example'] };
    for (const refused of [
      await read(app),
      await send(app, record),
      await bench.call('DELETE', app.uri, { token: app.token }),
    ])
      expect(refused.status).toBe(401);
    expect((await bench.call('DELETE', app.uri, { token: now.token })).status).toBe(204);
  });

  it('P44: takes the document that a GET answered', async () => {
    const app = await bench.approved({ rendering_npi: [NPI_2], 'client_name#fr': 'Une application' });
    const { body } = await read(app);
    const answer = await send(app, { ...body, contacts: ['new@app.example'] });
    const { registration_access_token: _token, updated_at: _at, ...after } = answer.body;
    expect([answer.status, after]).toEqual([200, { ...body, contacts: ['new@app.example'] }]);
    expect((await bench.appEvents()).filter(({ type }) => type === 'pa.app-approved.v1')).toHaveLength(1);
  });

  it('P44: with keys alone, as clients of earlier releases send it, changes keys alone and no token', async () => {
    const app = await bench.approved({ legal_name: 'Clinic' });
    const { jwks } = await recordOf(app);
    const { keys } = jwks as { keys: JWK[] };
    const answer = await send(app, { client_id: app.id, jwks: { keys }, previous_keys: 'end' });
    expect([answer.status, answer.body['legal_name']]).toEqual([200, 'Clinic']);
    expect(answer.body).not.toHaveProperty('registration_access_token');
    expect((await read(app)).status).toBe(200);
  });

  it.each<[string, Record<string, unknown>, RegExp]>([
    ['without a name', { client_name: undefined }, /client_name: is required/],
    ['without a scope', { scope: undefined }, /scope: is required/],
    ['without contacts', { contacts: null }, /contacts: is required/],
    ['without keys', { jwks: undefined }, /jwks: give exactly one/],
    ['without an identifier', { npi: undefined, tin: undefined }, /npi: is required, or tin/],
    ['with another name', { client_name: 'Another EHR' }, /client_name: cannot change/],
    ['with the id of another app', { client_id: 'c-other' }, /client_id: must be/],
    ['with an unknown field (P42)', { favourite_colour: 'secret-value' }, /favourite_colour/],
    ['with a secret of its own', { client_secret: 'secret-value' }, /client_secret: is given by this server/],
    ['with a token of its own', { registration_access_token: 'secret-value' }, /registration_access_token: is given/],
    ['with a wrong field of P40', { environment: 'secret-value' }, /environment: must be/],
    ['with a scope that nobody grants', { scope: 'openid' }, /scope: names no system scope/],
    ['with nothing of the granted scope', { scope: 'system/Coverage.rs' }, /scope: keep/],
  ])('P42, P44: is refused %s, and changes nothing', async (_name, over, text) => {
    const app = await bench.approved({ scope: 'system/Patient.rs' });
    const events = await bench.appEvents();
    const refused = await put(app, over);
    expect([refused.status, refused.body['error']]).toEqual([400, 'invalid_client_metadata']);
    expect(refused.body['error_description']).toMatch(text);
    expect(JSON.stringify(refused.body)).not.toContain('secret-value');
    expect(await bench.appEvents()).toEqual(events);
    expect((await read(app)).status).toBe(200);
  });

  it('P40, P42: asks for what is required, and with REGISTER_UNKNOWN=ignore lists unknown fields', async () => {
    await bench.stop();
    bench = await Bench.start({ config: { unknownMetadata: 'ignore', registrationRequires: ['legal_name'] } });
    const app = await bench.approved({ legal_name: 'Clinic' });
    expect((await put(app)).body['error_description']).toMatch(/legal_name: is required by this payer/);
    const { status, body } = await put(app, { legal_name: 'Clinic', favourite_colour: 'blue' });
    expect([status, body['ignored'], body['favourite_colour']]).toEqual([200, ['favourite_colour'], undefined]);
  });

  it('P44: is refused for an app that waits or is suspended', async () => {
    const suspended = await bench.approved();
    await bench.review(suspended, 'suspend');
    for (const app of [await bench.register(), suspended]) {
      expect(await put(app, { contacts: ['new@app.example'] })).toMatchObject({ status: 403 });
      expect((await read(app)).status).toBe(200);
    }
  });

  it('P46: is refused with a private key or too many keys, which the refusal does not repeat', async () => {
    const app = await bench.approved();
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-384' });
    const leaked = { ...pair.privateKey.export({ format: 'jwk' }), kid: 'leaked' };
    const mine = (await recordOf(app))['jwks'] as { keys: JWK[] };
    const many = Array.from({ length: 101 }, (_, i) => ({ ...mine.keys[0]!, kid: `k${i}` }));
    for (const [keys, fault] of [
      [[...mine.keys, leaked], /jwks.keys.1: holds the secret parameter "d"/],
      [many, /holds more than 20 keys/],
      [many.slice(0, 21), /holds more than 20 keys/],
    ] as const)
      for (const refused of [
        await put(app, { jwks: { keys } }),
        await send(app, { client_id: app.id, jwks: { keys } }),
      ]) {
        expect([refused.status, refused.body['error_description']]).toEqual([400, expect.stringMatching(fault)]);
        expect(JSON.stringify(refused.body)).not.toContain(leaked.d);
      }
    expect((await put(app, { jwks: { keys: many.slice(0, 20) } })).status).toBe(200);
  });

  it('P44: is bounded in a day, because each change stays in the log', async () => {
    let app = await bench.approved();
    for (let i = 0; i < 20; i++) app = renewed(app, await put(app));
    expect((await put(app)).status).toBe(429);
    expect((await read(app)).status).toBe(200);
  });
});

describe('what an app adds to its record', () => {
  it('P44: an NPI waits for a review, and binds nothing before it', async () => {
    const app = await bench.approved();
    const answer = await put(app, { npi: [NPI, NPI_2], tin: '12-3456789' });
    const now = renewed(app, answer);
    expect(answer.body).toMatchObject({
      npi: [NPI, NPI_2],
      bound: { npi: [NPI], tin: ['123456789'] },
      waits_for_review: { npi: [NPI_2] },
    });
    expect(await shown(app)).toMatchObject({
      waits_for_review: { npi: [NPI_2] },
      identifiers: [
        { npi: NPI, bound: true },
        { npi: NPI_2, claimed: true, bound: false },
        { tin: '123456789', bound: true },
      ],
    });
    const list = await bench.call('GET', '/auth/clients', { token: ADMINISTRATOR });
    expect(list.body['clients'][0]).toMatchObject({ waits_for_review: { npi: [NPI_2] } });
    // Another change does not forget it.
    const again = renewed(app, await put(now, { npi: [NPI, NPI_2], contacts: ['new@app.example'] }));
    expect((await read(again)).body).toMatchObject({ waits_for_review: { npi: [NPI_2] } });
    expect((await approveMore(app, [NPI, NPI_2])).body['bound']).toMatchObject({ npi: [NPI, NPI_2] });
    expect(await shown(app)).not.toHaveProperty('waits_for_review');
  });

  it('P44: is what a reviewer can ask for alone', async () => {
    const [more, plain] = [await bench.approved(), await bench.approved()];
    await bench.register();
    await put(more, { npi: [NPI, NPI_2], tin: '12-3456789' });
    const ids = async (query: string): Promise<unknown[]> => {
      const answer = await bench.call('GET', `/auth/clients?${query}`, { token: ADMINISTRATOR });
      return [answer.status, ...(answer.body['clients'] as { client_id: string }[]).map((one) => one.client_id)];
    };
    expect(await ids('waits_for_review=true')).toEqual([200, more.id]);
    expect(await ids('waits_for_review=true&status=approved')).toEqual([200, more.id]);
    expect(await ids('waits_for_review=true&status=suspended')).toEqual([200]);
    expect(await ids('waits_for_review=false&status=approved')).toEqual([200, plain.id]);
    const wrong = await bench.call('GET', '/auth/clients?waits_for_review=yes', { token: ADMINISTRATOR });
    expect(wrong.status).toBe(400);
    // The next page keeps the filter.
    await put(plain, { npi: [NPI, NPI_2], tin: '12-3456789' });
    const first = await bench.call('GET', '/auth/clients?waits_for_review=true&_count=1', { token: ADMINISTRATOR });
    expect(new URL(first.body['next'] as string).searchParams.get('waits_for_review')).toBe('true');
  });

  it('P44: a scope waits for a review, and gives no token before it', async () => {
    const app = await bench.approved({ scope: 'system/Patient.rs' });
    const answer = await put(app, { scope: 'system/Patient.rs system/Coverage.rs' });
    expect(answer.body).toMatchObject({
      scope: 'system/Patient.rs',
      waits_for_review: { scope: 'system/Coverage.rs' },
    });
    expect([await tokenStatus(app, 'system/Coverage.rs'), await tokenStatus(app, 'system/Patient.rs')]).toEqual([
      400, 200,
    ]);
    // An approval that names no scope gives none.
    await approveMore(app, [NPI], { reason: 'x' });
    expect(await tokenStatus(app, 'system/Coverage.rs')).toBe(400);
    expect((await approveMore(app, [NPI], { scope: 'system/Patient.rs system/Coverage.rs' })).status).toBe(200);
    expect(await tokenStatus(app, 'system/Coverage.rs')).toBe(200);
    // Nobody gets what the app never asked for.
    expect((await approveMore(app, [NPI], { scope: 'system/*.rs' })).body['scope']).toBe(
      'system/Patient.rs system/Coverage.rs',
    );
  });

  it('P44: a reviewer who approves without it has decided, and a GET sent back asks for nothing', async () => {
    const app = await bench.approved({ scope: 'system/Patient.rs' });
    const now = renewed(app, await put(app, { npi: [NPI, NPI_2], scope: 'system/*.rs' }));
    expect(await shown(app)).toMatchObject({ waits_for_review: { npi: [NPI_2], scope: 'system/*.rs' } });
    await approveMore(app, [NPI]);
    expect(await shown(app)).not.toHaveProperty('waits_for_review');
    const { body } = await read(now);
    const after = await send(now, { ...body, contacts: ['new@app.example'] });
    expect(after.status).toBe(200);
    expect(after.body).not.toHaveProperty('waits_for_review');
  });

  it('P22, P44: needs a second person where four eyes are on', async () => {
    await bench.stop();
    bench = await Bench.start({ config: { fourEyes: true } });
    const app = await bench.register();
    await bench.decide(app, 'review', undefined);
    const one = { identifiers: [{ npi: NPI, evidence: 'x' }] };
    await bench.decide(app, 'approve', one, 'b'.repeat(43));
    await put(app, { npi: [NPI, NPI_2] });
    const more = { identifiers: [...one.identifiers, { npi: NPI_2, evidence: 'x' }] };
    expect((await bench.decide(app, 'approve', more)).status).toBe(409);
  });
});

describe('what an app takes out of its record', () => {
  it('P44: an NPI that is gone is bound no more, and the app stays approved with the others', async () => {
    const app = await bench.approved({ npi: [NPI, NPI_2] });
    const answer = await put(app, { npi: NPI_2 });
    expect(answer.body).toMatchObject({ status: 'approved', bound: { npi: [NPI_2], tin: ['123456789'] } });
    expect((await bench.appEvents()).findLast(({ type }) => type === 'pa.app-approved.v1')!.data).toMatchObject({
      // What an earlier release decides by.
      providers: [`npi|${NPI_2}`, 'tin|123456789'],
      by: 'app',
      reason: 'requested-by-app',
    });
    expect(bench.parties.client(app.id)!.bindings.find(({ provider }) => provider === `npi|${NPI}`)!.ends).toHaveLength(
      1,
    );
  });

  it('P44: a scope that is gone is granted no more, and its access tokens end', async () => {
    const app = await bench.approved({ scope: 'system/Patient.rs system/Coverage.rs' });
    const token = (await bench.token(app)).body['access_token'] as string;
    const now = renewed(app, await put(app, { scope: 'system/Patient.rs' }));
    expect((await read(now)).body['scope']).toBe('system/Patient.rs');
    expect(await tokenStatus(app, 'system/Coverage.rs')).toBe(400);
    const introspected = await bench.call('POST', '/auth/introspect', { form: { token }, token: ADMINISTRATOR });
    expect(introspected.body).toEqual({ active: false });
    // A reviewer cannot give back what the app no longer asks for.
    await approveMore(app, [NPI], { scope: 'system/Patient.rs system/Coverage.rs' });
    expect(await tokenStatus(app, 'system/Coverage.rs')).toBe(400);
  });

  it('P28, P33, P44: makes no review younger, and is no decision of a reviewer', async () => {
    await bench.stop();
    bench = await Bench.start({ config: { reviewValidDays: 30 } });
    const app = await bench.approved({ npi: [NPI, NPI_2] });
    bench.clock.ms += 20 * DAY;
    await put(app, { npi: NPI });
    const { body } = await bench.call('GET', '/auth/decisions', { token: ADMINISTRATOR });
    expect(body['decisions']).toMatchObject([{ status: 'approved', count: 1 }]);
    bench.clock.ms += 10 * DAY;
    await bench.service(ExpiredReviews).look();
    expect(await shown(app)).toMatchObject({ status: 'expired' });
  });
});

describe('an answer that got lost', () => {
  it('P44: comes again for the same request, until the new token is used', async () => {
    const app = await bench.approved();
    const record = { ...(await recordOf(app)), contacts: ['new@app.example'] };
    const lost = renewed(app, await send(app, record));
    // Nothing else is done for the former token.
    expect((await send(app, { ...record, contacts: ['thief@app.example'] })).status).toBe(401);
    expect((await read(app)).status).toBe(401);
    const second = await send(app, record);
    expect([second.status, second.body['contacts']]).toEqual([200, ['new@app.example']]);
    expect((await read(lost)).status).toBe(401);
    // The same once more: this answer may have got lost, too.
    const third = renewed(app, await send(app, record));
    expect((await read(third)).status).toBe(200);
    expect((await send(app, record)).status).toBe(401);
  });

  it('P44: comes again for an hour at most', async () => {
    const app = await bench.approved();
    const record = await recordOf(app);
    await send(app, record);
    bench.clock.ms += HOUR;
    expect((await send(app, record)).status).toBe(401);
  });

  it('P44: comes again after a process did not read the change in time', async () => {
    let slow = false;
    await bench.stop();
    bench = await Bench.start({ readers: [{ waitFor: () => Promise.resolve(!slow) }] });
    const app = await bench.approved();
    const record = await recordOf(app);
    slow = true;
    expect((await send(app, record)).status).toBe(503);
    slow = false;
    const now = renewed(app, await send(app, record));
    expect((await read(now)).status).toBe(200);
  });

  it('P44: gives one of two different changes at the same time, and refuses the other', async () => {
    const app = await bench.approved();
    const record = await recordOf(app);
    const answers = await Promise.all([
      send(app, { ...record, contacts: ['a@app.example'] }),
      send(app, { ...record, contacts: ['b@app.example'] }),
    ]);
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 401]);
  });

  it('P44: leaves the newest token in force after a restart with a lost state store', async () => {
    const app = await bench.approved({ legal_name: 'Clinic' });
    const now = renewed(app, await put(app, { legal_name: 'Hospital', npi: [NPI, NPI_2] }));
    const { log, clock } = bench;
    await bench.stop();
    bench = await Bench.start({ log, now: clock.ms });
    expect((await read(app)).status).toBe(401);
    expect((await read(now)).body).toMatchObject({ legal_name: 'Hospital', waits_for_review: { npi: [NPI_2] } });
    const next = renewed(app, await put(now, { legal_name: 'House', npi: [NPI, NPI_2] }));
    expect((await read(next)).body).toMatchObject({ legal_name: 'House', waits_for_review: { npi: [NPI_2] } });
  });
});

describe('the record of a change', () => {
  it('P44: is one that earlier releases take for a change of keys', async () => {
    const app = await bench.approved();
    await put(app, { npi: [NPI, NPI_2], scope: 'system/*.cruds' });
    const { data } = (await bench.appEvents()).at(-1)!;
    expect(data).toMatchObject({ client: app.id, formerKeys: [], npis: [NPI, NPI_2] });
    expect(bench.parties.client(app.id)).toMatchObject({ scope: 'system/*.rs', status: 'approved' });
    // The keys did not change, so nothing says that they did.
    expect(await shown(app)).not.toHaveProperty('keys_changed_at');
  });
});
