import { afterEach, expect, it } from 'vitest';
import { PA_RECORD_VERSIONS, PA_RECORDS } from '@provider-access/events';
import { type CodeList, labelRules, listsOf, putInForce } from '@provider-access/domain/pdex/labels';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import { openMemoryState } from '@provider-access/engines/state/memory';
import { ProjectionSet } from '@provider-access/engines/views';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { records, searchKeys, versions } from '@provider-access/records';
import { eventually } from '@provider-access/testing';
import { type Answer, condition, House } from '../../../test/harness.ts';

/** The list that is on. */
const [DEFAULT_LIST] = listsOf([]) as [CodeList];

const ICD10 = 'http://hl7.org/fhir/sid/icd-10-cm';
const SPI = 'http://terminology.hl7.org/CodeSystem/v3-ActCode|SPI';
const coded = (id: string, code: string): object =>
  condition('m1', id, { code: { coding: [{ system: ICD10, code }] } });
const STORED = [coded('asthma', 'J45.909'), coded('burns', 'T20.0'), coded('plain', 'I10')];
const NEW: readonly CodeList[] = [
  DEFAULT_LIST,
  { list: 'new', source: 'test', entries: [{ system: ICD10, codes: ['J45909'], label: SPI, law: 'State law' }] },
];

let house: House;
afterEach(async () => {
  await house.close();
  putInForce(listsOf([]));
});

/** R15: a process that starts with another list. Stored data were tagged by the built-in list alone. */
it('withholds by a new list before stored data are tagged again, and after that', async () => {
  const [log, views, state] = [openMemoryLog(), openMemoryViews(), openMemoryState()];
  putInForce([DEFAULT_LIST]);
  const before = labelRules();
  const at = '2025-01-01T00:00:00.000Z';
  const event = (resource: object, type: string, more: object, version = '1') => {
    const { resourceType, id } = resource as { resourceType: string; id: string };
    const about = { member: 'm1', type: resourceType, id, versionId: Number(version), lastUpdated: at };
    const data = { ...about, businessTime: at, sequence: Number(version), ...more, line: JSON.stringify(resource) };
    const headers = {
      ce_id: `${id}/${version}`,
      ce_type: type,
      ce_source: '/resources',
      ce_time: at,
      ce_paversion: version,
    };
    return { key: `m1/${resourceType}/${id}`, partitionKey: 'm1', headers, value: JSON.stringify(data) };
  };
  const tagged = { contentHash: 'x', references: [], tokens: [], labels: [], labelsBy: before };
  await log.append(
    PA_RECORDS,
    STORED.map((resource) => event(resource, 'pa.record-accepted.v1', tagged, '3')),
  );
  await log.append(PA_RECORD_VERSIONS, [
    event(coded('plain', 'J45.909'), 'pa.record-superseded.v1', {
      supersededAt: new Date().toISOString(),
      labels: [],
      labelsBy: before,
    }),
    event(
      coded('plain', 'I10'),
      'pa.record-superseded.v1',
      { supersededAt: new Date().toISOString(), labels: [], labelsBy: before },
      '2',
    ),
  ]);
  const former = new ProjectionSet({ log, views, projections: [records, searchKeys, versions] });
  await former.start();
  await former.stop();
  // Nobody tags stored data again while another process does it.
  const lease = (await state.leases.acquire('retagging', 'another process', 60_000))!;

  house = await House.open({ log, views, state, codeLists: NEW });
  expect(labelRules()).not.toBe(before);
  await house.approve('app1');
  await house.attribute('m1');
  const token = await house.token('app1');
  const get = (path: string): Promise<Answer> => house.call('GET', `/fhir/${path}`, { token });
  const obeys = async (): Promise<void> => {
    for (const [id, status] of [
      ['asthma', 404],
      ['burns', 200],
      ['plain', 200],
    ] as const)
      expect([id, (await get(`Condition/${id}`)).status]).toEqual([id, status]);
    for (const more of ['', '&_summary=count', '&_total=accurate', '&_sort=-_lastUpdated', '&code=T20.0,J45.909,I10'])
      expect([more, (await get(`Condition?patient=m1${more}`)).json().total]).toEqual([more, 2]);
    expect((await get('Condition?patient=m1&code=J45.909')).json()).toMatchObject({ total: 0 });
    expect((await get('Condition/plain/_history/1')).status).toBe(404);
    expect((await get('Condition/plain/_history/2')).status).toBe(200);
  };
  await obeys();
  const search = async (): Promise<string> =>
    JSON.stringify(await views.reader(searchKeys).getMany(['m1/Condition/asthma']));
  expect(await search()).not.toContain('J45909');

  await state.leases.release(lease);
  await eventually(async () =>
    expect(await state.claims.get('label-rules', `resources/search/${searchKeys.version}/2`)).toBe(labelRules()),
  );
  await eventually(async () => expect((await views.store.builds(records))?.live).toBe(2));
  expect(await search()).toContain('J45909');
  expect((await house.records.heads(['m1/Condition/plain']))[0]).toMatchObject({ labels: [], labelsBy: labelRules() });
  await obeys();
});
