import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { condition, House, type Loose, patient } from '../../../test/harness.ts';

const asthma = { code: { coding: [{ system: 'http://snomed.info/sct', code: '195967001' }] } };
/** More than one entry of a search names besides the members whose resources it has. */
const PANEL = 215;
const panel = Array.from({ length: PANEL }, (_, n) => `p${n}`);

describe('the audit of a search', () => {
  let house: House;
  let token: string;
  beforeAll(async () => {
    house = await House.open();
    await house.approve('app1');
    for (const member of ['m1', 'm2', 'out', ...panel]) await house.attribute(member);
    await house.optOut('out');
    await house.publish([
      ...['m1', 'out', 'foreign'].map((m) => ({ subject: m, resource: condition(m, `${m}-c`, asthma) })),
      ...[1, 2].map((n) => ({ subject: 'm1', resource: condition('m1', `m1-${n}`) })),
      { subject: 'm1', resource: { ...patient('m1'), identifier: [{ system: 'urn:x', value: 'MRN-1' }] } },
      ...panel.map((m) => ({ subject: m, resource: { ...patient(m), name: [{ family: 'Panel' }] } })),
    ]);
    await house.settled();
    token = await house.token('app1');
  }, 120_000);
  afterAll(() => house.close());

  /** The entries that a search adds, releases first, and its total. */
  async function search(query: string): Promise<{ total?: number; released: Loose[]; refused: Loose[] }> {
    const entries = async (): Promise<string[]> => (await house.audited()).map((data) => JSON.stringify(data));
    const before = await entries();
    const answer = await house.call('GET', `/fhir/${query}`, { token });
    expect(answer.status, answer.text).toBe(200);
    const after = await entries();
    for (const one of before) after.splice(after.indexOf(one), 1);
    const added = after.map((one) => JSON.parse(one) as Loose);
    const of = (outcome: string) => added.filter((data) => data.outcome === outcome);
    return { total: answer.json<Loose>().total, released: of('released'), refused: of('refused') };
  }

  it.each([
    ['Condition?patient=m1&code=195967001&_summary=count', 1, 0],
    ['Condition?patient=m1&code=195967001&_count=0', 1, 0],
    ['Condition?patient=m1&code=38341003&_summary=count', 0, 0],
    ['Condition?patient=m1&code=38341003', 0, 0],
    ['Condition?patient=m2', 0, 0],
    ['Condition?patient=m2&_sort=-recorded-date', 0, 0],
    ['Condition?_id=m1-c&code=38341003&_summary=count', 0, 0],
    ['Condition?patient.identifier=urn:x|MRN-1&code=38341003', 0, 0],
    ['Condition?patient=m1&patient.identifier=urn:x|MRN-2&_summary=count', 0, 0],
    ['Patient?identifier=urn:x|MRN-1&_summary=count', 1, 0],
    ['DocumentReference/$docref?patient=m1', 0, 0],
    ['Condition?patient=m1&code=195967001', 1, 1],
    ['Condition?patient=m1&_count=1&_total=accurate', 3, 1],
  ])('%s names the member whom the answer is about', async (query, total, resources) => {
    const found = await search(query);
    const member = query.includes('=m2') ? 'm2' : 'm1';
    expect(found.total).toBe(total);
    expect(found.refused).toEqual([]);
    expect(found.released).toMatchObject([{ members: [member], perMember: [resources], resources }]);
    expect(found.released[0].basis).toHaveLength(1);
  });

  it('names permitted members apart from refused ones', async () => {
    for (const chained of ['', '&patient.identifier=urn:x|MRN-2']) {
      const { total, released, refused } = await search(`Condition?patient=m1,m2,out,nobody&_summary=count${chained}`);
      expect(total).toBe(chained === '' ? 3 : 0);
      expect(released).toMatchObject([{ members: ['m1', 'm2'], perMember: [0, 0], resources: 0 }]);
      expect(refused.flatMap(({ members }) => members).toSorted()).toEqual(['nobody', 'out']);
    }
  });

  it.each(['Condition?patient=out&_summary=count', 'Condition?_id=foreign-c&_count=0', 'Condition?_id=nothing'])(
    '%s is no release about anybody',
    async (query) => {
      const { total, released } = await search(query);
      expect([total, released]).toEqual([0, []]);
    },
  );

  it.each(['Patient?identifier=urn:x|MRN-2&_summary=count', 'Practitioner?name=Nobody'])(
    '%s names nobody, because nobody was named or found',
    async (query) => expect((await search(query)).released).toMatchObject([{ members: [], resources: 0 }]),
  );

  it('names many members of a count in one entry an hour, and has an entry for each such search', async () => {
    const counts = async (query: string): Promise<unknown[]> => {
      const { total, released } = await search(query);
      expect(total).toBe(PANEL);
      return released.map(({ members, perMember }) => [
        members.length,
        perMember.reduce((a: number, b: number) => a + b, 0),
      ]);
    };
    // The test may pass the end of an hour, and then the members are named again.
    const hour = new Date().getUTCHours();
    const first = await counts('Patient?family=Panel&_summary=count');
    const again = await counts('Patient?family=Panel&_count=10&_total=accurate');
    expect(first.toSorted()).toEqual(
      [
        [0, 0],
        [PANEL, 0],
      ].toSorted(),
    );
    if (hour === new Date().getUTCHours()) expect(again.toSorted()).toEqual([[10, 10]]);
  });
});
