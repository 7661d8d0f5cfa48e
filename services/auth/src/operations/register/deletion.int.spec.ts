import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ExpiredReviews } from '../../apps/expired-reviews.ts';
import { ADMINISTRATOR, type Answer, type App, Bench, prepare } from '../../../test/harness.ts';

let bench: Bench;
beforeAll(() => prepare());
beforeEach(async () => {
  bench = await Bench.start();
});
afterEach(() => bench.stop());
const remove = (app: App, token = app.token): Promise<Answer> => bench.call('DELETE', app.uri, { token });
const read = (app: App): Promise<Answer> => bench.call('GET', app.uri, { token: app.token });

describe('DELETE /auth/register/{client} (RFC 7592, APPS.md P44)', () => {
  it('P44: ends a registration that waits, and its token', async () => {
    const app = await bench.register();
    const { status, body, headers } = await remove(app);
    expect([status, body, headers['cache-control']]).toEqual([204, {}, 'no-store']);
    expect((await read(app)).status).toBe(401);
    expect((await remove(app)).status).toBe(401);
    expect((await bench.review(app, 'approve')).status).toBe(404);
    expect(await bench.appEvents()).toEqual([]);
    // Its key is free again.
    const { status: again } = await bench.call('POST', '/auth/register', { json: bench.metadata({}) });
    expect(again).toBe(201);
  });

  it('P44: revokes an approved app on its own wish, with its access tokens, for good', async () => {
    const app = await bench.approved();
    const token = (await bench.token(app)).body['access_token'] as string;
    expect((await remove(app)).status).toBe(204);
    expect((await read(app)).status).toBe(401);
    expect((await remove(app)).status).toBe(401);
    expect((await bench.token(app)).status).toBeGreaterThanOrEqual(400);
    const introspected = await bench.call('POST', '/auth/introspect', { form: { token }, token: ADMINISTRATOR });
    expect(introspected.body).toEqual({ active: false });
    expect((await bench.appEvents()).at(-1)).toMatchObject({
      type: 'pa.app-revoked.v1',
      data: { client: app.id, by: 'app', reason: 'requested-by-app' },
    });
    const { body } = await bench.call('GET', `/auth/clients/${app.id}`, { token: ADMINISTRATOR });
    expect([body['status'], body['reason']]).toEqual(['revoked', 'requested-by-app']);
    expect((await bench.review(app, 'approve')).status).toBe(409);
  });

  it('P44: revokes a suspended app, and leaves what a reviewer ended as it is', async () => {
    const suspended = await bench.approved();
    await bench.review(suspended, 'suspend');
    expect((await remove(suspended)).status).toBe(204);
    const revoked = await bench.approved();
    await bench.review(revoked, 'revoke');
    const refused = await remove(revoked);
    expect([refused.status, refused.body['error_description']]).toEqual([409, expect.stringContaining('revoked')]);
    // Its developer still reads why.
    expect((await read(revoked)).body).toMatchObject({ status: 'revoked', reason: 'key-compromised' });
  });

  it('P27, P44: revokes an app whose review is too old, for good', async () => {
    await bench.stop();
    bench = await Bench.start({ config: { reviewValidDays: 30 } });
    const app = await bench.approved();
    bench.clock.ms += 30 * 24 * 3600_000;
    await bench.service(ExpiredReviews).look();
    expect((await read(app)).body).toMatchObject({ status: 'expired' });
    expect((await remove(app)).status).toBe(204);
    expect((await read(app)).status).toBe(401);
    const approved = await bench.review(app, 'approve');
    expect([approved.status, approved.body['error_description']]).toEqual([409, expect.stringContaining('revoked')]);
    expect((await bench.appEvents()).at(-1)).toMatchObject({
      type: 'pa.app-revoked.v1',
      data: { by: 'app', reason: 'requested-by-app' },
    });
  });

  it('P44: takes no other token, and tells nothing of an id', async () => {
    const [one, two] = [await bench.approved(), await bench.register()];
    const wrong = await remove(one, two.token);
    const unknown = await bench.call('DELETE', `/auth/register/c-${'0'.repeat(32)}`, { token: two.token });
    expect([wrong.status, wrong.body]).toEqual([401, unknown.body]);
    expect((await bench.call('DELETE', one.uri, { token: ADMINISTRATOR })).status).toBe(401);
    expect((await bench.call('DELETE', one.uri)).status).toBe(401);
    expect((await read(one)).body).toMatchObject({ status: 'approved' });
  });
});
