import { afterEach, expect, it } from 'vitest';
import { PA_RECORDS } from '@provider-access/events';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import { openMemoryState } from '@provider-access/engines/state/memory';
import { type Projection, ProjectionSet, type TopicEvolve } from '@provider-access/engines/views';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { type RecordPart, records, searchKeys } from '@provider-access/records';
import { type Answer, condition, House } from '../../../test/harness.ts';

const CODES = 'http://terminology.hl7.org/CodeSystem';
const HIV = `${CODES}/v3-ActCode|HIV`;
const R = { system: `${CODES}/v3-Confidentiality`, code: 'R' };

/** The view `records` as the release before wrote it: it knew fewer elements, and not which rules found the labels. */
function formerRecords(): Projection {
  const topic = records.topics[PA_RECORDS]! as TopicEvolve<RecordPart>;
  return {
    ...records,
    topics: {
      [PA_RECORDS]: {
        ...topic,
        evolve(part, record, key) {
          const next = topic.evolve(part, record, key);
          if (next === undefined || next === null) return next;
          const { labelsBy: _by, labels: _all, ...rest } = next;
          const { labels } = JSON.parse(String(record.value)) as { labels?: string[] };
          return { ...rest, ...(labels !== undefined && { labels }) };
        },
      } satisfies TopicEvolve<RecordPart>,
    },
  };
}

const note = (id: string, extra: object) => ({
  ...{ resourceType: 'DocumentReference', id, status: 'current', subject: { reference: 'Patient/m1' } },
  content: [{ attachment: { title: 'note' } }],
  ...extra,
});
const STORED: readonly (readonly [resource: object, labels: readonly string[]])[] = [
  [condition('m1', 'plain'), []],
  [note('plain', {}), []],
  [note('labelled', { securityLabel: [{ coding: [R] }] }), []],
  [condition('m1', 'inside', { contained: [{ resourceType: 'Composition', id: 'x', confidentiality: 'V' }] }), []],
  // Redaction removed the part that had the label.
  [condition('m1', 'removed'), [HIV]],
];

let house: House;
afterEach(() => house.close());

/** N2 after an upgrade: what the release before stored is withheld, without a rebuild and without a new event. */
it('withholds stored resources by elements that the release before did not read', async () => {
  const [log, views] = [openMemoryLog(), openMemoryViews()];
  const at = '2025-01-01T00:00:00.000Z';
  await log.append(
    PA_RECORDS,
    STORED.map(([resource, labels]) => {
      const { resourceType: type, id } = resource as { resourceType: string; id: string };
      const about = { member: 'm1', type, id, versionId: 1, lastUpdated: at, businessTime: at, sequence: 0 };
      const data = { ...about, contentHash: id, references: [], tokens: [], labels, line: JSON.stringify(resource) };
      const headers = {
        ce_id: `${type}/${id}`,
        ce_type: 'pa.record-accepted.v1',
        ce_source: '/resources',
        ce_time: at,
      };
      return { key: `m1/${type}/${id}`, partitionKey: 'm1', headers, value: JSON.stringify(data) };
    }),
  );
  const former = new ProjectionSet({ log, views, projections: [formerRecords(), searchKeys] });
  await former.start();
  const head = await log.head([PA_RECORDS]);
  for (const projection of [records, searchKeys])
    expect(await views.reader(projection).waitFor(head, 60_000)).toBe(true);
  await former.stop();

  // Nobody tags stored data again meanwhile.
  const state = openMemoryState();
  await state.leases.acquire('retagging', 'another process', 600_000);
  house = await House.open({ log, views, state });
  await house.approve('app1');
  await house.attribute('m1');
  const token = await house.token('app1');
  const get = (path: string): Promise<Answer> => house.call('GET', `/fhir/${path}`, { token });
  const [stored] = await house.records.heads(['m1/DocumentReference/labelled']);
  expect(stored).toMatchObject({ labels: [] });
  expect(stored).not.toHaveProperty('labelsBy');

  const statuses = await Promise.all(
    STORED.map(async ([one]) => {
      const { resourceType, id } = one as { resourceType: string; id: string };
      return [`${resourceType}/${id}`, (await get(`${resourceType}/${id}`)).status];
    }),
  );
  expect(statuses).toEqual([
    ['Condition/plain', 200],
    ['DocumentReference/plain', 200],
    ['DocumentReference/labelled', 404],
    ['Condition/inside', 404],
    ['Condition/removed', 404],
  ]);
  for (const type of ['Condition', 'DocumentReference'])
    for (const more of ['', '&_summary=count', '&_total=accurate', '&_sort=-_lastUpdated', '&status:missing=false'])
      if (!(type === 'Condition' && more.startsWith('&status')))
        expect([type, more, (await get(`${type}?patient=m1${more}`)).json().total]).toEqual([type, more, 1]);
  expect((await get('DocumentReference?_id=labelled,plain')).json()).toMatchObject({ total: 1 });
  expect((await get('DocumentReference/labelled/_history')).status).toBe(404);
  // A version of the superseded one keeps what its line shows.
  const time = '2025-02-01T00:00:00Z';
  await house.publish([{ subject: 'm1', time, resource: note('labelled', { description: 'x' }) }]);
  await house.settled();
  expect((await get('DocumentReference/labelled')).status).toBe(200);
  expect((await get('DocumentReference/labelled/_history')).json()).toMatchObject({ total: 1 });
  expect((await get('DocumentReference/labelled/_history/1')).status).toBe(404);
});
