import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { labelPolicy } from '@provider-access/domain/pdex/labels';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { countedViews } from '../../../test/counted-views.ts';
import { condition, House, type Loose, patient } from '../../../test/harness.ts';

/** Background work of the process, which no request causes. */
const BACKGROUND = /^(receipts|members position|members waitFor)/;
/** The index of keys has passed everything that the records show. */
const CURRENT = ['records position 1', 'search waitFor 1'];
const isOfRequest = (statement: string): boolean => !BACKGROUND.test(statement) && !CURRENT.includes(statement);

/** Characters of a large resource: 12 of them are more than one query loads, and 11 are not. */
const WIDE = 90_000;

describe('the queries of a search', () => {
  const statements: string[] = [];
  let house: House;
  let token: string;
  const many = (member: string, count: number, code: string): { subject: string; resource: object }[] =>
    Array.from({ length: count }, (_, i) => ({
      subject: member,
      resource: condition(member, `${member}-${code}-${i}`, { code: { coding: [{ code }] } }),
    }));

  beforeAll(async () => {
    house = await House.open({ views: countedViews(openMemoryViews(), statements) });
    await house.approve('app1');
    for (const member of ['small', 'large', 'labelled', 'plain', 'out', 'wide', 'many']) await house.attribute(member);
    await house.optOut('out');
    await house.publish([
      ...['small', 'large', 'out'].map((m) => ({ subject: m, resource: patient(m) })),
      ...['out', 'other-1'].map((member) => ({
        subject: member,
        resource: {
          resourceType: 'DocumentReference',
          id: `${member}-note`,
          status: 'current',
          subject: { reference: `Patient/${member}` },
          context: { period: { start: '2024-05-01' } },
          content: [{ attachment: { url: 'https://payer.example/note' } }],
        },
      })),
      ...['small', 'large', 'out'].flatMap((m) => [...many(m, 1, 'one'), ...many(m, 60, 'sixty')]),
      ...many('large', 1_000, 'rest'),
      ...['secret', ...Array.from({ length: 6 }, (_, n) => `secret-${n}`)].map((id) => ({
        subject: 'labelled',
        resource: condition('labelled', id, {
          code: { coding: [{ code: 'one' }] },
          meta: { security: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality', code: 'R' }] },
        }),
      })),
      // More values than the index keeps.
      ...Array.from({ length: 7 }, (_, n) => ({
        subject: 'many',
        resource: condition('many', `many-${n}`, {
          code: { coding: Array.from({ length: 70 }, (_each, code) => ({ code: `many-${code}` })) },
        }),
      })),
      ...many('labelled', 1, 'other'),
      ...many('plain', 1, 'other'),
      ...Array.from({ length: 24 }, (_, i) => ({
        subject: 'wide',
        resource: condition('wide', `wide-${i}`, { code: { coding: [{ code: 'wide' }], text: 'x'.repeat(WIDE) } }),
      })),
      ...Array.from({ length: 300 }, (_, i) => ({ subject: `other-${i}`, resource: patient(`other-${i}`) })),
      ...Array.from({ length: 300 }, (_, i) => [
        { resourceType: 'Practitioner', id: `p${i}`, name: [{ family: i < 2 ? `One${i}` : 'Many' }] },
        { resourceType: 'PractitionerRole', id: `r${i}`, practitioner: { reference: `Practitioner/p${i}` } },
      ]).flatMap((pair) =>
        pair.map((resource) => ({ type: 'payer.provider-recorded.v1', subject: 'directory', resource })),
      ),
    ]);
    await house.settled();
    token = await house.token('app1');
  });
  afterAll(() => house.close());

  async function asked(query: string): Promise<string[]> {
    statements.splice(0);
    const { status } = await house.call('GET', `/fhir/${query}`, { token });
    expect([query, status]).toEqual([query, 200]);
    return statements.splice(0).filter(isOfRequest);
  }
  /** Which records of the type are withheld by labels. */
  const LABELS = ['search find 1'];
  /** The same of several members; the second query is there even if the first finds none. */
  const LABELS_OF_SEVERAL = ['search ids 1', 'search getMany 1'];
  /** The records that fit, by keys alone, and before them those of which keys do not tell it. */
  const EXACT = ['search ids 1', 'search versions 1'];
  /** A count by keys: those records one by one, and then all others. */
  const COUNT = ['search ids 1', 'records getMany 1', 'search count 1'];

  it('with a chain follow those who fit it, not the directory', async () => {
    const found = (byKeys: readonly string[]) => [...LABELS, ...byKeys, 'records getMany 1 record.line'];
    // A reference is not exact in keys, because they do not have its base.
    expect(await asked('PractitionerRole?practitioner.name=one1')).toEqual([
      ...found(EXACT),
      ...found(['search ids 1']),
    ]);
    expect(await asked('PractitionerRole?practitioner.name=nobody')).toEqual([
      ...LABELS,
      ...EXACT,
      ...LABELS,
      'records getMany 0',
    ]);
  });

  it('with one result are the same for a member with 61 and with 1,061 resources', async () => {
    for (const member of ['small', 'large'])
      expect(await asked(`Condition?patient=${member}&code=one`)).toEqual([
        'members getMany 1',
        ...LABELS,
        ...EXACT,
        'records getMany 1 record.line',
      ]);
  });

  it('with a withheld record are the same as without it', async () => {
    const unlabelled = await asked('Condition?patient=small&code=one');
    expect(await asked('Condition?patient=labelled&code=one')).toEqual(
      unlabelled.slice(0, -1), // Without the line of the result.
    );
    expect(await asked('Condition?patient=labelled&code=none')).toEqual(
      await asked('Condition?patient=small&code=none'),
    );
    expect(await asked('Condition?patient=labelled')).toEqual(await asked('Condition?patient=plain'));
  });

  it('of small pages are the same however many records are withheld or fit no more', async () => {
    const none = await asked('Condition?patient=labelled&code=none&_count=1');
    expect(await asked('Condition?patient=labelled&code=one&_count=1')).toEqual(none);
    // The lines of these seven decide, and come with one query.
    expect((await asked('Condition?patient=many&code=none&_count=1')).slice(none.length)).toEqual([
      'records getMany 2 record.line',
      'records getMany 2 record.line',
      'records getMany 2 record.line',
      'records getMany 1 record.line',
    ]);
  });

  it('sorted, load the lines of all results once, and those of the page again', async () => {
    expect(await asked('Condition?patient=small&code=sixty&_sort=-recorded-date&_count=40')).toEqual([
      'members getMany 1',
      ...LABELS,
      ...EXACT,
      'records getMany 60 record.line',
      'records getMany 41 record.line',
    ]);
  });

  it('count by exact keys without a line, for few results and for many', async () => {
    for (const member of ['small', 'large'])
      for (const query of ['_summary=count', '_count=0', '_summary=count&_sort=-recorded-date'])
        expect(await asked(`Condition?patient=${member}&code=sixty&${query}`)).toEqual(['members getMany 1', ...COUNT]);
  });

  it('with a total load the lines of the page alone', async () => {
    expect(await asked('Condition?patient=small&code=sixty&_total=accurate&_count=5')).toEqual([
      'members getMany 1',
      ...COUNT,
      ...LABELS,
      ...EXACT,
      'records getMany 6 record.line',
    ]);
  });

  it('count what is not exact in keys with each line once', async () => {
    expect(await asked('Condition?patient=small&code=sixty&code:not=one&_summary=count')).toEqual([
      'members getMany 1',
      ...LABELS,
      'search ids 1',
      'records getMany 60 record.line',
    ]);
  });

  it('count and sort by what the heads have without any other line', async () => {
    const read = ['members getMany 1', ...LABELS, 'records find 1'];
    expect(await asked('Condition?patient=small&_summary=count')).toEqual(read);
    expect(await asked('Condition?patient=small&_sort=-_lastUpdated&_count=10')).toEqual([
      ...read,
      'records getMany 11 record.line',
    ]);
  });

  it('load the lines of a page with one query, and no other line', async () => {
    for (const member of ['small', 'large'])
      expect(await asked(`Condition?patient=${member}&code=sixty&_count=40`)).toEqual([
        'members getMany 1',
        ...LABELS,
        ...EXACT,
        'records getMany 41 record.line',
      ]);
    expect(await asked('Condition?patient=large&_count=200')).toEqual([
      'members getMany 1',
      ...LABELS,
      'records find 1 record.line',
    ]);
  });

  it('load large lines in several queries, and none twice', async () => {
    const read = ['members getMany 1', ...LABELS];
    const lines = 'records find 1 record.line';
    expect(await asked('Condition?patient=wide&_count=20')).toEqual([...read, lines, lines]);
    expect(await asked('Condition?patient=wide&code=wide&_count=20')).toEqual([
      ...read,
      ...EXACT,
      'records getMany 21 record.line',
      'records getMany 9 record.line',
    ]);
    for (const query of ['patient=wide', 'patient=wide&code=wide', 'patient=wide&code=wide&_sort=-_lastUpdated']) {
      const answer = await house.call('GET', `/fhir/Condition?${query}&_count=20`, { token });
      const { entry, link } = answer.json<Loose>();
      expect(new Set(entry.map((each: Loose) => each.resource.id)).size).toBe(20);
      expect(link.some(({ relation }: Loose) => relation === 'next')).toBe(true);
    }
  });

  it('read no line of a denied member or a withheld record, as of an unknown one', async () => {
    const unknown = await asked('Condition?patient=nobody&code=one');
    expect(unknown).toEqual(['members getMany 1', ...LABELS, ...EXACT]);
    expect(await asked('Condition?patient=out&code=one')).toEqual(unknown);
    const sorted = 'code=one&_total=accurate&_sort=-recorded-date';
    expect(await asked(`Condition?patient=out&${sorted}`)).toEqual(await asked(`Condition?patient=nobody&${sorted}`));
    const byId = await asked('Condition?_id=nobody');
    for (const id of ['secret', 'out-one-0', 'other-1']) expect(await asked(`Condition?_id=${id}`)).toEqual(byId);
    const documents = await asked('DocumentReference/$docref?patient=nobody&start=2024');
    for (const member of ['out', 'other-1'])
      expect(await asked(`DocumentReference/$docref?patient=${member}&start=2024`)).toEqual(documents);
  });

  it('for a patient by name follow the members of the client, and not those of the store', async () => {
    const found = await asked('Patient?name=test');
    expect(found.filter((statement) => statement.startsWith('member'))).toEqual([
      'memberships scan 1',
      'members getMany 7',
    ]);
    expect(found.filter((statement) => /^(search (ids|getMany|versions)|records)/.test(statement))).toEqual([
      ...LABELS_OF_SEVERAL,
      ...EXACT,
      'records getMany 2 record.line',
    ]);
    expect(await asked('Patient?name=nobody')).toEqual(found.filter((s) => !s.endsWith('record.line')));
  });

  it('of a read ask for the owner, the facts, and then for the record with its line', async () => {
    const queries = ['records having 1', 'members getMany 1', 'records getMany 1 record.line'];
    expect(await asked('Condition/small-one-0')).toEqual(queries);
  });

  it('without a condition on elements ask the index of keys for labels alone', async () => {
    expect(await asked('Condition?patient=small&_count=10')).toEqual([
      'members getMany 1',
      ...LABELS,
      'records find 1 record.line',
    ]);
  });
});

describe('the queries under a policy that asks for consents', () => {
  const statements: string[] = [];
  const CODES = 'http://terminology.hl7.org/CodeSystem';
  const restricted = { meta: { security: [{ system: `${CODES}/v3-Confidentiality`, code: 'R' }] } };
  let house: House;
  let token: string;
  beforeAll(async () => {
    const labels = labelPolicy({ [`${CODES}/v3-Confidentiality|R`]: 'withhold unless consented' });
    house = await House.open({ views: countedViews(openMemoryViews(), statements), labels });
    await house.approve('app1');
    for (const member of ['m1', 'm2']) await house.attribute(member);
    await house.publish([
      { subject: 'm1', resource: condition('m1', 'open') },
      { subject: 'm1', resource: condition('m1', 'withheld', restricted) },
      { subject: 'm2', resource: condition('m2', 'other') },
    ]);
    await house.settled();
    token = await house.token('app1');
  });
  afterAll(() => house.close());
  async function asked(query: string): Promise<readonly string[]> {
    statements.splice(0);
    await house.call('GET', `/fhir/${query}`, { token });
    return statements.splice(0).filter(isOfRequest);
  }

  it('of a read are the same for a withheld resource as for an unknown one', async () => {
    const unknown = ['records having 1', 'members getMany 1', 'records scan 1 record.line', 'records getMany 1'];
    for (const form of ['', '/_history', '/_history/1'])
      for (const id of ['nobody', 'withheld']) expect(await asked(`Condition/${id}${form}`)).toEqual(unknown);
    expect(await asked('Condition/open')).toEqual([...unknown.slice(0, -1), 'records getMany 1 record.line']);
  });

  it('of a search are the same for a member with a withheld resource as for another', async () => {
    for (const query of ['_summary=count', 'code=x', '_id=withheld'])
      expect(await asked(`Condition?patient=m1&${query}`)).toEqual(await asked(`Condition?patient=m2&${query}`));
  });
});

it('asks whether the keys are current, and in the embedded engine once after each change of a record', async () => {
  for (const memory of ['none', 'memory'] as const) {
    const statements: string[] = [];
    const house = await House.open({ views: countedViews(openMemoryViews(), statements, memory) });
    try {
      await house.approve('app1');
      await house.attribute('m1');
      const token = await house.token('app1');
      const current = async (query: string): Promise<readonly string[]> => {
        statements.splice(0);
        expect((await house.call('GET', `/fhir/Condition?patient=m1${query}`, { token })).status).toBe(200);
        return statements.splice(0).filter((statement) => CURRENT.includes(statement));
      };
      for (const id of ['c1', 'c2']) {
        await house.publish([{ subject: 'm1', resource: condition('m1', id) }]);
        await house.settled();
        expect(await current('')).toEqual([]);
        expect(await current('&code=a')).toEqual(CURRENT);
        expect(await current('&code=a')).toEqual(memory === 'none' ? CURRENT : []);
      }
    } finally {
      await house.close();
    }
  }
});
