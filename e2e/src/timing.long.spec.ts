import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Random, seed } from '@provider-access/testing/search';
import { freshPlatform, registerApp, type TestApp } from './harness.ts';
import { http, optOut, payerEvent, publishAll } from './road.ts';
import { LIMITS } from './world/context.ts';

const [NPI, OTHER] = ['1234567893', '1245319599'];
const SECRET = { security: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality', code: 'R' }] };
/**
 * How much the CPU time of two requests may differ. A denied or withheld resource costs the queries of an absent one.
 * What they find is decoded, which SECURITY.md says.
 */
const TOLERATED = 0.2;
/** Requests in one measurement, and measurements of each kind. */
const [TOGETHER, SAMPLES] = [10, 100];

/** A low quantile: the platform's other work can only add to a measurement, the more the longer it takes. */
const least = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 10)]!;

describe('times of answers', () => {
  let fresh: Awaited<ReturnType<typeof freshPlatform>>;
  let base: string;
  let app: TestApp;

  /** A member with the same resources as every other, one of which is large. */
  function* member(id: string, npi: string, more: object): Generator<ReturnType<typeof payerEvent>> {
    const recorded = (resource: object) => payerEvent('payer.resource-recorded.v1', id, { resource });
    const reference = `Patient/${id}`;
    yield recorded({
      resourceType: 'Patient',
      id,
      identifier: [{ system: 'urn:card', value: `card-${id}` }],
      name: [{ family: `family-${id}` }],
    });
    yield recorded({
      resourceType: 'Coverage',
      id: `${id}-cov`,
      status: 'active',
      period: { start: '2020-01-01' },
      beneficiary: { reference },
      payor: [{ reference: 'Organization/payer' }],
    });
    yield payerEvent('payer.attribution-asserted.v1', id, { provider: { npi }, from: '2020-01-01' });
    for (const [n, text] of ['x', 'x'.repeat(200_000)].entries())
      yield recorded({
        resourceType: 'Condition',
        id: `${id}-c${n}`,
        ...more,
        code: { coding: [{ system: 'urn:codes', code: `code-${n}` }], text },
        subject: { reference },
        recordedDate: '2024-01-01',
      });
  }

  beforeAll(async () => {
    fresh = await freshPlatform({ env: LIMITS });
    ({ base } = fresh.platform());
    const network = [NPI, OTHER].map((npi) =>
      payerEvent('payer.network-status-changed.v1', npi, { npi, status: 'in-network', from: '2020-01-01' }),
    );
    await publishAll(fresh.platform(), [
      ...network,
      ...member('mine', NPI, {}),
      ...member('labelled', NPI, { meta: SECRET }),
      ...member('denied', NPI, {}),
      ...member('foreign', OTHER, {}),
    ]);
    await publishAll(fresh.platform(), [optOut('denied')]);
    app = await registerApp(fresh.platform(), { name: 'Watch', npi: NPI });
    // Otherwise nothing would be there to be hidden.
    const of = (kind: string): Promise<number> => ask(`Condition/${kind}-c1`);
    expect([await of('mine'), await of('labelled'), await of('denied')]).toEqual([200, 404, 404]);
  });
  afterAll(() => fresh?.dispose());

  /** The status of a request with a token that has not expired: refused requests cost the same. */
  const ask = async (path: string): Promise<number> => {
    const { status } = await http(`${base}/fhir/${path}`, { token: await app.tokens.get() });
    if (status !== 200 && status !== 404) throw new Error(`${path} was answered ${status}`);
    return status;
  };

  const PATHS: readonly (readonly [what: string, others: readonly string[], path: (id: string) => string])[] = [
    ['reads', ['denied', 'foreign', 'labelled'], (id) => `Condition/${id}-c1`],
    ['searches by patient', ['denied', 'foreign'], (id) => `Condition?patient=${id}`],
    ['searches by patient and code', ['denied', 'foreign'], (id) => `Condition?patient=${id}&code=code-1`],
    ['searches by id', ['denied', 'foreign', 'labelled'], (id) => `Condition?_id=${id}-c1`],
    ['searches for a patient by identifier', ['denied', 'foreign'], (id) => `Patient?identifier=urn:card|card-${id}`],
    ['counts of a patient by name', ['denied', 'foreign'], (id) => `Patient?family=family-${id}&_summary=count`],
  ];

  /** CPU time of the main thread of the platform, ns. A busy machine delays answers, and hardly changes this. */
  const spent = (): number => {
    const { pid } = fresh.platform();
    return Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ')[0]);
  };
  /** CPU time of one request of each kind, ns. The order is random, so that other work meets each kind alike. */
  async function costs(kinds: readonly string[], path: (id: string) => string): Promise<ReadonlyMap<string, number>> {
    const random = new Random(seed);
    const measured = new Map<string, number[]>(kinds.map((kind) => [kind, []]));
    for (let n = 0; n < (SAMPLES + 5) * kinds.length; n += 1) {
      const kind = random.one(kinds);
      const before = spent();
      for (let m = 0; m < TOGETHER; m += 1) {
        const id = kind === 'absent' ? `absent${random.below(1_000_000)}` : kind;
        await ask(path(id));
      }
      // The first measurements warm up.
      if (n >= 5 * kinds.length) measured.get(kind)!.push((spent() - before) / TOGETHER);
    }
    return new Map([...measured].map(([kind, all]) => [kind, least(all)]));
  }

  test.each(PATHS)('%s cost for what may not be seen as for what does not exist', async (_what, others, path) => {
    const of = await costs(['absent', ...others], path);
    const ratios = others.map((kind) => [kind, of.get(kind)! / of.get('absent')!] as const);
    console.log(
      `absent ${(of.get('absent')! / 1000).toFixed(0)} µs, of that`,
      ratios.map(([kind, ratio]) => `${kind} ${ratio.toFixed(3)}`).join(', '),
    );
    for (const [kind, ratio] of ratios) expect(Math.abs(ratio - 1), `${kind}: ${ratio}`).toBeLessThan(TOLERATED);
  });

  test('the comparison notices a resource that is there', async () => {
    const of = await costs(['absent', 'mine'], (id) => `Condition/${id}-c1`);
    expect(of.get('mine')! / of.get('absent')!).toBeGreaterThan(1 + TOLERATED);
  });
});
