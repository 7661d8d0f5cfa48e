import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ADMINISTRATOR, Bench, NPI, NPI_2, prepare } from '../../test/bench.ts';

beforeAll(prepare);
let bench: Bench;
beforeEach(async () => {
  bench = await Bench.start();
});
afterEach(() => bench.stop());
const decisions = async (): Promise<string[]> => (await bench.registry()).map((e) => e.type).filter((t) => t !== 'pa.signing-key-published.v1');

describe('reviewing', () => {
  it('approves with the bindings registered, once however often asked', async () => {
    const app = await bench.register();
    for (let i = 0; i < 2; i++) {
      const { status, body } = await bench.review(app, 'approve', { reason: 'Contract 7.' });
      expect({ status, body }).toMatchObject({ status: 200, body: { client_id: app.id, status: 'approved', reason: 'Contract 7.', bound: { npi: [NPI], tin: ['123456789'] } } });
    }
    expect(await decisions()).toEqual(['pa.app-registered.v1', 'pa.app-approved.v1']);
  });
  it('approves without a body, and binds what the reviewer says', async () => {
    const [one, two] = [await bench.register(), await bench.register()];
    expect((await bench.call('POST', `/auth/clients/${one.id}/approve`, { token: ADMINISTRATOR })).status).toBe(200);
    expect((await bench.review(two, 'approve', { npis: [NPI_2], scope: 'system/Patient.read' })).body).toMatchObject({ bound: { npi: [NPI_2], tin: [] }, scope: 'system/Patient.read' });
  });
  it('makes one decision of many that race', async () => {
    const app = await bench.register();
    const answers = await Promise.all([...Array.from({ length: 5 }, () => bench.review(app, 'approve')), ...Array.from({ length: 5 }, () => bench.review(app, 'reject'))]);
    expect(new Set(answers.map((a) => a.status))).toEqual(new Set([200, 409]));
    const made = await decisions();
    const { status } = (await bench.call('GET', `/auth/clients/${app.id}`, { token: ADMINISTRATOR })).body;
    expect({ made, status }).toEqual(made.length === 0 ? { made, status: 'rejected' } : { made: ['pa.app-registered.v1', 'pa.app-approved.v1'], status: 'approved' });
  });
  it('refuses what cannot be, with a sentence', async () => {
    const app = await bench.register();
    expect(await bench.review(app, 'suspend')).toMatchObject({ status: 409, body: { error_description: expect.stringMatching(/is pending/) } });
    await bench.review(app, 'reject');
    expect(await bench.review(app, 'approve')).toMatchObject({ status: 409, body: { error_description: expect.stringMatching(/final/) } });
    expect((await bench.review('c-none', 'approve')).status).toBe(404);
  });
  it.each<[string, 'approve' | 'reject', unknown, RegExp]>([
    ['no reason', 'reject', {}, /^reason/],
    ['an empty reason', 'reject', { reason: ' ' }, /^reason: must not be empty/],
    ['a long reason', 'reject', { reason: 'x'.repeat(501) }, /^reason: is longer/],
    ['a list', 'reject', [], /^body/],
    ['an unknown member', 'approve', { npi: [NPI] }, /npi/],
    ['a bad NPI', 'approve', { npis: ['1'] }, /^npis.0/],
    ['nobody to bind', 'approve', { npis: [], tins: [] }, /at least one provider/],
    ['a scope not registered', 'approve', { scope: 'openid' }, /^scope/],
  ])('refuses %s', async (_name, verb, json, text) => {
    const app = await bench.register();
    const { status, body } = await bench.review(app, verb, json);
    expect({ status, text: body['error_description'] }).toEqual({ status: 400, text: expect.stringMatching(text) });
  });
  it('is the administrator\'s', async () => {
    const app = await bench.approved();
    const access = (await bench.token(app)).body['access_token'] as string;
    for (const token of [undefined, 'p'.repeat(43), app.token, access]) {
      for (const [method, url] of [['GET', '/auth/clients'], ['GET', `/auth/clients/${app.id}`], ['POST', `/auth/clients/${app.id}/suspend`]] as const) {
        expect((await bench.call(method, url, { ...(token !== undefined && { token }), ...(method === 'POST' && { json: { reason: 'x' } }) })).status).toBe(401);
      }
    }
  });
});

describe('listing', () => {
  it('pages through apps by status', async () => {
    const apps = [];
    for (let i = 0; i < 5; i++) apps.push((await bench.register()).id);
    for (const i of [0, 2, 4]) await bench.review(apps[i]!, 'approve');
    const seen: string[] = [];
    let url: string | undefined = '/auth/clients?status=approved&_count=2';
    for (let pages = 1; url !== undefined; pages++) {
      const { body } = await bench.call('GET', url, { token: ADMINISTRATOR });
      seen.push(...(body['clients'] as { client_id: string }[]).map((c) => c.client_id));
      url = body['next'] === undefined ? undefined : (body['next'] as string).replace('https://payer.example', '');
      expect(pages).toBeLessThan(4);
    }
    expect(seen).toEqual([apps[0], apps[2], apps[4]]);
  });
  it.each(['status=none', '_count=0', '_count=x', 'after=c-none', 'status=pending&status=approved'])('refuses %s', async (query) => {
    expect((await bench.call('GET', `/auth/clients?${query}`, { token: ADMINISTRATOR })).status).toBe(400);
  });
  it('shows an app with its history, never with its secret', async () => {
    const app = await bench.register();
    await bench.review(app, 'approve');
    await bench.review(app, 'suspend', { reason: 'Keys lost.' });
    const { body } = await bench.call('GET', `/auth/clients/${app.id}`, { token: ADMINISTRATOR });
    expect(body).toMatchObject({ status: 'suspended', reason: 'Keys lost.', history: [{ status: 'pending' }, { status: 'approved' }, { status: 'suspended', reason: 'Keys lost.' }] });
    expect(JSON.stringify(body)).not.toMatch(/hash/i);
    expect((await bench.call('GET', '/auth/clients/c-none', { token: ADMINISTRATOR })).status).toBe(404);
  });
});

describe('acknowledging', () => {
  it('is 503 while a reader does not follow; the decision stands and repeating is safe', async () => {
    let follows = false;
    const slow = await Bench.start({ readers: [{ waitFor: () => Promise.resolve(follows) }] });
    // Nobody else reads a registration before it is approved.
    const app = await slow.register();
    expect(await slow.review(app, 'approve')).toMatchObject({ status: 503, headers: { 'retry-after': '5' }, body: { error: 'temporarily_unavailable' } });
    follows = true;
    expect(await slow.review(app, 'approve')).toMatchObject({ status: 200, body: { status: 'approved' } });
    expect((await slow.registry()).filter((e) => e.type === 'pa.app-approved.v1').length).toBe(1);
    await slow.stop();
  });
  it('publishes our public key once, whatever restarts', async () => {
    const { log } = bench;
    const second = await Bench.start({ log });
    const keys = (await second.registry()).filter((e) => e.type === 'pa.signing-key-published.v1');
    expect(new Set(keys.map((k) => k.data.kid)).size).toBe(1);
    expect(JSON.stringify(keys)).not.toMatch(/"d":/);
    await second.stop();
  });
});
