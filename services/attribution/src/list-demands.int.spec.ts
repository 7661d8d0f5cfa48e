import { afterEach, expect, it } from 'vitest';
import { encodeEvent, PA_RECORDS } from '@provider-access/events';
import { ProjectionSet } from '@provider-access/engines/views';
import { recordId, records } from '@provider-access/records';
import { instant } from '@provider-access/kernel';
import { ADMIN, attributed, enrolled, Harness, inNetwork, NPI, OTHER_NPI, payerEvent } from '../test/harness.ts';

let h: Harness;
let views: ProjectionSet;
afterEach(async () => {
  await views.stop();
  await h.stop();
});
async function stored(member: string, resource: { resourceType: string; id: string }): Promise<void> {
  const at = instant(h.now);
  const { resourceType: type, id } = resource;
  const data = {
    ...{ member, type, id, versionId: 1, lastUpdated: at, businessTime: at, sequence: 0, contentHash: 'x' },
    ...{ references: [], tokens: [], labels: [], line: JSON.stringify(resource) },
  };
  const event = { id: `r-${id}`, source: 'urn:test', type: 'pa.record-accepted.v1', time: at, subject: member, data };
  await h.log.append(PA_RECORDS, [encodeEvent(event, { key: recordId(member, type, id) })]);
  if (!(await h.views.reader(records).waitFor(await h.log.head([PA_RECORDS]), 60_000)))
    throw new Error('the view did not pass the record');
}
const asserted = (member: string, coverageId: string) =>
  payerEvent('payer.attribution-asserted.v1', member, {
    ...{ provider: { npi: NPI, contract: 'K-1' }, from: '2025-01-01', coverageId },
  });

it('A16: counts for each list who lacks what ATR demands, in pages, and names nobody', async () => {
  h = new Harness();
  views = new ProjectionSet({ log: h.log, views: h.views, projections: [records] });
  await views.start();
  await h.start();
  const members = ['m1-secret', 'm2-secret', 'm3-secret', 'm4-secret'];
  await h.publish(inNetwork(), ...members.map(enrolled), attributed('m1-secret', OTHER_NPI));
  await h.publish(...members.slice(0, 3).map((member) => asserted(member, `cov-${member}`)));
  await h.publish(
    asserted('m4-secret', 'cov-m4-secret'),
    payerEvent('payer.attribution-ended.v1', 'm4-secret', {
      provider: { npi: NPI, contract: 'K-1' },
      to: '2025-02-01',
    }),
  );
  const identifier = [{ value: 'x' }];
  await stored('m1-secret', { resourceType: 'Patient', id: 'm1-secret', identifier } as never);
  await stored('m2-secret', { resourceType: 'Patient', id: 'm2-secret' });
  await stored('m1-secret', {
    ...{
      resourceType: 'Coverage',
      id: 'cov-m1-secret',
      status: 'active',
      subscriberId: 'S',
      period: { start: '2025' },
    },
    payor: [{ reference: 'Organization/payer' }],
    class: [
      {
        type: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/coverage-class', code: 'plan' }] },
        value: 'P',
      },
    ],
  } as never);
  await stored('m2-secret', { resourceType: 'Coverage', id: 'cov-m2-secret', status: 'active' } as never);

  const headers = { authorization: `Bearer ${ADMIN}` };
  const answer = await h.get('/ops/lists', headers);
  expect(answer.statusCode, answer.body).toBe(200);
  expect(answer.body).not.toContain('secret');
  const { lists, next } = answer.json<{ lists: { group: string; providers: string[] }[]; next?: string }>();
  const known = lists.toSorted((a, b) => (a.providers[0]! < b.providers[0]! ? -1 : 1));
  expect(known).toMatchObject([
    {
      ...{ providers: [`npi|${NPI}`], contract: 'K-1', members: 3, lacking: 2 },
      lacks: [
        { element: 'Coverage', count: 1 },
        { element: 'Coverage.class:plan', count: 1 },
        { element: 'Coverage.payor', count: 1 },
        { element: 'Coverage.period', count: 1 },
        { element: 'Coverage.subscriberId', count: 1 },
        { element: 'Patient', count: 1 },
        { element: 'Patient.identifier', count: 1 },
      ],
    },
    { providers: [`npi|${OTHER_NPI}`], members: 1, lacking: 1, lacks: [{ element: 'coverageId', count: 1 }] },
  ]);
  expect(next).toBeUndefined();
  const second = await h.get(`/ops/lists?page=${lists[0]!.group}`, headers);
  expect(second.json<{ lists: { group: string }[] }>().lists.map(({ group }) => group)).toEqual([lists[1]!.group]);
  expect((await h.get('/ops/lists?page=a%20b', headers)).statusCode).toBe(400);
  expect((await h.get('/ops/lists', await h.app1('c1', [`npi|${NPI}`]))).statusCode).toBeGreaterThan(400);
});
