import { ClientDetails } from '@provider-access/facts';
import { variant } from '@provider-access/testing/variant';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ADMINISTRATOR, Bench, prepare } from '../../../test/harness.ts';

const MANY = variant.long ? 100_000 : 2_000;
let bench: Bench;
beforeAll(async () => {
  await prepare();
  bench = await Bench.start();
});
afterAll(() => bench.stop());

describe('the queue of a reviewer', () => {
  it('looks at as many apps for a page among thousands as among 100, whatever the state', async () => {
    const first = await bench.register();
    await bench.review(first, 'approve');
    const details = bench.service(ClientDetails);
    const [registered] = await bench.appEvents();
    const add = (from: number, to: number): void => {
      for (let n = from; n < to; n += 1) {
        const client = `c-many-${n}`;
        const headers = { ce_time: new Date(bench.clock.ms).toISOString(), ce_subject: client };
        const about = { headers, partition: 0, offset: n, timestamp: bench.clock.ms, key: client };
        const record = (data: object) => ({ ...about, value: Buffer.from(JSON.stringify(data)) }) as never;
        details.evolve('pa.app-registered.v1', record({ ...registered!.data, client }));
        if (n % 10 === 0)
          details.evolve('pa.app-approved.v1', record({ client, providers: [], scope: 'system/*.rs', by: 'x' }));
      }
    };
    const looked = async (query: string): Promise<number> => {
      const get = vi.spyOn(details, 'get');
      expect((await bench.call('GET', `/auth/clients?_count=5&${query}`, { token: ADMINISTRATOR })).status).toBe(200);
      const count = get.mock.calls.length;
      get.mockRestore();
      return count;
    };
    const queries = [
      '',
      'status=approved',
      'status=submitted',
      'status=revoked',
      'waits_for_review=true',
      'after=c-many-7',
    ];
    const all = async () => {
      const counts: number[] = [];
      for (const query of queries) counts.push(await looked(query));
      return counts;
    };
    add(0, 100);
    const few = await all();
    add(100, MANY);
    const last = await looked(`after=c-many-${MANY - 10}&status=submitted`);
    expect(await all()).toEqual(few);
    for (const count of [...few, last]) expect(count).toBeLessThanOrEqual(12);
  });

  it('compares the name of an app with thousands, working out each name once, and lists some', async () => {
    const waiting = await bench.register();
    const normalize = vi.spyOn(String.prototype, 'normalize');
    const shown = async (): Promise<{ alike: number; worked: number }> => {
      normalize.mockClear();
      const { status, body } = await bench.call('GET', `/auth/clients/${waiting.id}`, { token: ADMINISTRATOR });
      expect(status).toBe(200);
      const calls = normalize.mock.calls.filter(([form]) => form === 'NFKD').length;
      return { alike: (body as { named_alike: unknown[] }).named_alike.length, worked: calls };
    };
    const first = await shown();
    const again = await shown();
    normalize.mockRestore();
    expect([first.alike, again.alike]).toEqual([50, 50]);
    // Two calls a name: its own, and at first those of the fifty.
    expect([first.worked, again.worked]).toEqual([2 * 51, 2]);
  });
});
