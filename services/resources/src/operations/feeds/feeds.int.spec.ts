import { afterEach, describe, expect, it } from 'vitest';
import type { Feed, FeedReport, ProfilePolicy } from '@provider-access/domain/pdex/feeds';
import { type CodeList, labelPolicy } from '@provider-access/domain/pdex/labels';
import { PA_FEEDS } from '@provider-access/events';
import { eventually } from '@provider-access/testing';
import { type EventInput, House, type Loose } from '../../../test/harness.ts';
import { feeds } from '../../projections/feeds.ts';

const CORE = 'http://hl7.org/fhir/us/core/StructureDefinition/';
const CONDITION = `${CORE}us-core-condition-problems-health-concerns`;
const PATIENT = `${CORE}us-core-patient`;
const PRIOR = 'http://hl7.org/fhir/us/davinci-pdex/StructureDefinition/pdex-priorauthorization';
const CATEGORY = [
  {
    coding: [{ system: 'http://terminology.hl7.org/CodeSystem/condition-category', code: 'problem-list-item' }],
  },
];
const condition = (id: string, profile: readonly string[] | undefined, more: object = {}): object => ({
  resourceType: 'Condition',
  id,
  ...(profile !== undefined && { meta: { profile } }),
  subject: { reference: 'Patient/m1' },
  code: { text: 'asthma' },
  ...more,
});
const good = (id: string): object => condition(id, [`${CONDITION}|6.1.0`], { category: CATEGORY });
const bad = (id: string): object => condition(id, [`${CONDITION}|6.1.0`]);
const denied = (id: string, reason?: object): object => ({
  resourceType: 'ExplanationOfBenefit',
  id,
  status: 'active',
  type: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/claim-type', code: 'professional' }] },
  use: 'preauthorization',
  patient: { reference: 'Patient/m1' },
  created: '2025-01-01',
  insurer: { reference: 'Organization/o' },
  provider: { reference: 'Organization/p' },
  outcome: 'complete',
  insurance: [{ focal: true, coverage: { reference: 'Coverage/c' } }],
  item: [
    {
      sequence: 1,
      productOrService: { coding: [{ system: 'http://www.ama-assn.org/go/cpt', code: '97110' }] },
      adjudication: [
        {
          category: {
            coding: [
              {
                system: 'http://hl7.org/fhir/us/davinci-pdex/CodeSystem/PDexAdjudicationDiscriminator',
                code: 'denialreason',
              },
            ],
          },
          ...(reason !== undefined && { reason }),
        },
      ],
    },
  ],
});

let house: House;
afterEach(() => house.close());
const open = async (profiles: ProfilePolicy = {}): Promise<void> => void (house = await House.open({ profiles }));
const call = (query = '', token = house.payerToken) => house.call('GET', `/ops/feeds${query}`, { token });
async function report(query = ''): Promise<readonly Feed[]> {
  const reader = house.views.reader(feeds);
  if (!(await reader.waitFor(await house.log.head([PA_FEEDS]), 10_000))) throw new Error('the view did not settle');
  const answer = await call(query);
  if (answer.status !== 200) throw new Error(answer.text);
  return answer.json<FeedReport>().feeds;
}
/** `source type profile checked/lacking [element rule count]` of each feed. */
const lines = (list: readonly Feed[]): string[] =>
  list.map(
    ({ source, type, profile, checked, lacking, lacks }) =>
      `${source} ${type} ${profile?.replace(/^.*\//, '') ?? '-'} ${checked}/${lacking} ` +
      `[${lacks.map((l) => `${l.element} ${l.rule} ${l.count}`).join(', ')}]`,
  );
const publish = (...resources: object[]): Promise<{ receipt: Loose }> =>
  house.publish(resources.map((resource): EventInput => ({ resource })));
async function profilesServed(id: string): Promise<unknown> {
  await house.settled();
  const record = await house.records.byTypeId('m1', 'Condition', id);
  return record === undefined ? 'no record' : (JSON.parse(Buffer.from(record.line).toString()) as Loose).meta.profile;
}
const LACKS = 'Condition.category min 1, Condition.category:us-core min 1';
const NAMES = {
  'us-core-condition-problems-health-concerns|6.1.0 Condition.category (min)': 1,
  'us-core-condition-problems-health-concerns|6.1.0 Condition.category:us-core (min)': 1,
};

describe('GET /ops/feeds', () => {
  it('tells by source, type and profile what recorded resources lack, and what it does not check', async () => {
    await open();
    const { receipt } = await publish(good('c1'), bad('c2'), condition('c3', undefined), condition('c4', ['urn:own']));
    expect(receipt).toMatchObject({ counts: { recorded: 4 }, lacks: NAMES });
    await house.publish([{ source: '/clinic', resource: good('c5') }]);
    const list = await report();
    expect(lines(list)).toEqual([
      '/clinic Condition us-core-condition-problems-health-concerns|6.1.0 1/0 []',
      '/payer Condition - 2/0 []',
      `/payer Condition us-core-condition-problems-health-concerns|6.1.0 2/1 [${LACKS}]`,
    ]);
    expect(list[2]).toMatchObject({ guide: 'US Core 6.1.0', policy: 'unmark', unchecked: expect.any(Array) as [] });
    expect(lines(await report('?source=%2Fclinic'))).toHaveLength(1);
    expect(lines(await report(`?profile=${CONDITION}`))).toHaveLength(2);
    expect(lines(await report(`?profile=${encodeURIComponent(`${CONDITION}|3.1.1`)}`))).toEqual([]);
  });

  it('counts a resource once, though it comes twice, out of order, and the view is built again', async () => {
    await open();
    const events: EventInput[] = [bad('c1'), good('c2'), bad('c3')].map((resource, i) => ({
      id: `twice-${i}`,
      resource,
    }));
    await house.publish(events);
    const before = lines(await report());
    const again = await house.publish([...events.toReversed(), ...events]);
    expect(again.receipt).toMatchObject({ counts: { unchanged: 6 }, lacks: {} });
    // Older than what stands.
    await house.publish([
      { time: '2024-01-01T00:00:00Z', resource: condition('c2', [CONDITION], { code: { text: 'x' } }) },
    ]);
    expect(lines(await report())).toEqual(before);
    expect(before).toEqual([
      '/payer Condition us-core-condition-problems-health-concerns|6.1.0 3/2 ' +
        '[Condition.category min 2, Condition.category:us-core min 2]',
    ]);
    const rebuilt = await house.call('POST', '/ops/views/resources/feeds/rebuild', { token: house.administratorToken });
    expect([rebuilt.status, lines(await report())]).toEqual([200, before]);
  });

  it('R22: lists denied prior authorizations without a reason, with or without a declared profile', async () => {
    await open();
    const why = { text: 'not covered' };
    await publish(denied('p1'), denied('p2', why), { ...denied('p3'), meta: { profile: [PRIOR] } });
    const missing = 'ExplanationOfBenefit.item.adjudication:denialreason.reason denial-reason 1';
    const list = lines((await report()).filter(({ profile }) => profile?.startsWith(PRIOR)));
    expect(list[0]).toBe(`/payer ExplanationOfBenefit pdex-priorauthorization 2/1 [${missing}]`);
    expect(list[1]).toMatch(/pdex-priorauthorization\|2\.\d\.0 1\/1 \[/);
    expect(list[1]).toContain(missing);
  });

  it('answers the payer and administrators, for days that it names', async () => {
    await open();
    const today = new Date().toISOString().slice(0, 10);
    await house.approve('app1');
    for (const token of ['', 'x'.repeat(43), await house.token('app1')])
      expect((await call('', token)).status).toBe(401);
    const answer = (await call('', house.administratorToken)).json<FeedReport>();
    expect(answer).toMatchObject({ to: expect.stringMatching(/^\d{4}-\d\d-\d\d$/) as string, feeds: [] });
    expect(Date.parse(answer.to) - Date.parse(answer.from)).toBe(6 * 86_400_000);
    for (const query of [
      '?from=yesterday',
      '?to=2026-02-30',
      `?from=2999-01-01`,
      '?from=2020-01-01',
      '?source=a&source=b',
    ])
      expect((await call(query)).status, query).toBe(400);
    await publish(bad('c1'));
    await report();
    const feedsOf = async (query: string): Promise<number> => (await report(query)).length;
    expect([await feedsOf(`?from=${today}`), await feedsOf('?from=2020-01-01&to=2020-02-01')]).toEqual([1, 0]);
  });
});

const ACT = 'http://terminology.hl7.org/CodeSystem/v3-ActCode';
const ICD10 = 'http://hl7.org/fhir/sid/icd-10-cm';
/** A made-up list beside one whose label the policy releases, and one whose label a consent can release. */
const LISTS: readonly CodeList[] = [
  {
    list: 'Test 1',
    source: 'this test',
    entries: [
      { system: ICD10, codes: ['F11.20', 'F10.10'], label: `${ACT}|42CFRPart2`, law: '42 CFR Part 2' },
      { system: ICD10, codes: ['Z21'], label: `${ACT}|HIV`, law: 'State law' },
      { system: ICD10, codes: ['I10'], label: 'urn:state|open', law: 'Repealed law' },
    ],
  },
];
const POLICY = labelPolicy({
  [`${ACT}|42CFRPart2`]: 'withhold',
  [`${ACT}|HIV`]: 'withhold unless consented',
  'urn:state|open': 'release',
});
const withCodes = (id: string, ...codes: string[]): object =>
  condition(id, undefined, { code: { coding: codes.map((code) => ({ system: ICD10, code })) } });
const tag = (code: string, law: string): string => `ICD-10 ${code}, list Test 1, ${law}`;
const OPIOIDS = tag('F11.20', '42 CFR Part 2');
const ALCOHOL = tag('F10.10', '42 CFR Part 2');
const HIV = tag('Z21', 'State law');

describe('R15 codes of lists', () => {
  it('names the codes that withhold resources of a source, in the report and in the receipt', async () => {
    house = await House.open({ codeLists: LISTS, labels: POLICY });
    const { receipt } = await publish(
      withCodes('both', 'F11.20', 'F10.10'),
      withCodes('twice', 'F11.20', 'f1120'),
      withCodes('hiv', 'Z21'),
      withCodes('released', 'I10'),
      withCodes('plain', 'J45.909'),
    );
    expect(receipt).toMatchObject({ counts: { recorded: 5 } });
    expect(receipt.withheldTags).toEqual({ [OPIOIDS]: 2, [ALCOHOL]: 1, [HIV]: 1 });
    expect(receipt.unknownLabels).toEqual({});
    // A source of its own, and a profile that the resource does not meet: one row has the tag.
    const meta = { profile: [`${CONDITION}|6.1.0`] };
    await house.publish([{ source: '/clinic', resource: { ...withCodes('clinic', 'F11.20'), meta } }]);
    const tags = async (): Promise<unknown> =>
      (await report()).map(({ source, profile, withheldTags }) => [source, profile !== undefined, withheldTags]);
    const expected = [
      ['/clinic', true, [{ tag: OPIOIDS, count: 1 }]],
      [
        '/payer',
        false,
        [
          { tag: OPIOIDS, count: 2 },
          { tag: ALCOHOL, count: 1 },
          { tag: HIV, count: 1 },
        ],
      ],
    ];
    expect(await tags()).toEqual(expected);
    // What changes nothing counts no more, and neither does a rebuild.
    const again = await publish(withCodes('hiv', 'Z21'));
    expect(again.receipt).toMatchObject({ counts: { unchanged: 1 }, withheldTags: {} });
    const rebuilt = await house.call('POST', '/ops/views/resources/feeds/rebuild', { token: house.administratorToken });
    expect([rebuilt.status, await tags()]).toEqual([200, expected]);
  });

  it('names no member, no id and no other code', async () => {
    house = await House.open({ codeLists: LISTS, labels: POLICY });
    const { receipt } = await publish(withCodes('secret-id', 'F11.20', 'J45.909'));
    await report();
    const texts = [JSON.stringify(receipt), (await call()).text];
    for (const text of texts) {
      expect(text).toContain(OPIOIDS);
      for (const secret of ['m1', 'secret-id', 'J45.909']) expect(text).not.toContain(secret);
    }
  });

  it('answers with tags for the payer and administrators alone', async () => {
    house = await House.open({ codeLists: LISTS, labels: POLICY });
    await publish(withCodes('c1', 'F11.20'));
    await report();
    await house.approve('app1');
    const answer = await call('', await house.token('app1'));
    expect([answer.status, answer.text.includes('F11.20')]).toEqual([401, false]);
  });
});

describe('the policy of profiles', () => {
  it('unmarks by default, and keeps a profile without version if one version holds', async () => {
    await open();
    const patient = (more: object): object => ({
      resourceType: 'Patient',
      id: 'm1',
      meta: { profile: [PATIENT, `${PATIENT}|3.1.1`] },
      name: [{ family: 'Test' }],
      ...more,
    });
    await publish(good('c1'), bad('c2'), condition('c3', [`${CONDITION}|6.1.0`, 'urn:own']), patient({}));
    expect([await profilesServed('c1'), await profilesServed('c2'), await profilesServed('c3')]).toEqual([
      [`${CONDITION}|6.1.0`],
      undefined,
      ['urn:own'],
    ]);
    // Without a gender and an identifier neither version holds.
    const served = async (): Promise<unknown> => {
      await house.settled();
      const { line } = (await house.records.byTypeId('m1', 'Patient', 'm1'))!;
      return (JSON.parse(Buffer.from(line).toString()) as Loose).meta.profile;
    };
    expect(await served()).toBeUndefined();
    await house.publish([
      {
        time: '2025-02-01T00:00:00Z',
        resource: patient({ gender: 'female', identifier: [{ system: 'urn:payer', value: '1' }] }),
      },
    ]);
    expect(await served()).toEqual([PATIENT, `${PATIENT}|3.1.1`]);
  });

  it('keeps, and the report still tells what is lacking', async () => {
    await open({ [CORE]: 'keep' });
    await publish(bad('c1'));
    expect(await profilesServed('c1')).toEqual([`${CONDITION}|6.1.0`]);
    expect(await report()).toMatchObject([{ checked: 1, lacking: 1, policy: 'keep' }]);
  });

  it('refuses with elements and rules, counts the resource, and takes the correction', async () => {
    await open({ '*': 'keep', [CONDITION]: 'refuse' });
    const { receipt } = await publish(bad('c1'), good('c2'));
    expect(receipt).toMatchObject({ counts: { parked: 1, recorded: 1 }, lacks: {} });
    const [item] = receipt.items;
    expect(item).toMatchObject({ outcome: 'parked', reason: 'profile-not-met', about: 'Condition/c1' });
    const letter = await eventually(async () => {
      const answer = await house.call('GET', `/events/dead-letters/${item.deadLetter}`, { token: house.payerToken });
      return answer.status === 200 && answer.json();
    });
    expect(letter.detail).toBe(Object.keys(NAMES).join('; '));
    expect(await profilesServed('c1')).toBe('no record');
    expect(await report()).toMatchObject([{ checked: 2, lacking: 1, policy: 'refuse' }]);
    await publish(good('c1'));
    expect(await profilesServed('c1')).toEqual([`${CONDITION}|6.1.0`]);
  });

  it('refuses no resource that withholds, and leaves the older version of any other in force', async () => {
    await open({ '*': 'refuse' });
    await house.approve('app1');
    await house.attribute('m1');
    const token = await house.token('app1');
    const read = async (id: string): Promise<[number, unknown]> => {
      await house.settled();
      const answer = await house.call('GET', `/fhir/Condition/${id}`, { token });
      return [answer.status, answer.status === 200 ? answer.json().code.text : undefined];
    };
    await publish(good('plain'), good('labelled'), good('deleted'));
    for (const id of ['plain', 'labelled', 'deleted']) expect(await read(id)).toEqual([200, 'asthma']);
    const label = { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: '42CFRPart2' };
    const later = (id: string, meta: object = {}): EventInput => ({
      time: '2025-02-01T00:00:00Z',
      resource: condition(id, undefined, { meta: { profile: [CONDITION], ...meta }, code: { text: 'changed' } }),
    });
    const { receipt } = await house.publish([
      later('plain'),
      later('labelled', { security: [label] }),
      later('deleted'),
      {
        type: 'payer.resource-deleted.v1',
        time: '2025-03-01T00:00:00Z',
        data: { resourceType: 'Condition', id: 'deleted' },
      },
    ]);
    expect(receipt.counts).toEqual({ parked: 2, recorded: 2 });
    expect(await read('plain')).toEqual([200, 'asthma']);
    expect((await read('labelled'))[0]).toBe(404);
    expect((await read('deleted'))[0]).toBe(410);
    expect(await profilesServed('labelled')).toBeUndefined();
  });
});
