import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { Facts } from '@provider-access/facts';
import { countedViews } from '../../../test/counted-views.ts';
import { condition, House, patient } from '../../../test/harness.ts';

const RESTRICTED = {
  meta: { security: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality', code: 'R' }] },
};
const FOREIGN = 'npi|1245319599';
/** Background work of the process, which no request causes. */
const BACKGROUND = /^(receipts|members position|members waitFor)/;
const MEMBERS = ['seen', 'later', 'out', 'foreign', 'labelled'];

describe('a read with the facts of its member in memory', () => {
  const statements: string[] = [];
  let house: House;
  let token: string;

  beforeAll(async () => {
    house = await House.open({ views: countedViews(openMemoryViews(), statements, 'memory') });
    await house.approve('app1');
    await house.approve('app2', FOREIGN);
    for (const member of MEMBERS) await house.attribute(member, member === 'foreign' ? FOREIGN : undefined);
    await house.optOut('out');
    await house.publish(
      MEMBERS.flatMap((subject) => [
        { subject, resource: patient(subject) },
        { subject, resource: { ...condition(subject, `${subject}-c`), ...(subject === 'labelled' && RESTRICTED) } },
      ]),
    );
    await house.settled();
    token = await house.token('app1');
  });
  afterAll(() => house.close());
  beforeEach(async () => {
    for (const member of MEMBERS) for (const id of [`Patient/${member}`, `Condition/${member}-c`]) await read(id);
  });

  const read = async (id: string): Promise<number> => (await house.call('GET', `/fhir/${id}`, { token })).status;
  const queriesOf = async (id: string): Promise<{ status: number; queries: readonly string[] }> => {
    statements.splice(0);
    const status = await read(id);
    // Where the permit came from memory, the facts are read last.
    return {
      status,
      queries: statements
        .splice(0)
        .filter((one) => !BACKGROUND.test(one))
        .toSorted(),
    };
  };
  const isOfFacts = (query: string): boolean => query.startsWith('members ');

  it('does not read the facts again that permit', async () => {
    const { status, queries } = await queriesOf('Condition/seen-c');
    expect(status).toBe(200);
    expect(queries.filter(isOfFacts)).toEqual([]);
  });

  it('asks the same for absent, foreign, opted-out and withheld resources', async () => {
    const absent = await queriesOf('Condition/nobody-c');
    expect(absent.queries.filter(isOfFacts)).toHaveLength(1);
    for (const member of ['foreign', 'out', 'labelled'])
      expect({ member, ...(await queriesOf(`Condition/${member}-c`)) }).toEqual({ member, ...absent });
  });

  it('denies with the first request after an opt-out, and keeps denying', async () => {
    expect((await queriesOf('Condition/later-c')).queries.filter(isOfFacts)).toEqual([]);
    await house.optOut('later');
    expect(await read('Condition/later-c')).toBe(404);
    expect((await queriesOf('Condition/later-c')).status).toBe(404);
    expect(await read('Condition/seen-c')).toBe(200);
  });

  it('denies while the facts are too old', async () => {
    expect((await queriesOf('Condition/seen-c')).queries.filter(isOfFacts)).toEqual([]);
    const fresh = vi.spyOn(house.app.get(Facts).freshness, 'fresh').mockReturnValue(false);
    expect(await read('Condition/seen-c')).toBe(503);
    fresh.mockRestore();
    expect(await read('Condition/seen-c')).toBe(200);
  });
});
