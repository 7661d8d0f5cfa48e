import { afterAll, beforeAll, expect, it } from 'vitest';
import { personLabels } from '@provider-access/domain/pdex/labels';
import { encodeEvent, PA_RECORDS } from '@provider-access/events';
import { ProjectionSet } from '@provider-access/engines/views';
import { patients, recordId, records } from '@provider-access/records';
import { ADMIN, Harness, NPI } from '../test/harness.ts';

const HIV = 'http://terminology.hl7.org/CodeSystem/v3-ActCode|HIV';
const RESTRICTED = 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality|R';
const ANOTHER = 'urn:provider-access:label|another-member';
const NORMAL = 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality|N';

const h = new Harness();
let projections: ProjectionSet;
beforeAll(async () => {
  await h.start();
  await h.app1('c1', [`npi|${NPI}`]);
  projections = new ProjectionSet({ log: h.log, views: h.views, projections: [records, patients] });
  await projections.start();
  const at = '2026-01-01T00:00:00.000Z';
  const record = (
    id: string,
    labels: string[] | undefined,
    security: object[] = [],
    type = 'Condition',
    targets?: string[],
    member = 'm1',
  ) =>
    encodeEvent(
      {
        id: `r-${id}`,
        source: 'urn:test',
        type: 'pa.record-accepted.v1',
        time: at,
        subject: member,
        data: {
          ...{ member, type, id, versionId: 1, lastUpdated: at, businessTime: at, sequence: 0 },
          ...{ contentHash: id, references: [], tokens: [], labels, targets },
          line: JSON.stringify({ resourceType: type, id, meta: { security } }),
        },
      },
      { key: recordId(member, type, id), partitionKey: member },
    );
  await h.log.append(PA_RECORDS, [
    record('a', []),
    record('b', [NORMAL]),
    record('c', [HIV]),
    record('d', [HIV, RESTRICTED]),
    record('m2', [], [], 'Patient', undefined, 'm2'),
    record('names-m2', [...personLabels({ ids: ['m2'], identifiers: [] })]),
    record('names-nobody', [...personLabels({ ids: ['nobody'], identifiers: ['key'] })]),
    record('of-a', [], [], 'Provenance', ['Condition/a', 'Condition/b']),
    record('of-d', [], [], 'Provenance', ['Condition/a', 'Condition/d']),
    record('of-an-earlier-release', undefined, [
      { system: 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality', code: 'R' },
    ]),
  ]);
  const head = await h.log.head([PA_RECORDS]);
  for (const view of [records, patients]) await h.views.reader(view).waitFor(head, 60_000);
});
afterAll(async () => {
  await projections.stop();
  await h.stop();
});

it('explains how many resources of a member are withheld by which label', async () => {
  const answer = await h.get('/ops/explain?client=c1&member=m1', { authorization: `Bearer ${ADMIN}` });
  expect(answer.json()).toMatchObject({
    withheld: { resources: 5, labels: { [HIV]: 3, [RESTRICTED]: 3, [ANOTHER]: 1 } },
  });
  const none = await h.get('/ops/explain?client=c1&member=m2', { authorization: `Bearer ${ADMIN}` });
  expect(none.json()).toMatchObject({ withheld: { resources: 0, labels: {} } });
});
