import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, condition, House, type Loose, patient } from '../../../test/harness.ts';

// J2
describe('what says nothing in a search', () => {
  let house: House;
  let token: string;
  beforeAll(async () => {
    house = await House.open();
    await house.approve('app1');
    await house.attribute('m1');
    token = await house.token('app1');
    await house.publish([
      { subject: 'm1', resource: patient('m1') },
      ...['c1', 'c2', 'c3'].map((id) => ({ subject: 'm1', resource: condition('m1', id) })),
    ]);
    await house.settled();
  });
  afterAll(() => house.close());
  const get = (url: string): Promise<Answer> => house.call('GET', `/fhir/${url}`, { token });
  const outcomesOf = ({ entry = [] }: Loose): readonly Loose[] =>
    entry.filter((one: Loose) => one.search.mode === 'outcome');

  it.each([
    // The searches that fhirpy sends for `.elements("id", "name")`, `.count()` and `.search(given="")`.
    ['Patient?name=test&_elements=id,name,resourceType,resourceType', ['_elements']],
    ['Condition?patient=m1&_count=0&_totalMethod=count', ['_totalMethod']],
    ['Patient?name=test&given=&family=', ['given', 'family']],
    ['Condition?patient=m1&_sort=&code=', ['_sort', 'code']],
  ])('is left out of %s, and an entry of mode outcome reports it', async (url, names) => {
    const answer = await get(url);
    expect(answer.status, answer.text).toBe(200);
    const [outcome, ...more] = outcomesOf(answer.json());
    expect(more).toEqual([]);
    expect(outcome).toMatchObject({
      resource: {
        resourceType: 'OperationOutcome',
        issue: names.map((name) => expect.objectContaining({ severity: 'warning', expression: [name] })),
      },
      search: { mode: 'outcome' },
    });
    for (const name of names.filter((one) => one !== '_elements'))
      expect(answer.json().link[0].url).not.toContain(`${name}=`);
    const self = await get(answer.json().link[0].url.replace('https://pa.example.org/fhir/', ''));
    expect(self.json().total).toBe(answer.json().total);
  });

  it('is reported on each page', async () => {
    const first = (await get('Condition?patient=m1&_count=2&code=')).json();
    const next = first.link.find(({ relation }: Loose) => relation === 'next').url as string;
    const second = (await get(next.replace('https://pa.example.org/fhir/', ''))).json();
    for (const page of [first, second]) expect(outcomesOf(page)).toHaveLength(1);
    expect(second.entry.filter((one: Loose) => one.search.mode === 'match')).toHaveLength(1);
  });

  it('does not make a search for all members of one for a patient', async () => {
    const answer = await get('Condition?patient=&code=');
    expect([answer.status, answer.json().issue[0].code]).toEqual([400, 'required']);
  });

  it('is left out of a read too', async () => {
    const whole = (await get('Condition/c1')).text;
    for (const empty of ['_elements=', '_summary=']) expect((await get(`Condition/c1?${empty}`)).text).toBe(whole);
    expect((await get('Condition/c1?_elements=id,code,resourceType')).json()).toMatchObject({
      resourceType: 'Condition',
      code: { text: 'asthma' },
    });
  });
});

// J5
describe('a search for Provenances', () => {
  let house: House;
  let token: string;
  beforeAll(async () => {
    house = await House.open();
    await house.approve('app1');
    await house.attribute('m1');
    token = await house.token('app1');
    const provenance = (id: string, target: string): object => ({
      resourceType: 'Provenance',
      id,
      target: [{ reference: 'Patient/m1' }, { reference: target }],
      recorded: '2024-01-01T00:00:00Z',
      agent: [{ who: { display: 'payer' } }],
    });
    await house.publish([
      { subject: 'm1', resource: patient('m1') },
      { subject: 'm1', resource: condition('m1', 'c1') },
      { subject: 'm1', resource: provenance('of-condition', 'Condition/c1') },
      { subject: 'm1', resource: provenance('of-claim', 'Claim/x1') },
    ]);
    await house.settled();
  });
  afterAll(() => house.close());

  it.each([
    ['target=c1', ['of-condition']],
    ['target=x1', ['of-claim']],
    ['target=Claim/x1', ['of-claim']],
    ['target:Claim=x1', ['of-claim']],
    ['target:Condition=x1', []],
    ['target:Condition=c1', ['of-condition']],
    ['target:Patient=m1', ['of-claim', 'of-condition']],
  ])('by %s finds targets of each type, whether or not the server serves it', async (query, expected) => {
    const answer = await house.call('GET', `/fhir/Provenance?_id=of-condition,of-claim&${query}`, { token });
    expect(answer.status, answer.text).toBe(200);
    expect((answer.json().entry ?? []).map((one: Loose) => one.resource.id).toSorted()).toEqual(expected);
  });
});
