import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { countedViews } from '../../../test/counted-views.ts';
import { type Answer, condition, House, patient } from '../../../test/harness.ts';

/** Background work of the process, which no request causes. */
const BACKGROUND = /^(records|search|feeds|members) position 0|dead-letters|^feeds/;
const RESTRICTED = {
  meta: { security: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality', code: 'R' }] },
};
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
/** As many conditions as a search may have. The index has no keys for any of them. */
const different = Array.from({ length: 990 }, (_, i) => `recorded-date=ne${1000 + i}`).join('&');
const list = `recorded-date=${Array.from({ length: 990 }, (_, i) => `ne${1000 + i}`).join(',')}`;
const equal = Array.from({ length: 990 }, () => 'recorded-date=ne2001').join('&');
const accepted = Array.from({ length: 990 }, (_, i) => `_lastUpdated=ne${1000 + i}`).join('&');

const many = (member: string, number: number, name = 'c', extra: object = {}): object[] =>
  Array.from({ length: number }, (_, i) => ({
    subject: member,
    resource: condition(member, `${member}-${name}-${i}`, extra),
  }));

// N1
describe('a search', () => {
  const statements: string[] = [];
  let house: House;
  let token: string;
  beforeAll(async () => {
    house = await House.open({ views: countedViews(openMemoryViews(), statements) });
    await house.approve('app1');
    for (const member of ['small', 'large', 'labelled', 'out', 'leaves']) await house.attribute(member);
    await house.optOut('out');
    await house.publish([
      ...['small', 'large', 'labelled', 'out', 'leaves', 'foreign'].map((m) => ({ subject: m, resource: patient(m) })),
      ...many('small', 150),
      ...many('labelled', 150),
      ...many('labelled', 100, 'secret', RESTRICTED),
      ...many('large', 250),
      ...many('leaves', 250),
      ...many('out', 250),
      ...many('foreign', 250),
    ]);
    await house.settled();
    token = await house.token('app1');
  });
  afterAll(() => house.close());

  const post = (body: string): Promise<Answer> =>
    house.call('POST', '/fhir/Condition/_search', { token, headers: FORM, body });
  async function asked(body: string): Promise<readonly string[]> {
    statements.splice(0);
    expect((await post(body)).status).toBe(200);
    return statements.splice(0).filter((statement) => !BACKGROUND.test(statement));
  }

  it.each([
    ['different conditions', different],
    ['values of one list', list],
    ['conditions on the time of acceptance', accepted],
    ['conditions of a search that only counts', `${different}&_summary=count`],
    ['conditions of a sorted search', `${different}&_sort=-recorded-date`],
  ])(
    'with too many %s for the resources of a member is refused, and the text names the budget',
    async (_what, body) => {
      const answer = await post(`patient=large&_total=accurate&${body}`);
      expect(answer.status, answer.text).toBe(400);
      expect(answer.json()).toMatchObject({ resourceType: 'OperationOutcome', issue: [{ code: 'too-costly' }] });
      expect(answer.json().issue[0].diagnostics).toContain('200000');
    },
  );

  it('with 990 equal conditions is answered', async () => {
    const answer = await post(`patient=large&_total=accurate&${equal}`);
    expect(answer.status, answer.text).toBe(200);
    expect(answer.json().total).toBe(250);
  });

  it('with many conditions is answered for a member with fewer resources', async () => {
    expect((await post(`patient=small&_total=accurate&${different}`)).json().total).toBe(150);
  });

  it('with many conditions is answered for a few ids of a member', async () => {
    expect((await post(`_id=large-c-0,large-c-1&_total=accurate&${different}`)).json().total).toBe(2);
  });

  it('counts no withheld resource', async () => {
    const answer = await post(`patient=labelled&_total=accurate&${different}`);
    expect(answer.status, answer.text).toBe(200);
    expect(answer.json().total).toBe(150);
  });

  it('above the budget tells nothing of a member who opted out, is of others, or does not exist', async () => {
    const unknown = await asked(`patient=nobody&_total=accurate&${different}`);
    const answers = [];
    for (const member of ['nobody', 'out', 'foreign']) {
      expect(await asked(`patient=${member}&_total=accurate&${different}`)).toEqual(unknown);
      answers.push((await post(`patient=${member}&_total=accurate&${different}`)).json());
    }
    for (const { total, entry = [] } of answers) expect({ total, entry }).toEqual({ total: 0, entry: [] });
  });

  it('lets the event loop run while it works', async () => {
    const turnsOf = async (body: string): Promise<number> => {
      let turns = 0;
      let next = setImmediate(function turn() {
        turns++;
        next = setImmediate(turn);
      });
      expect((await post(body)).status).toBe(200);
      clearImmediate(next);
      return turns;
    };
    const few = await turnsOf('patient=small&_total=accurate&recorded-date=ne2001');
    // 150 resources times 990 conditions are two slices of 20 ms.
    expect(await turnsOf(`patient=small&_total=accurate&${different}`)).toBeGreaterThanOrEqual(few + 1);
  });

  it('asks the index for few conditions, whatever the client sends', async () => {
    const codes = Array.from({ length: 900 }, (_, i) => `code=c${i}`).join('&');
    const answer = await post(`patient=small&${codes}`);
    expect(answer.status, answer.text).toBe(200);
    expect(answer.json().entry ?? []).toEqual([]);
  });
});
