import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { generateKeyPair } from 'jose';
import { type Logger, silentLogger } from '@provider-access/service/observability';
import { Bench, prepare } from '../../../test/harness.ts';

beforeAll(prepare);
let bench: Bench;
const open = async (...options: Parameters<typeof Bench.start>): Promise<Bench> =>
  (bench = await Bench.start(...options));
afterEach(() => bench.stop());

describe('POST /auth/token', () => {
  describe('from strangers', () => {
    /** Counts the checks of a signature. */
    const countVerifications = () => vi.spyOn(crypto.subtle, 'verify');
    const junk = async (times: number, address = '192.0.2.1', id = 'c-none'): Promise<number[]> => {
      const statuses = [];
      for (let i = 0; i < times; i++)
        statuses.push(
          (await bench.call('POST', '/auth/token', { form: await bench.form({ id, token: '', uri: '' }), address }))
            .status,
        );
      return statuses;
    };
    const times = (status: number, count: number): number[] => Array.from({ length: count }, () => status);
    afterEach(() => {
      vi.restoreAllMocks();
    });

    it('counts refusals, and records one a minute and reason with their number', async () => {
      await open({ config: { refusalsPerMinute: 1000 } });
      await junk(200);
      await bench.call('POST', '/auth/token', { form: '' });
      expect(await bench.audited()).toMatchObject([
        { client: 'unknown', reason: 'invalid_client: client', count: 1 },
        { client: 'unknown', reason: 'invalid_request', count: 1 },
      ]);
      bench.clock.ms += 60_000;
      await junk(1);
      expect((await bench.audited()).slice(2)).toMatchObject([
        { client: 'unknown', reason: 'invalid_client: client', count: 200 },
      ]);
      expect(await bench.ports.metrics.text()).toContain('pa_token_refusals_total{reason="client"} 201');
      await bench.stop();
      await open({ log: bench.log });
      expect((await bench.audited()).reduce((sum, { count = 1 }) => sum + count, 0)).toBe(202);
    });
    it('records each refusal of an authenticated client, and counts those of unauthenticated ones', async () => {
      await open();
      const app = await bench.approved();
      for (let i = 0; i < 3; i++) await bench.token(app, { scope: 'openid' });
      expect(await bench.audited()).toEqual(
        times(0, 3).map(() => expect.objectContaining({ client: app.id, outcome: 'refused', reason: 'invalid_scope' })),
      );
      expect((await bench.audited()).map((a) => a.count)).toEqual([undefined, undefined, undefined]);
      const bad = async () => bench.token(app, { client_assertion: await bench.assertion(app.id, { aud: 'x' }) });
      for (let i = 0; i < 3; i++) await bad();
      bench.clock.ms += 60_000;
      await bad();
      expect((await bench.audited()).slice(3)).toMatchObject([
        { client: app.id, reason: 'invalid_client: aud', count: 1 },
        { client: app.id, reason: 'invalid_client: aud', count: 3 },
      ]);
    });
    it('stops checking signatures for an address block after its limit, except for clients that it knows', async () => {
      await open({ config: { refusalsPerMinute: 5 } });
      const app = await bench.approved();
      const verify = countVerifications();
      expect(await junk(8)).toEqual([...times(401, 5), ...times(429, 3)]);
      expect(verify).toHaveBeenCalledTimes(5);
      expect(
        (await bench.call('POST', '/auth/token', { form: await bench.form(app), address: '192.0.2.1' })).status,
      ).toBe(200);
      expect(await junk(1, '192.0.2.2')).toEqual([401]);
      bench.clock.ms += 60_000;
      expect(await junk(1)).toEqual([401]);
    });
    it('counts together: requests at once, a /64 of IPv6, and those who borrow the id of a client', async () => {
      await open({ config: { refusalsPerMinute: 5 } });
      const app = await bench.approved();
      const forms = await Promise.all(times(0, 20).map(() => bench.form({ id: 'c-none', token: '', uri: '' })));
      const verify = countVerifications();
      await Promise.all(
        forms.map((form, i) => bench.call('POST', '/auth/token', { form, address: `2001:db8:1:1:${i}::1` })),
      );
      expect(verify).toHaveBeenCalledTimes(5);
      const stolen = (await generateKeyPair('ES384')).privateKey;
      const borrowed = async () =>
        (
          await bench.call('POST', '/auth/token', {
            form: await bench.form(app, { client_assertion: await bench.assertion(app.id, {}, stolen) }),
            address: '192.0.2.9',
          })
        ).status;
      for (let i = 0; i < 8; i++) await borrowed();
      expect(verify).toHaveBeenCalledTimes(10);
      expect(
        (await bench.call('POST', '/auth/token', { form: await bench.form(app), address: '192.0.2.1' })).status,
      ).toBe(200);
    });
    it('never counts tokens that were given', async () => {
      await open({ config: { refusalsPerMinute: 3 } });
      const app = await bench.approved();
      for (let i = 0; i < 10; i++) expect((await bench.token(app)).status).toBe(200);
    });
    it('bounds the checks of all strangers together', async () => {
      await open({ config: { refusalsPerMinute: 5, strangersPerMinute: 12 } });
      const verify = countVerifications();
      for (let i = 1; i <= 10; i++) await junk(5, `192.0.2.${i}`);
      expect(verify).toHaveBeenCalledTimes(12);
    });
    it('says that TRUST_PROXY is missing, to the operator once and to who is refused', async () => {
      const warnings: string[] = [];
      await open({
        config: { refusalsPerMinute: 1, registrationsPerMinute: 1 },
        logger: {
          debug: silentLogger.debug,
          info: silentLogger.info,
          error: silentLogger.error,
          warn: ((_fields: object, text: string) => void warnings.push(text)) as Logger['warn'],
        },
      });
      const headers = { 'x-forwarded-for': '198.51.100.7' };
      await bench.call('POST', '/auth/token', { form: '', headers });
      const refused = await bench.call('POST', '/auth/token', { form: '', headers });
      expect(refused).toMatchObject({
        status: 429,
        body: { error_description: expect.stringMatching(/proxy.*TRUST_PROXY/) },
      });
      await bench.call('POST', '/auth/register', { json: {}, headers });
      expect(await bench.call('POST', '/auth/register', { json: bench.metadata(), headers })).toMatchObject({
        status: 429,
        body: { error_description: expect.stringMatching(/proxy.*TRUST_PROXY/) },
      });
      expect(warnings.filter((w) => w.includes('TRUST_PROXY'))).toHaveLength(1);
      expect((await bench.call('POST', '/auth/token', { form: '' })).body['error_description']).not.toContain(
        'TRUST_PROXY',
      );
    });
    it('writes no counter for registrations above the limit', async () => {
      await open({ config: { registrationsPerMinute: 3 } });
      const hit = vi.spyOn(bench.ports.state.counters, 'hit');
      for (let i = 0; i < 20; i++) await bench.call('POST', '/auth/register', { json: {} });
      expect(hit).toHaveBeenCalledTimes(3);
    });
  });
});
