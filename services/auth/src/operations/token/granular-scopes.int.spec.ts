import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Answer, type App, Bench, NPI, prepare } from '../../../test/harness.ts';

const LABORATORY =
  'system/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory';

let bench: Bench;
beforeAll(() => prepare());
beforeEach(async () => {
  bench = await Bench.start();
  await bench.network(`npi|${NPI}`, 'in-network');
});
afterEach(() => bench.stop());

const register = (scope: string): Promise<Answer> =>
  bench.call('POST', '/auth/register', { json: bench.metadata({ scope }) });
async function approved(scope: string): Promise<App> {
  const app = await bench.register({ scope });
  await bench.review(app, 'approve');
  return app;
}

describe('a scope on a part of a type', () => {
  it('P52: is registered, approved, granted and introspected as it was asked for', async () => {
    const app = await approved(`${LABORATORY} system/Patient.rs`);
    expect((await bench.call('GET', app.uri, { token: app.token })).body).toMatchObject({
      scope: `${LABORATORY} system/Patient.rs`,
    });
    const { status, body } = await bench.token(app, { scope: `${LABORATORY} system/Patient.r` });
    expect([status, body['scope'], body['scope_refused']]).toEqual([200, `${LABORATORY} system/Patient.r`, undefined]);
    const token = body['access_token'] as string;
    const introspected = await bench.call('POST', '/auth/introspect', { form: { token }, token });
    expect(introspected.body).toMatchObject({ active: true, scope: `${LABORATORY} system/Patient.r` });
    // Whoever asks for the whole type gets the part that is registered.
    expect((await bench.token(app, { scope: 'system/*.rs' })).body).toMatchObject({
      scope: `${LABORATORY} system/Patient.rs`,
    });
  });

  it('P52: is granted within a whole type, and a reviewer may approve a part of what was registered', async () => {
    const app = await bench.register({ scope: 'system/*.rs' });
    await bench.review(app, 'approve', await bench.approval(app, { scope: LABORATORY }));
    expect((await bench.token(app, { scope: 'system/*.rs' })).body).toMatchObject({ scope: LABORATORY });
    expect((await bench.token(app, { scope: `${LABORATORY}&status=final` })).body).toMatchObject({
      scope: `${LABORATORY}&status=final`,
    });
    const other = await bench.token(app, { scope: 'system/Observation.rs?category=vital-signs' });
    expect([other.status, other.body['error']]).toEqual([400, 'invalid_scope']);
  });

  it('P52: of a parameter that the search table does not know is refused by name', async () => {
    const app = await approved('system/*.rs');
    const some = await bench.token(app, { scope: 'system/Patient.rs system/Observation.rs?nonsense=secret-value' });
    expect([some.status, some.body['scope']]).toEqual([200, 'system/Patient.rs']);
    expect(some.body['scope_refused']).toEqual([expect.stringMatching(/^Observation: .*nonsense/)]);
    const none = await bench.token(app, { scope: 'system/Observation.rs?nonsense=secret-value' });
    expect(none).toMatchObject({
      status: 400,
      body: { error: 'invalid_scope', error_description: expect.stringContaining('nonsense') },
    });
    expect(JSON.stringify([some.body['scope_refused'], none.body])).not.toContain('secret-value');
  });

  it('P52: a registration keeps what is left and names the rest; with nothing left it is refused', async () => {
    const some = await register('system/Patient.rs system/Observation.rs?nonsense=1');
    expect([some.status, some.body['scope'], some.body['scope_refused']]).toEqual([
      201,
      'system/Patient.rs',
      [expect.stringContaining('nonsense')],
    ]);
    expect(await register('system/Group.rs?code=x')).toMatchObject({
      status: 400,
      body: { error: 'invalid_client_metadata', error_description: expect.stringMatching(/^scope: Group/) },
    });
  });

  it.each([
    ['long parameters', `system/Observation.rs?code=${'x'.repeat(600)}`],
    ['many parameters', `system/Observation.rs?${Array.from({ length: 6 }, (_, i) => `code=${i}`).join('&')}`],
    ['many parts', Array.from({ length: 21 }, (_, i) => `system/Observation.rs?code=${i}`).join(' ')],
  ])('P54: %s are refused as a whole', async (_name, scope) => {
    const app = await approved('system/*.rs');
    expect(await bench.token(app, { scope: `system/Patient.rs ${scope}` })).toMatchObject({
      status: 400,
      body: { error: 'invalid_scope', error_description: expect.stringMatching(/more than/) },
    });
    expect(await register(`system/Patient.rs ${scope}`)).toMatchObject({
      status: 400,
      body: { error: 'invalid_client_metadata', error_description: expect.stringMatching(/^scope: .*more than/) },
    });
  });

  it('P54: parameters of 10 MB are refused, and the service goes on', async () => {
    const app = await approved('system/*.rs');
    const scope = `system/Observation.rs?code=${'x'.repeat(10_000_000)}`;
    expect((await bench.token(app, { scope })).status).toBeGreaterThanOrEqual(400);
    expect((await register(scope)).status).toBeGreaterThanOrEqual(400);
    expect((await bench.token(app)).status).toBe(200);
  });

  it('P54: a grant that no service would read as a token is refused', async () => {
    const codes = Array.from({ length: 8 }, (_, i) => `system/Observation.rs?code=${String(i).repeat(450)}`);
    const app = await approved(codes.join(' '));
    expect((await bench.token(app, { scope: codes[0]! })).status).toBe(200);
    expect(await bench.token(app, { scope: codes.join(' ') })).toMatchObject({
      status: 400,
      body: { error: 'invalid_scope', error_description: expect.stringContaining('one access token') },
    });
  });
});
