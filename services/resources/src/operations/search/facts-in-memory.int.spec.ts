import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { Facts } from '@provider-access/facts';
import { countedViews } from '../../../test/counted-views.ts';
import { condition, House, type Loose, patient } from '../../../test/harness.ts';

const RESTRICTED = {
  meta: { security: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality', code: 'R' }] },
};
const CODE = { code: { coding: [{ code: 'c' }] } };
const FOREIGN = 'npi|1245319599';
/** Background work of the process, which no request causes. */
const BACKGROUND = /^(receipts|members position|members waitFor)/;
const MEMBERS = ['seen', 'also', 'empty', 'later', 'out', 'foreign', 'labelled'];
const SHAPES = ['', '&code=c', '&code=c&_summary=count', '&_count=1&_total=accurate', '&_sort=-_lastUpdated'];

describe('a search with the facts of its members in memory', () => {
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
        ...(subject === 'empty' ? [] : [1, 2]).map((n) => ({
          subject,
          resource: condition(subject, `${subject}-${n}`, { ...CODE, ...(subject === 'labelled' && RESTRICTED) }),
        })),
      ]),
    );
    await house.settled();
    token = await house.token('app1');
  });
  afterAll(() => house.close());
  beforeEach(async () => {
    for (const member of MEMBERS) await house.call('GET', `/fhir/Patient/${member}`, { token });
    await queriesOf('seen');
  });

  /** Facts that memory permitted are read last, and others first. A query may look up several ids. */
  async function queriesOf(patients: string, shape = ''): Promise<{ answer: Loose; queries: readonly string[] }> {
    statements.splice(0);
    const answer = await house.call('GET', `/fhir/Condition?patient=${patients}${shape}`, { token });
    expect([patients, answer.status]).toEqual([patients, 200]);
    const queries = statements.splice(0).flatMap((one) => (BACKGROUND.test(one) ? [] : [one.replace(/ \d+/, '')]));
    return { answer: answer.json<Loose>(), queries: queries.toSorted() };
  }
  const ofFacts = async (patients: string, shape = ''): Promise<number> =>
    (await queriesOf(patients, shape)).queries.filter((query) => query.startsWith('members ')).length;

  it.each(SHAPES)('%s does not read facts that permit, if the answer has something of each member', async (shape) => {
    expect(await ofFacts('seen', shape)).toBe(0);
    if (!shape.includes('_count=1')) expect(await ofFacts('seen,also', shape)).toBe(0);
  });

  it.each(SHAPES)('%s asks the same for absent, foreign, opted-out, withheld and no results', async (shape) => {
    const { queries } = await queriesOf('nobody', shape);
    expect(queries.filter((query) => query.startsWith('members '))).toHaveLength(1);
    for (const member of ['foreign', 'out', 'labelled', 'empty'])
      expect({ member, queries: (await queriesOf(member, shape)).queries }).toEqual({ member, queries });
  });

  it.each(SHAPES)('%s reads the facts once if one of several members has nothing to show', async (shape) => {
    for (const member of ['nobody', 'foreign', 'out', 'labelled', 'empty'])
      expect({ member, facts: await ofFacts(`seen,${member}`, shape) }).toEqual({ member, facts: 1 });
  });

  it('reads the facts of all whom ids name, because others may have a resource of one id', async () => {
    const facts = async (ids: string): Promise<number> => {
      statements.splice(0);
      expect((await house.call('GET', `/fhir/Condition?_id=${ids}`, { token })).status).toBe(200);
      return statements.splice(0).filter((query) => /^members getMany/.test(query)).length;
    };
    for (const ids of ['seen-1', 'seen-1,nobody-1', 'seen-1,foreign-1', 'seen-1,out-1', 'seen-1,labelled-1'])
      expect({ ids, facts: await facts(ids) }).toEqual({ ids, facts: 1 });
  });

  it('leaves out a member with the first request after an opt-out', async () => {
    expect(await ofFacts('later')).toBe(0);
    await house.optOut('later');
    const { answer, queries } = await queriesOf('later');
    expect([answer['total'] ?? 0, answer['entry']]).toEqual([0, undefined]);
    // Neither was asked for before.
    expect(queries).toEqual((await queriesOf('nobody-either')).queries);
  });

  it('asks once for the labels of a patient, whoever it is, until the index of keys changes', async () => {
    const ofLabels = async (member: string): Promise<number> =>
      (await queriesOf(member)).queries.filter((query) => query === 'search find').length;
    const patients = ['seen', 'nobody', 'foreign', 'out', 'labelled', 'empty'];
    for (const change of ['c1', 'c2']) {
      await house.publish([{ subject: 'also', resource: condition('also', change, CODE) }]);
      await house.settled();
      for (const asked of [1, 0, 0])
        for (const member of patients)
          expect([change, member, await ofLabels(member)]).toEqual([change, member, asked]);
    }
    await house.publish([{ subject: 'seen', resource: condition('seen', 'seen-1', { ...CODE, ...RESTRICTED }) }]);
    await house.settled();
    for (const member of patients) expect([member, await ofLabels(member)]).toEqual([member, 1]);
    for (const asked of [1, 2]) {
      const { answer } = await queriesOf('seen');
      expect([asked, answer['entry'].map(({ resource }: Loose) => resource.id)]).toEqual([asked, ['seen-2']]);
    }
  });

  it('is refused while the facts are too old', async () => {
    expect(await ofFacts('seen')).toBe(0);
    const fresh = vi.spyOn(house.app.get(Facts).freshness, 'fresh').mockReturnValue(false);
    const status = async (): Promise<number> =>
      (await house.call('GET', '/fhir/Condition?patient=seen', { token })).status;
    expect(await status()).toBe(503);
    fresh.mockRestore();
    expect(await status()).toBe(200);
  });
});
