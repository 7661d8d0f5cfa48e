import { afterEach, describe, expect, it } from 'vitest';
import { labelPolicy } from '@provider-access/domain/pdex/labels';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { PA_RECORDS } from '@provider-access/events';
import { countedViews } from '../../../test/counted-views.ts';
import { type Answer, condition, House, patient } from '../../../test/harness.ts';

const ACT_CODE = 'http://terminology.hl7.org/CodeSystem/v3-ActCode';
const label = (code: string) => ({ meta: { security: [{ system: ACT_CODE, code }] } });
const BASE = 'https://pa.example.org/fhir';
const provenance = (id: string, ...targets: string[]) => ({
  ...{ resourceType: 'Provenance', id, recorded: '2025-06-01T00:00:00Z' },
  target: targets.map((reference) => ({ reference, display: 'HIV infection' })),
  agent: [{ who: { display: 'County clinic' } }],
});
const ANY = '_id=seen,p,q,hidden';
/** Work of the process, and what the first search after any change asks: whether the index of keys is current. */
const BACKGROUND = /^(receipts|members position|members waitFor|records position|search waitFor)/;

/** docs/security-labels.md: a Provenance tells what it is about, so it is withheld with its targets. */
describe('a Provenance of a withheld resource', () => {
  const statements: string[] = [];
  let house: House;
  let token: string;
  let minute = 0;
  const at = (): string => new Date(Date.UTC(2025, 0, 1, 0, (minute += 1))).toISOString();
  afterEach(() => house.close());
  const open = async (options: Parameters<typeof House.open>[0] = {}): Promise<void> => {
    house = await House.open({ views: countedViews(openMemoryViews(), statements), ...options });
    await house.approve('app1');
    for (const member of ['m1', 'm2']) await house.attribute(member);
    token = await house.token('app1');
  };
  const publish = async (...resources: object[]): Promise<void> => {
    await house.publish(resources.map((resource) => ({ subject: 'm1', resource, time: at() })));
    await house.settled();
  };
  const directory = async (resource: object): Promise<void> => {
    await house.publish([{ type: 'payer.provider-recorded.v1', subject: 'directory', resource, time: at() }]);
    await house.settled();
  };
  const read = async (path: string): Promise<Answer> => house.call('GET', `/fhir/${path}`, { token });
  const comparable = ({ status, headers, text }: Answer): unknown => ({
    status,
    text,
    headers: { ...headers, date: undefined },
  });
  const found = async (query: string): Promise<string[]> => {
    const answer = await read(query);
    expect([query, answer.status, answer.status === 400 && answer.text]).toEqual([query, 200, false]);
    const { entry = [] } = answer.json<{ entry?: { resource: { resourceType: string; id: string } }[] }>();
    return entry.map(({ resource }) => `${resource.resourceType}/${resource.id}`).toSorted();
  };
  const total = async (query: string): Promise<number> => (await read(query)).json<{ total: number }>().total;
  const statusOf = async (id: string): Promise<number> => (await read(`Provenance/${id}`)).status;

  const HIDDEN = {
    relative: ['Condition/secret'],
    absolute: [`${BASE}/Condition/secret`],
    versioned: ['Condition/secret/_history/1'],
    both: ['Condition/open', 'Condition/secret'],
    directory: ['Practitioner/labelled'],
    nested: ['Provenance/relative'],
    ofPatient: ['Patient/m1', 'Condition/open', 'Condition/secret'],
  };
  const publishAll = async (): Promise<void> => {
    await directory({ resourceType: 'Practitioner', id: 'labelled', ...label('SSP') });
    await publish(
      patient('m1'),
      condition('m1', 'open'),
      condition('m1', 'secret', label('42CFRPart2')),
      provenance('seen', 'Condition/open', 'Condition/nowhere', 'Practitioner/nobody'),
      ...Object.entries(HIDDEN).map(([id, targets]) => provenance(id, ...targets)),
    );
  };

  it('does not exist for reads, histories, searches, totals and includes', async () => {
    await open();
    await publishAll();
    expect(await statusOf('seen')).toBe(200);
    for (const id of Object.keys(HIDDEN))
      for (const form of ['', '/_history', '/_history/1'])
        expect([id, form, comparable(await read(`Provenance/${id}${form}`))]).toEqual([
          id,
          form,
          comparable(await read(`Provenance/nobody${form}`)),
        ]);
    const ids = ['seen', ...Object.keys(HIDDEN)].join(',');
    const more = ['', '&_lastUpdated=gt2020', '&target=Condition/open', '&_sort=_lastUpdated'];
    for (const query of more.map((rest) => `_id=${ids}${rest}`)) {
      expect([query, await found(`Provenance?${query}`)]).toEqual([query, ['Provenance/seen']]);
      expect([query, await total(`Provenance?${query}&_total=accurate`)]).toEqual([query, 1]);
      expect([query, await total(`Provenance?${query}&_summary=count`)]).toEqual([query, 1]);
    }
    for (const target of ['Condition/secret', 'Practitioner/labelled', 'Provenance/relative'])
      expect(await found(`Provenance?_id=${ids}&target=${target}`)).toEqual([]);
    expect(await found('Condition?patient=m1&_revinclude=Provenance:target')).toEqual([
      'Condition/open',
      'Provenance/seen',
    ]);
  });

  it('follows its targets at once, and keeps its former versions withheld', async () => {
    await open();
    await publish(condition('m1', 'c'), provenance('p', 'Condition/c'));
    expect(await statusOf('p')).toBe(200);
    await publish(condition('m1', 'c', label('HIV')));
    expect([await statusOf('p'), await found(`Provenance?${ANY}`)]).toEqual([404, []]);
    await publish(condition('m1', 'd'), provenance('p', 'Condition/d'));
    const history = (await read('Provenance/p/_history')).json<{ entry: object[] }>();
    expect(history.entry).toHaveLength(1);
    expect((await read('Provenance/p/_history/1')).status).toBe(404);
    await publish(condition('m1', 'c', { code: { text: 'without a label' } }));
    expect((await read('Provenance/p/_history/1')).status).toBe(200);
    await publish(condition('m1', 'd', label('HIV')));
    for (const [resourceType, id] of [
      ['Condition', 'd'],
      ['Provenance', 'p'],
    ])
      await house.publish([
        { type: 'payer.resource-deleted.v1', subject: 'm1', time: at(), data: { resourceType, id } },
      ]);
    await house.settled();
    expect(comparable(await read('Provenance/p'))).toEqual(comparable(await read('Provenance/nobody')));
  });

  it('is released with its target by a Consent of the member, and not for a target of the directory', async () => {
    await open({ labels: labelPolicy({ [`${ACT_CODE}|HIV`]: 'withhold unless consented' }) });
    await directory({ resourceType: 'Practitioner', id: 'x', ...label('HIV') });
    await publish(
      condition('m1', 'c', label('HIV')),
      provenance('p', 'Condition/c'),
      provenance('q', 'Condition/c', 'Practitioner/x'),
    );
    const consent = (status: string) => ({
      ...{ resourceType: 'Consent', id: 'k', status, patient: { reference: 'Patient/m1' } },
      scope: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/consentscope', code: 'patient-privacy' }] },
      category: [{ coding: [{ system: ACT_CODE, code: 'IDSCL' }] }],
      policyRule: { text: 'consent of the member' },
      provision: { type: 'permit', securityLabel: [{ system: ACT_CODE, code: 'HIV' }] },
    });
    expect(await found(`Provenance?${ANY}`)).toEqual([]);
    await publish(consent('active'));
    expect([await statusOf('p'), await statusOf('q')]).toEqual([200, 404]);
    expect(await found(`Provenance?${ANY}`)).toEqual(['Provenance/p']);
    await publish(consent('inactive'));
    expect([await statusOf('p'), await statusOf('q')]).toEqual([404, 404]);
  });

  it('costs the queries of an unknown one, and one query of heads for many', async () => {
    await open();
    await publishAll();
    const asked = async (query: string): Promise<readonly string[]> => {
      statements.splice(0);
      await read(query);
      return statements.splice(0).filter((statement) => !BACKGROUND.test(statement));
    };
    const shape = (all: readonly string[]): string[] => all.map((one) => one.replace(/getMany \d+/, 'getMany'));
    for (const form of ['', '/_history', '/_history/1'])
      for (const id of ['relative', 'both', 'directory'])
        expect(shape(await asked(`Provenance/${id}${form}`))).toEqual(shape(await asked(`Provenance/nobody${form}`)));
    for (const id of ['relative', 'both'])
      for (const query of ['_id=ID', '_id=ID&_summary=count', '_id=ID&target=Condition/secret'])
        expect(shape(await asked(`Provenance?${query.replace('ID', id)}`))).toEqual(
          shape(await asked(`Provenance?${query.replace('ID', 'nobody')}`)),
        );
    await publish(
      condition('m1', 'about'),
      condition('m1', 'alone'),
      provenance('p', 'Condition/about', 'Condition/secret'),
    );
    const including = async (id: string): Promise<string[]> =>
      (await asked(`Condition?_id=${id}&_revinclude=Provenance:target`)).filter((one) => !one.includes('getMany 0'));
    expect(shape(await including('about'))).toEqual(shape(await including('alone')));
    await publish(...Array.from({ length: 30 }, (_, i) => provenance(`more-${i}`, 'Condition/open')));
    const heads = (await asked('Condition?_id=open&_revinclude=Provenance:target')).filter((one) =>
      /^records getMany \d+$/.test(one),
    );
    // Withheld ids, ids, candidates, their targets, the same of the lines.
    expect(heads.length).toBeLessThanOrEqual(6);
  });

  it('is withheld where an earlier release wrote it, so that only its line has the targets', async () => {
    await open();
    const written = [
      condition('m1', 'open'),
      condition('m1', 'secret', label('HIV')),
      provenance('seen', 'Condition/open'),
      provenance('hidden', 'Condition/secret'),
    ].map((resource) => {
      const { resourceType: type, id } = resource as { resourceType: string; id: string };
      const time = '2025-01-01T00:00:00.000Z';
      const about = { member: 'm1', type, id, versionId: 1, lastUpdated: time, businessTime: time, sequence: 0 };
      const data = { ...about, contentHash: 'h', references: [], tokens: [], line: JSON.stringify(resource) };
      const headers = { ce_id: id, ce_type: 'pa.record-accepted.v1', ce_source: '/resources', ce_time: time };
      return { key: `m1/${type}/${id}`, partitionKey: 'm1', headers, value: JSON.stringify(data) };
    });
    await house.log.append(PA_RECORDS, written);
    const head = await house.log.head([PA_RECORDS]);
    for (const view of Object.values(house.records.views)) expect(await view.waitFor(head, 60_000)).toBe(true);
    expect([await statusOf('seen'), await statusOf('hidden')]).toEqual([200, 404]);
    for (const query of [ANY, `${ANY}&target=Condition/secret,Condition/open`]) {
      expect(await found(`Provenance?${query}`)).toEqual(['Provenance/seen']);
      expect(await total(`Provenance?${query}&_summary=count`)).toBe(1);
    }
  });
});
