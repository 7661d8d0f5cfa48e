import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type App, Bench, NPI, NPI_2, prepare } from '../../../test/harness.ts';

beforeAll(prepare);
let bench: Bench;
beforeEach(async () => {
  bench = await Bench.start();
});
afterEach(() => bench.stop());

const approvals = async (app: App) =>
  (await bench.registry()).filter((e) => e.type === 'pa.app-approved.v1' && e.data.client === app.id);
const lastApproval = async (app: App) => (await approvals(app)).at(-1)!.data;

describe('P7 an approval of what nobody knows', () => {
  const NPI_2_UNKNOWN = new RegExp(`^npi ${NPI_2} is unknown\\..*confirm: \\["${NPI_2}"\\]`);
  const named = (...npis: readonly string[]) => ({ identifiers: npis.map((npi) => ({ npi, evidence: 'Contract 7' })) });
  const unconfirmed = (app: App, body: object, confirm: readonly string[] = []) =>
    bench.decide(app, 'approve', { ...body, confirm });

  it('names the identifier, and binds it with an explicit word, which is recorded', async () => {
    const app = await bench.register({ npi: [NPI, NPI_2], tin: undefined });
    await bench.network(`npi|${NPI}`, 'in-network');
    expect(await unconfirmed(app, named(NPI, NPI_2))).toMatchObject({
      status: 409,
      body: {
        error_description: expect.stringMatching(NPI_2_UNKNOWN),
      },
    });
    expect(await approvals(app)).toEqual([]);
    expect((await unconfirmed(app, named(NPI, NPI_2), [NPI])).status).toBe(409);
    expect((await unconfirmed(app, named(NPI, NPI_2), [NPI_2])).status).toBe(200);
    expect((await lastApproval(app)).confirmed).toEqual([NPI_2]);
  });

  it('asks for one out of network that the directory has, and not for one that the directory alone has', async () => {
    const identifier = (value: string) => [{ system: 'http://hl7.org/fhir/sid/us-npi', value }];
    for (const [id, npi] of [
      ['o1', NPI],
      ['o2', NPI_2],
    ] as const)
      await bench.inDirectory({ resourceType: 'Organization', id, name: 'Clinic', identifier: identifier(npi) });
    await bench.network(`npi|${NPI}`, 'out-of-network');
    const app = await bench.register({ npi: [NPI, NPI_2], tin: undefined });
    expect(await unconfirmed(app, named(NPI, NPI_2))).toMatchObject({
      status: 409,
      body: { error_description: expect.stringMatching(new RegExp(`^npi ${NPI} is out of network\\. If`)) },
    });
    expect((await unconfirmed(app, named(NPI_2))).status).toBe(200);
  });

  it('asks again when a suspended app comes back, and not for what goes on', async () => {
    const app = await bench.register({ npi: [NPI, NPI_2], tin: undefined });
    await bench.network(`npi|${NPI}`, 'in-network');
    await bench.network(`npi|${NPI_2}`, 'in-network');
    await unconfirmed(app, named(NPI, NPI_2));
    await bench.network(`npi|${NPI_2}`, 'out-of-network', '2020-01-02T00:00:00.000Z');
    expect((await unconfirmed(app, { ...named(NPI, NPI_2), scope: 'system/Patient.rs' })).status).toBe(200);
    await bench.review(app, 'suspend');
    expect((await unconfirmed(app, { reason: 'The key is new.' })).status).toBe(409);
    expect((await unconfirmed(app, { reason: 'The key is new.' }, [NPI_2])).status).toBe(200);
  });

  it.each([
    ['no list', NPI],
    ['no identifier', ['1234567890']],
    ['too many', Array.from({ length: 101 }, () => NPI)],
  ])('refuses as confirm: %s', async (_, confirm) => {
    const app = await bench.register();
    expect(await bench.decide(app, 'approve', { ...named(NPI), confirm })).toMatchObject({
      status: 400,
      body: { error_description: expect.stringMatching(/^confirm/) },
    });
  });
});
