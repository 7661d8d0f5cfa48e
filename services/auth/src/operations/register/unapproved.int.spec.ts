import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { encodeEvent, PA_REGISTRY } from '@provider-access/events';
import { EngineUnavailable } from '@provider-access/engines/log';
import { Parties } from '@provider-access/facts';
import { ADMINISTRATOR, type App, Bench, NPI, npis, prepare, publicJwk } from '../../../test/harness.ts';

beforeAll(prepare);
let bench: Bench;
beforeEach(async () => {
  bench = await Bench.start();
});
afterEach(() => bench.stop());

describe('registrations that nobody approves', () => {
  const DAY = 24 * 60 * 60 * 1000;
  const shown = async (app: App): Promise<number> =>
    (await bench.call('GET', new URL(app.uri).pathname, { token: app.token })).status;
  const waiting = async (): Promise<string[]> =>
    (
      (await bench.call('GET', '/auth/clients?_count=1000', { token: ADMINISTRATOR })).body['clients'] as {
        client_id: string;
      }[]
    ).map((c) => c.client_id);
  const registerFrom = async (address: string, other = bench): Promise<App> => {
    const { status, body } = await other.call('POST', '/auth/register', { json: other.metadata(), address });
    expect(status).toBe(201);
    return {
      id: body['client_id'] as string,
      token: body['registration_access_token'] as string,
      uri: body['registration_client_uri'] as string,
    };
  };

  it('take no memory of other services, and nothing of pa.registry', async () => {
    const reader = new Parties();
    await reader.start(bench.ports);
    const apps = await Promise.all(Array.from({ length: 20 }, () => bench.register({ npi: npis(50) })));
    expect(await bench.appEvents()).toEqual([]);
    expect(apps.map(({ id }) => reader.client(id))).toEqual(apps.map(() => undefined));
    await reader.stop();
  });
  it('leave after 60 days', async () => {
    const app = await bench.register();
    bench.clock.ms += 60 * DAY - 1;
    expect([await shown(app), await waiting()]).toEqual([200, [app.id]]);
    bench.clock.ms += 1;
    expect([await shown(app), await waiting()]).toEqual([401, []]);
    expect((await bench.review(app, 'approve')).status).toBe(404);
    await bench.register();
    expect(await bench.ports.metrics.text()).toContain('pa_registrations_dropped_total{reason="expired"} 1');
  });
  it('are displaced by newer ones of the same sender, not of others', async () => {
    const small = await Bench.start({ config: { registrationsWaiting: 5 } });
    await bench.stop();
    bench = small;
    const honest = await registerFrom('192.0.2.1');
    // One sender has all addresses of a /64.
    const junk: App[] = [];
    for (let i = 0; i < 20; i++) junk.push(await registerFrom(`2001:db8::${i.toString(16)}`));
    expect(await waiting()).toEqual([honest.id, ...junk.slice(-4).map((a) => a.id)]);
    expect([await shown(honest), await shown(junk[0]!)]).toEqual([200, 401]);
    const gone = await bench.call('GET', new URL(junk[0]!.uri).pathname, { token: junk[0]!.token });
    expect(gone.body['error_description']).toMatch(/30 days.*Register again/);
    const metrics = await bench.ports.metrics.text();
    expect(metrics).toMatch(/^pa_registrations_dropped_total\{reason="displaced"\} 16$/m);
    expect(metrics).toMatch(/^pa_registrations_waiting 5$/m);
  });
  it('are bounded a minute from all addresses together, and junk does not count', async () => {
    await bench.stop();
    bench = await Bench.start({ config: { registrationsPerMinute: 3, registrationsOfAllPerMinute: 5 } });
    const from = async (address: string, json: unknown = bench.metadata()) =>
      (await bench.call('POST', '/auth/register', { json, address })).status;
    for (let i = 1; i <= 9; i++) expect(await from(`192.0.2.${i}`, {})).toBe(400);
    const statuses = [];
    for (let i = 1; i <= 7; i++) statuses.push(await from(`198.51.100.${i}`));
    expect(statuses).toEqual([201, 201, 201, 201, 201, 429, 429]);
    bench.clock.ms += 60_000;
    expect(await from('198.51.100.9')).toBe(201);
  });
  it('are counted by /64 of IPv6', async () => {
    await bench.stop();
    bench = await Bench.start({ config: { registrationsPerMinute: 3 } });
    const statuses = [];
    for (let i = 0; i < 5; i++)
      statuses.push(
        (await bench.call('POST', '/auth/register', { json: bench.metadata(), address: `2001:db8:7:7:${i}::1` }))
          .status,
      );
    statuses.push(
      (await bench.call('POST', '/auth/register', { json: bench.metadata(), address: '2001:db8:7:8::1' })).status,
    );
    expect(statuses).toEqual([201, 201, 201, 429, 429, 201]);
  });
  it('of an earlier release are in pa.registry, and are approved or rejected there', async () => {
    const old = async (client: string): Promise<void> => {
      const data = {
        client,
        name: 'Old',
        jwks: { keys: [publicJwk] },
        scope: 'system/*.rs',
        contacts: ['a@b.example'],
        npis: [NPI],
        tins: [],
        registrationTokenHash: '0'.repeat(64),
        registeredAt: '2026-10-01T00:00:00.000Z',
      };
      const { streams } = bench.ports.state;
      const record = encodeEvent({
        id: `${client}/1`,
        source: 'urn:provider-access:auth',
        type: 'pa.app-registered.v1',
        time: '2026-10-01T00:00:00.000Z',
        subject: client,
        data,
      });
      await streams.append(`client/${client}`, 0, [{ topic: PA_REGISTRY, record }], {
        status: 'pending',
        registered: data,
      });
      await bench.parties.waitFor((await streams.published(`client/${client}`, 1, 60_000))!, 60_000);
    };
    const [one, two] = [`c-${'1'.repeat(32)}`, `c-${'2'.repeat(32)}`];
    await old(one);
    await old(two);
    await bench.network(`npi|${NPI}`, 'in-network');
    expect(await waiting()).toEqual([one, two]);
    expect((await bench.review(one, 'approve')).body).toMatchObject({ status: 'approved', client_name: 'Old' });
    expect((await bench.review(two, 'reject')).body).toMatchObject({ status: 'rejected', reason: 'key-compromised' });
    // Wait until all assertions from before the start of the state store have expired.
    bench.clock.ms += 330_000;
    expect((await bench.token({ id: one, token: '', uri: '' })).status).toBe(200);
  });
  it('of an earlier release may claim thousands of identifiers: a hundred are shown', async () => {
    const client = `c-${'3'.repeat(32)}`;
    const data = {
      client,
      name: 'Old',
      jwks: { keys: [publicJwk] },
      scope: 'system/*.rs',
      contacts: ['a@b.example'],
      npis: npis(2000),
      tins: [],
      registrationTokenHash: '0'.repeat(64),
      registeredAt: '2026-10-01T00:00:00.000Z',
    };
    await bench.log.append(PA_REGISTRY, [
      encodeEvent({
        id: `${client}/1`,
        source: 'urn:provider-access:auth',
        type: 'pa.app-registered.v1',
        time: '2026-10-01T00:00:00.000Z',
        subject: client,
        data,
      }),
    ]);
    await bench.parties.waitFor(await bench.log.head([PA_REGISTRY]), 60_000);
    const { body } = await bench.call('GET', `/auth/clients/${client}`, { token: ADMINISTRATOR });
    expect([(body['identifiers'] as unknown[]).length, body['identifiers_not_shown']]).toEqual([100, 1900]);
  });
  it('whose approval was cut short are approved by a repeat, once, and not rejected', async () => {
    const app = await bench.register();
    const { streams } = bench.ports.state;
    const append = streams.append.bind(streams);
    streams.append = (stream, ...rest) =>
      stream.startsWith('client/') ? Promise.reject(new EngineUnavailable('cut')) : append(stream, ...rest);
    expect((await bench.review(app, 'approve')).status).toBe(503);
    streams.append = append;
    expect((await bench.review(app, 'reject')).status).toBe(409);
    expect((await bench.review(app, 'approve')).body).toMatchObject({ status: 'approved' });
    expect((await bench.appEvents()).map((e) => e.type)).toEqual(['pa.app-registered.v1', 'pa.app-approved.v1']);
    expect(await waiting()).toEqual([app.id]);
  });
});
