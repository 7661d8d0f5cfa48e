import { EngineUnavailable } from '@provider-access/engines/log';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ADMINISTRATOR, Bench, NPI, NPI_2, prepare } from '../../../test/harness.ts';

beforeAll(prepare);
let bench: Bench;
beforeEach(async () => {
  bench = await Bench.start();
});
afterEach(() => bench.stop());

describe('the checks of apps in the queue of a reviewer', () => {
  const organization = (id: string, npi: string) => ({
    resourceType: 'Organization',
    id,
    name: 'Clinic',
    identifier: [{ system: 'http://hl7.org/fhir/sid/us-npi', value: npi }],
  });
  interface Listed {
    readonly clients: readonly { readonly client_id: string }[];
    readonly checks?: Readonly<Record<string, object>>;
    readonly next?: string;
  }
  const list = async (query: string): Promise<Listed> => {
    const { status, body } = await bench.call('GET', `/auth/clients?${query}`, { token: ADMINISTRATOR });
    expect([status, body]).toEqual([200, expect.anything()]);
    return body as unknown as Listed;
  };
  /** Counts queries to the directory. */
  const counted = (): (() => number) => {
    const real = bench.ports.views.reader.bind(bench.ports.views);
    let found = 0;
    bench.ports.views.reader = ((view: never) => {
      const reader = real(view);
      const find: typeof reader.find = (query) => ((found += 1), reader.find(query));
      return Object.assign(Object.create(reader) as typeof reader, { find });
    }) as never;
    return () => found;
  };

  it('counts what the directory, the network and other apps say, as the page of the app has it', async () => {
    await bench.inDirectory(organization('o1', NPI));
    await bench.network(`npi|${NPI_2}`, 'out-of-network');
    const first = await bench.approved({ client_name: 'The first' });
    const app = await bench.register({ npi: [NPI, NPI_2] });
    const { checks } = await list('checks=true');
    // NPI, NPI_2 and a TIN: the directory has the first one, and the other app has the first one and the TIN.
    const common = { not_checked: 0, in_directory: 1, in_network: 1 };
    expect(checks).toEqual({
      [first.id]: { ...common, identifiers: 2, out_of_network: 0, bound_elsewhere: 0 },
      [app.id]: { ...common, identifiers: 3, out_of_network: 1, bound_elsewhere: 2 },
    });
    expect((await list('')).checks).toBeUndefined();
    expect((await bench.call('GET', '/auth/clients?checks=yes', { token: ADMINISTRATOR })).status).toBe(400);
  });

  /** NPIs with the check digit of 45 CFR 162.406: Luhn of 80840 and the NPI. */
  const validNpis = (count: number): readonly string[] =>
    Array.from({ length: count }, (_, n) => {
      const nine = String(130_000_000 + n);
      const digits = [...`80840${nine}`].toReversed().map(Number);
      const sum = digits.reduce(
        (all, digit, at) => all + (at % 2 === 0 ? ((2 * digit) % 10) + (digit > 4 ? 1 : 0) : digit),
        0,
      );
      return `${nine}${(10 - (sum % 10)) % 10}`;
    });

  it('asks the directory once for each identifier of a page, and not more than a hundred times', async () => {
    const npis = validNpis(200);
    const one = await bench.register({ npi: npis.slice(0, 45) });
    for (let n = 0; n < 30; n += 1)
      await bench.register({
        npi: [npis[n]!, npis[50 + 4 * n]!, npis[51 + 4 * n]!, npis[52 + 4 * n]!],
        tin: undefined,
      });
    const queries = counted();
    const { checks, clients } = await list('checks=true&_count=1000');
    expect(clients).toHaveLength(31);
    expect(queries()).toBe(100);
    expect(Object.values(checks!).some((one) => (one as { not_checked: number }).not_checked === 4)).toBe(true);
    expect(checks![one.id]).toMatchObject({ identifiers: 46, not_checked: 41 });
    const before = queries();
    expect((await list('')).clients).toHaveLength(31);
    expect(queries()).toBe(before);
  });

  it('says nothing of the directory while it cannot be asked', async () => {
    const app = await bench.register();
    bench.ports.views.reader = (() => ({ find: () => Promise.reject(new EngineUnavailable('away')) })) as never;
    const { checks } = await list('checks=true');
    expect(checks![app.id]).not.toHaveProperty('in_directory');
    expect(checks![app.id]).toMatchObject({ bound_elsewhere: 0 });
  });
});
