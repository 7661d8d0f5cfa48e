import { createHash } from 'node:crypto';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ADMINISTRATOR, ADMINISTRATOR_2, type App, Bench, NPI, NPI_2, prepare } from '../../../test/harness.ts';
import { ExpiredReviews } from '../../apps/expired-reviews.ts';

beforeAll(prepare);
const DAY = 24 * 60 * 60 * 1000;
const mark = (token: string): string => `administrator ${createHash('sha256').update(token).digest('hex').slice(0, 8)}`;
let bench: Bench;
afterEach(() => bench.stop());
const show = async (app: App) => (await bench.call('GET', `/auth/clients/${app.id}`, { token: ADMINISTRATOR })).body;
const states = async (app: App) => ((await show(app))['history'] as { status: string }[]).map(({ status }) => status);

describe('the life of an app (APPS.md)', () => {
  beforeEach(async () => {
    bench = await Bench.start();
  });

  it('passes through a review in the call that approves it (P22), and names who decided (P31)', async () => {
    const app = await bench.register();
    expect((await bench.review(app, 'approve')).body['status']).toBe('approved');
    await bench.decide(app, 'suspend', { reason: 'attack-observed', note: 'See ticket 7.' }, ADMINISTRATOR_2);
    await bench.decide(app, 'approve', { reason: 'The attack was our own test.' });
    expect((await show(app))['history']).toMatchObject([
      { status: 'submitted' },
      { status: 'in-review', by: mark(ADMINISTRATOR) },
      { status: 'approved', by: mark(ADMINISTRATOR) },
      { status: 'suspended', by: mark(ADMINISTRATOR_2), reason: 'attack-observed', note: 'See ticket 7.' },
      { status: 'approved', by: mark(ADMINISTRATOR), reason: 'The attack was our own test.' },
    ]);
  });

  it('shows a review that has begun, which a second one does not take over (P21)', async () => {
    const app = await bench.register();
    expect((await bench.decide(app, 'review', undefined)).body['status']).toBe('in-review');
    expect((await bench.decide(app, 'review', undefined, ADMINISTRATOR_2)).status).toBe(200);
    expect((await show(app))['history']).toMatchObject([
      { status: 'submitted' },
      { status: 'in-review', by: mark(ADMINISTRATOR) },
    ]);
    const listed = await bench.call('GET', '/auth/clients?status=in-review', { token: ADMINISTRATOR });
    expect(listed.body['clients']).toMatchObject([{ client_id: app.id }]);
    // Its developer reads the state, and nothing of the reviewer.
    const own = await bench.call('GET', `/auth/register/${app.id}`, { token: app.token });
    expect(own.body).toMatchObject({ status: 'in-review' });
    expect(JSON.stringify(own.body)).not.toContain('administrator');
  });

  it('rejects only with a security code, for good, also an app in review (R8, P23, P32)', async () => {
    const app = await bench.register();
    await bench.decide(app, 'review', undefined);
    for (const reason of ['because I say so', 'contract-ended', 'requested-by-app', ''])
      expect(await bench.decide(app, 'reject', { reason })).toMatchObject({
        status: 400,
        body: { error_description: expect.stringMatching(/^reason: must be one of key-compromised, .*unreachable\./) },
      });
    expect((await bench.decide(app, 'reject', { reason: 'false-statement' })).body['status']).toBe('rejected');
    for (const [verb, body] of [
      ['approve', await bench.approval(app)],
      ['review', undefined],
      ['suspend', { reason: 'attack-observed' }],
      ['revoke', { reason: 'attack-observed' }],
    ] as const)
      expect(await bench.decide(app, verb, body)).toMatchObject({
        status: 409,
        body: { error_description: expect.stringMatching(/is rejected, which is final, and cannot become/) },
      });
  });

  it('revokes for good, by a security code or on the wish of the app, and ends its tokens (P27)', async () => {
    const [one, two] = [await bench.approved(), await bench.approved({ npi: NPI_2, tin: undefined })];
    expect((await bench.decide(one, 'revoke', { reason: 'duplicate' })).status).toBe(400);
    expect((await bench.decide(one, 'revoke', { reason: 'requested-by-app' })).body['status']).toBe('revoked');
    await bench.decide(two, 'suspend', { reason: 'key-compromised' });
    expect((await bench.decide(two, 'revoke', { reason: 'key-compromised' })).body['status']).toBe('revoked');
    for (const app of [one, two]) {
      expect((await bench.token(app)).status).toBe(401);
      expect(await bench.decide(app, 'approve', { reason: 'Please.' })).toMatchObject({
        status: 409,
        body: { error_description: expect.stringMatching(/is revoked, which is final/) },
      });
      expect(await states(app)).toContain('revoked');
    }
    // A key of a revoked app is free for no other app: it may be compromised.
    expect((await bench.decide(one, 'revoke', { reason: 'attack-observed' })).body).toMatchObject({
      reason: 'requested-by-app',
    });
  });

  it('suspends only with a security code, and says which ones there are (R8, P25, P32)', async () => {
    const app = await bench.approved();
    for (const reason of ['because I say so', 'contract-ended', 'requested-by-app', 'attestation-expired', ''])
      expect(await bench.decide(app, 'suspend', { reason })).toMatchObject({
        status: 400,
        body: { error_description: expect.stringMatching(/^reason: must be one of key-compromised, .*unreachable\./) },
      });
    expect((await bench.decide(app, 'suspend', { note: 'No code.' })).status).toBe(400);
    expect((await show(app))['status']).toBe('approved');
    expect((await bench.token(app)).status).toBe(200);
  });

  it('refuses what its state does not permit, names both states, and changes nothing (P30)', async () => {
    const [submitted, inReview, approved] = [await bench.register(), await bench.register(), await bench.approved()];
    await bench.decide(inReview, 'review', undefined);
    for (const [app, from, verb, to] of [
      [submitted, 'submitted', 'suspend', 'suspended'],
      [submitted, 'submitted', 'revoke', 'revoked'],
      [inReview, 'in-review', 'suspend', 'suspended'],
      [inReview, 'in-review', 'revoke', 'revoked'],
      [approved, 'approved', 'reject', 'rejected'],
    ] as const) {
      expect(await bench.decide(app, verb, { reason: 'attack-observed' }), `${verb} ${from}`).toMatchObject({
        status: 409,
        body: { error_description: expect.stringMatching(new RegExp(`is ${from} and cannot become ${to}\\.`)) },
      });
      expect((await show(app))['status']).toBe(from);
    }
    expect((await bench.token(approved)).status).toBe(200);
  });

  it('ends access by the codes of the payer alone, where the payer has a list (P31, P32)', async () => {
    await bench.stop();
    const neutral = [{ code: 'requested-by-app', text: 'The app asked for it.' }];
    const reasons = {
      security: [{ code: 'our-own', text: 'As our counsel says.' }],
      binding: [{ code: 'contract-over', text: 'The contract is over.' }],
      neutral,
    };
    bench = await Bench.start({ config: { reasons } });
    const [waiting, app] = [await bench.register(), await bench.approved({ npi: NPI_2, tin: undefined })];
    const provider = encodeURIComponent(`npi|${NPI_2}`);
    const end = (reason: string) =>
      bench.call('POST', `/auth/clients/${app.id}/bindings/${provider}/end`, {
        json: { reason },
        token: ADMINISTRATOR,
      });
    for (const [ask, codes] of [
      [() => bench.decide(waiting, 'reject', { reason: 'key-compromised' }), 'our-own'],
      [() => bench.decide(app, 'suspend', { reason: 'key-compromised' }), 'our-own'],
      [() => bench.decide(app, 'revoke', { reason: 'key-compromised' }), 'our-own, requested-by-app'],
      [() => end('contract-ended'), 'contract-over, requested-by-app'],
    ] as const)
      expect(await ask()).toMatchObject({
        status: 400,
        body: { error_description: `reason: must be one of ${codes}. Say more in note.` },
      });
    expect((await show(app))['reasons']).toMatchObject({ suspend: reasons.security });
    expect((await end('contract-over')).status).toBe(200);
    expect((await bench.decide(app, 'suspend', { reason: 'our-own' })).body['status']).toBe('suspended');
    expect((await bench.decide(waiting, 'reject', { reason: 'our-own' })).body['status']).toBe('rejected');
  });

  it('expires a registration that nobody approved in time, and keeps it readable for its developer (P24)', async () => {
    const app = await bench.register();
    bench.clock.ms += 30 * DAY - 1;
    expect((await show(app))['status']).toBe('submitted');
    bench.clock.ms += 1;
    expect(await show(app)).toMatchObject({ status: 'expired', reason: 'attestation-expired' });
    const own = await bench.call('GET', `/auth/register/${app.id}`, { token: app.token });
    expect(own.body).toMatchObject({ status: 'expired' });
    for (const [verb, body] of [
      ['approve', await bench.approval(app)],
      ['review', undefined],
      ['reject', { reason: 'false-statement' }],
    ] as const)
      expect(await bench.decide(app, verb, body)).toMatchObject({
        status: 409,
        body: { error_description: expect.stringMatching(/is expired and cannot become/) },
      });
    bench.clock.ms += 30 * DAY;
    expect((await bench.call('GET', `/auth/clients/${app.id}`, { token: ADMINISTRATOR })).status).toBe(404);
  });

  it('reports decisions by reason and age, also of apps that were never approved (R8, P33)', async () => {
    const from = new Date(bench.clock.ms).toISOString();
    const apps = [await bench.register(), await bench.register(), await bench.register(), await bench.register()];
    bench.clock.ms += DAY;
    await bench.decide(apps[0]!, 'reject', { reason: 'false-statement' });
    bench.clock.ms += 2 * DAY;
    await bench.decide(apps[1]!, 'reject', { reason: 'false-statement' });
    await bench.review(apps[2]!, 'approve');
    bench.clock.ms += DAY / 2;
    await bench.decide(apps[2]!, 'suspend', { reason: 'attack-observed' });
    const to = new Date(bench.clock.ms + 1).toISOString();
    // The registrations are gone from the state store by then.
    bench.clock.ms += 100 * DAY;
    const waiting = await bench.register();
    bench.clock.ms += 3 * DAY;
    const ask = (query: string) => bench.call('GET', `/auth/decisions?${query}`, { token: ADMINISTRATOR });
    expect((await ask(`from=${from}&to=${to}`)).body).toEqual({
      from,
      to,
      decisions: [
        { status: 'approved', count: 1, days: { least: 3, median: 3, most: 3 } },
        {
          ...{ status: 'rejected', reason: 'false-statement', count: 2, days: { least: 1, median: 2, most: 3 } },
          text: expect.stringMatching(/^[A-Z].*\.$/),
        },
        {
          ...{ status: 'suspended', reason: 'attack-observed', count: 1 },
          ...{ days: { least: 0.5, median: 0.5, most: 0.5 }, text: expect.stringMatching(/^[A-Z].*\.$/) },
        },
      ],
      waiting: { count: 1, oldestDays: 3 },
    });
    expect((await ask('')).body['decisions']).toHaveLength(3);
    expect((await ask(`from=${to}`)).body['decisions']).toEqual([]);
    for (const wrong of ['from=2027-01-01', 'to=x', `from=${to}&to=${from}`, 'since=x'])
      expect((await ask(wrong)).status, wrong).toBe(400);
    expect((await bench.call('GET', '/auth/decisions', { token: waiting.token })).status).toBe(401);
  });
});

describe('four eyes (APPS.md P22)', () => {
  beforeEach(async () => {
    bench = await Bench.start({ config: { fourEyes: true } });
  });

  it('let nobody approve an app alone', async () => {
    const app = await bench.register();
    const body = await bench.approval(app);
    expect(await bench.decide(app, 'approve', body)).toMatchObject({
      status: 409,
      body: { error_description: expect.stringMatching(/Two persons approve/) },
    });
    await bench.decide(app, 'review', undefined);
    expect(await bench.decide(app, 'approve', body)).toMatchObject({
      status: 409,
      body: { error_description: expect.stringMatching(/another person/) },
    });
    expect((await bench.decide(app, 'approve', body, ADMINISTRATOR_2)).body['status']).toBe('approved');
    expect((await show(app))['history']).toMatchObject([
      { status: 'submitted' },
      { status: 'in-review', by: mark(ADMINISTRATOR) },
      { status: 'approved', by: mark(ADMINISTRATOR_2) },
    ]);
  });

  it('see an approved app again before it gets more, and before a suspended one comes back', async () => {
    const app = await bench.register();
    await bench.decide(app, 'review', undefined);
    await bench.decide(app, 'approve', { identifiers: [{ npi: NPI, evidence: 'x' }] }, ADMINISTRATOR_2);
    const more = { identifiers: [NPI, NPI_2].map((npi) => ({ npi, evidence: 'x' })) };
    // The review of the first approval does not count twice.
    expect((await bench.decide(app, 'approve', more, ADMINISTRATOR_2)).status).toBe(409);
    await bench.decide(app, 'review', undefined, ADMINISTRATOR_2);
    expect((await bench.decide(app, 'approve', more, ADMINISTRATOR_2)).status).toBe(409);
    expect((await bench.decide(app, 'approve', more)).status).toBe(200);
    // Less needs nobody else, and a review takes no access away.
    await bench.decide(app, 'review', undefined);
    expect(await show(app)).toMatchObject({ status: 'approved', review: { by: mark(ADMINISTRATOR) } });
    expect((await bench.decide(app, 'approve', { identifiers: [{ npi: NPI, evidence: 'x' }] })).status).toBe(200);
    // One person ends access alone.
    await bench.decide(app, 'suspend', { reason: 'key-compromised' });
    expect((await bench.decide(app, 'approve', { reason: 'It is over.' })).status).toBe(409);
    await bench.decide(app, 'review', undefined);
    expect((await bench.decide(app, 'approve', { reason: 'It is over.' }, ADMINISTRATOR_2)).status).toBe(200);
  });

  it('do not approve by two requests that race', async () => {
    const app = await bench.register();
    const body = await bench.approval(app);
    const answers = await Promise.all([
      bench.decide(app, 'review', undefined),
      ...Array.from({ length: 4 }, () => bench.decide(app, 'approve', body)),
    ]);
    expect(answers.slice(1).map(({ status }) => status)).toEqual([409, 409, 409, 409]);
    expect(await states(app)).toEqual(['submitted', 'in-review']);
  });
});

describe('the end of an old review (APPS.md P28)', () => {
  beforeEach(async () => {
    bench = await Bench.start({ config: { reviewValidDays: 365 } });
  });

  it('ends access by an event, until a reviewer approves the app again', async () => {
    const app = await bench.approved();
    const look = () => bench.service(ExpiredReviews).look();
    bench.clock.ms += 365 * DAY - 1;
    await look();
    expect((await show(app))['status']).toBe('approved');
    bench.clock.ms += 1;
    await Promise.all([look(), look()]);
    expect(await show(app)).toMatchObject({ status: 'expired', reason: 'attestation-expired' });
    expect((await bench.token(app)).status).toBe(401);
    const ends = (await bench.registry()).filter(({ type }) => type === 'pa.app-suspended.v1');
    // A release that does not know `expired` reads a suspension.
    expect(ends.map(({ data }) => data)).toMatchObject([{ client: app.id, expired: true, by: 'the platform' }]);
    expect((await bench.decide(app, 'approve', {})).body['status']).toBe('approved');
    await look();
    expect((await show(app))['status']).toBe('approved');
  });
});
