import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DomainEvent } from '@provider-access/events';
import { attributed, enrolled, Harness, inNetwork, NPI, OTHER_NPI, payerEvent } from '../test/harness.ts';

interface Groups {
  entry?: { resource: { member?: { entity: { reference: string } }[] } }[];
}
/** The business time of every statement here. */
const TIME = '2025-06-01T12:00:00Z';

let h: Harness;
beforeEach(async () => {
  h = await new Harness().start();
});
afterEach(() => h.stop());

/** Formerly the greater id of two derived events won, which is random. So the test tries four members. */
describe('an attribution and its end with one business time', () => {
  const MEMBERS = ['m1', 'm2', 'm3', 'm4'];
  const at = (event: DomainEvent, id: string): DomainEvent => ({ ...event, id, time: TIME });
  const asserted = (m: string, n = 1): DomainEvent => at(attributed(m), `assertion-${n}-${m}`);
  const ended = (m: string): DomainEvent =>
    at(payerEvent('payer.attribution-ended.v1', m, { provider: { npi: NPI }, to: '2025-06-01' }), `end-${m}`);
  const visible = async (app: Record<string, string>): Promise<string[]> => {
    const groups = (await h.get('/fhir/Group', app)).json<Groups>().entry ?? [];
    return groups.flatMap(({ resource }) => (resource.member ?? []).map(({ entity }) => entity.reference));
  };

  it('ends when the end came last, begins again with a later assertion, and a repetition changes nothing', async () => {
    await h.publish(inNetwork(), ...MEMBERS.map(enrolled));
    const app = await h.app1('c1', [`npi|${NPI}`]);
    await h.publish(...MEMBERS.map((m) => asserted(m)));
    expect(await visible(app)).toEqual(MEMBERS.map((m) => `Patient/${m}`));
    await h.publish(...MEMBERS.map(ended));
    expect(await visible(app)).toEqual([]);
    await h.publish(...MEMBERS.map((m) => asserted(m)));
    expect(await visible(app)).toEqual([]);
    await h.publish(...MEMBERS.map((m) => asserted(m, 2)));
    expect(await visible(app)).toEqual(MEMBERS.map((m) => `Patient/${m}`));
    await h.publish(...MEMBERS.flatMap((m) => [ended(m), asserted(m)]));
    expect(await visible(app)).toEqual(MEMBERS.map((m) => `Patient/${m}`));
  });

  it('in one batch as well', async () => {
    await h.publish(inNetwork(), ...MEMBERS.map(enrolled), ...MEMBERS.flatMap((m) => [asserted(m), ended(m)]));
    expect(await visible(await h.app1('c1', [`npi|${NPI}`]))).toEqual([]);
  });
});

describe('network statuses of one provider with one business time', () => {
  it('the later append stands, alone and in one batch, and a repetition changes nothing', async () => {
    const providers = [NPI, OTHER_NPI];
    const said = (npi: string, n: number, status: string): DomainEvent => ({
      ...inNetwork(npi, status),
      id: `status-${n}`,
      time: TIME,
    });
    const statuses = async (): Promise<unknown[]> => {
      await h.settle();
      return providers.map((npi) => h.facts.parties.network(`npi|${npi}`).at(-1)?.status);
    };
    for (let n = 0; n < 6; n++) {
      const status = n % 2 === 0 ? 'in-network' : 'out-of-network';
      await h.publish(...providers.map((npi) => said(npi, n, status)));
      expect(await statuses(), `after ${n}`).toEqual([status, status]);
    }
    await h.publish(...providers.flatMap((npi) => [said(npi, 0, 'in-network'), said(npi, 4, 'in-network')]));
    expect(await statuses()).toEqual(['out-of-network', 'out-of-network']);
    const inOneBatch = [6, 7, 8, 9].map((n) => [n, n % 2 === 0 ? 'in-network' : 'out-of-network'] as const);
    await h.publish(...providers.flatMap((npi) => inOneBatch.map(([n, status]) => said(npi, n, status))));
    expect(await statuses()).toEqual(['out-of-network', 'out-of-network']);
  });
});
