import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PA_RECORD_VERSIONS } from '@provider-access/events';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { VersionsReader } from '@provider-access/records';
import { countedViews } from '../../test/counted-views.ts';
import { type Answer, House, type Loose } from '../../test/harness.ts';

const CATEGORY = 'http://terminology.hl7.org/CodeSystem/observation-category';
const LABORATORY = `system/Observation.rs?category=${CATEGORY}|laboratory`;
const FINAL = 'system/Observation.rs?status=final';

const observation = (member: string, id: string, category: string, extra: object = {}): Loose => ({
  resourceType: 'Observation',
  id,
  status: 'final',
  category: [{ coding: [{ system: CATEGORY, code: category }] }],
  code: { coding: [{ system: 'http://loinc.org', code: id.startsWith('bp') ? '85354-9' : '2339-0' }] },
  subject: { reference: `Patient/${member}` },
  effectiveDateTime: '2024-03-01',
  ...extra,
});
const provenance = (id: string, target: string): Loose => ({
  resourceType: 'Provenance',
  id,
  target: [{ reference: `Observation/${target}` }],
  recorded: '2024-03-02T00:00:00Z',
  agent: [{ who: { reference: 'Organization/o1' } }],
});

describe('scopes on a part of a type (APPS.md P53)', () => {
  const statements: string[] = [];
  let house: House;
  let laboratory: string;

  async function publish(...resources: readonly Loose[]): Promise<void> {
    const events = resources.map(({ at = 1, ...resource }) => ({
      subject: resource.subject?.reference.slice('Patient/'.length) ?? 'm1',
      time: `2025-01-01T00:00:0${at}Z`,
      resource,
    }));
    const { summary, receipt } = await house.publish(events);
    expect([summary.refused, receipt.counts.parked]).toEqual([0, undefined]);
    await house.settled();
    await new VersionsReader(house.views).view.waitFor(await house.log.head([PA_RECORD_VERSIONS]), 60_000);
  }

  beforeAll(async () => {
    house = await House.open({ views: countedViews(openMemoryViews(), statements), attachmentsAbove: 1000 });
    await house.approve('app1');
    for (const member of ['m1', 'm2']) await house.attribute(member);
    await publish(
      observation('m1', 'lab-1', 'laboratory'),
      observation('m1', 'lab-2', 'laboratory', { status: 'preliminary' }),
      observation('m1', 'bp-1', 'vital-signs'),
      observation('m1', 'bp-2', 'vital-signs', { derivedFrom: [{ reference: 'Observation/lab-1' }] }),
      observation('m1', 'was-bp', 'vital-signs'),
      observation('m1', 'was-lab', 'laboratory'),
      observation('m1', 'gone', 'laboratory'),
      observation('m2', 'lab-3', 'laboratory'),
      provenance('of-lab', 'lab-1'),
      provenance('of-bp', 'bp-1'),
    );
    await publish(
      observation('m1', 'was-bp', 'laboratory', { at: 2 }),
      observation('m1', 'was-lab', 'vital-signs', { at: 2 }),
    );
    await house.publish([
      {
        type: 'payer.resource-deleted.v1',
        subject: 'm1',
        time: '2025-01-01T00:00:03Z',
        data: { resourceType: 'Observation', id: 'gone' },
      },
    ]);
    await house.settled();
    laboratory = await house.token('app1', LABORATORY);
  }, 60_000);
  afterAll(() => house.close());

  const get = (path: string, token = laboratory): Promise<Answer> => house.call('GET', `/fhir/${path}`, { token });
  const idsOf = ({ entry = [] }: Loose, mode = 'match'): string[] =>
    entry
      .filter((each: Loose) => each.search.mode === mode)
      .map((each: Loose) => each.resource.id)
      .toSorted();
  const search = async (path: string, token?: string): Promise<Loose> => {
    const answer = await get(path, token);
    expect([path, answer.status]).toEqual([path, 200]);
    return answer.json();
  };
  /** The answer without what differs for each request, and the queries that it cost. */
  const costOf = async (path: string, token?: string): Promise<unknown> => {
    statements.splice(0);
    const { status, text, headers } = await get(path, token);
    return { status, text, headers: { ...headers, date: '' }, queries: [...statements] };
  };

  /** Without the id that the link of the answer repeats, and the length that follows from it. */
  const comparable = (cost: unknown): unknown => {
    const text = JSON.stringify(cost).replaceAll(/nobody-has-this|lab-2|bp-1/g, 'ID');
    return JSON.parse(text.replace(/"content-length":"\d+"/, '"content-length":""')) as unknown;
  };

  it('reads a resource within the scope', async () => {
    for (const id of ['lab-1', 'lab-2', 'was-bp', 'lab-3'])
      expect([id, (await get(`Observation/${id}`)).status]).toEqual([id, 200]);
    expect((await get('Observation/lab-1')).json().category[0].coding[0].code).toBe('laboratory');
  });

  it.each([
    ['of another category', 'bp-1'],
    ['that was within, and is not now', 'was-lab'],
    ['that was removed', 'gone'],
  ])('answers a resource %s as one that nobody has, with as many queries', async (_name, id) => {
    const absent = (await costOf('Observation/nobody-has-this')) as Loose;
    expect(absent.status).toBe(404);
    expect(await costOf(`Observation/${id}`)).toEqual(absent);
    for (const path of ['_history', '_history/1']) {
      const none = await costOf(`Observation/nobody-has-this/${path}`);
      expect(await costOf(`Observation/${id}/${path}`)).toEqual(none);
    }
  });

  it('answers so where keys do not tell what is within', async () => {
    const token = await house.token('app1', FINAL);
    const absent = (await costOf('Observation/nobody-has-this', token)) as Loose;
    expect(absent.status).toBe(404);
    expect(await costOf('Observation/lab-2', token)).toEqual(absent);
    expect((await get('Observation/lab-1', token)).status).toBe(200);
    expect(idsOf(await search('Observation?patient=m1', token))).not.toContain('lab-2');
    const none = await costOf('Observation?_id=nobody-has-this', token);
    expect(comparable(await costOf('Observation?_id=lab-2', token))).toEqual(comparable(none));
  });

  it('audits the refusal as one of the scope, and names the member', async () => {
    await get('Observation/bp-1');
    expect(await house.audited()).toContainEqual(
      expect.objectContaining({ outcome: 'refused', reason: 'insufficient-scope', action: 'read', members: ['m1'] }),
    );
  });

  it('shows only the versions within the scope, and none of a resource that is outside now', async () => {
    const history = (await get('Observation/was-bp/_history')).json();
    expect(history.entry.map((each: Loose) => each.response.etag)).toEqual(['W/"2"']);
    expect(history.total).toBe(1);
    expect((await get('Observation/was-bp/_history/2')).status).toBe(200);
    expect((await get('Observation/was-bp/_history/1')).status).toBe(404);
  });

  it.each([
    ['Observation?patient=m1', ['lab-1', 'lab-2', 'was-bp']],
    ['Observation?patient=m1&category=vital-signs', []],
    ['Observation?patient=m1&code=2339-0', ['lab-1', 'lab-2', 'was-bp']],
    ['Observation?patient=m1&status=final', ['lab-1', 'was-bp']],
    ['Observation?patient=m1&_sort=-date', ['lab-1', 'lab-2', 'was-bp']],
    ['Observation?patient=m1&_lastUpdated=ge2020', ['lab-1', 'lab-2', 'was-bp']],
    ['Observation?patient=m1,m2', ['lab-1', 'lab-2', 'lab-3', 'was-bp']],
    ['Observation?_id=lab-1,bp-1', ['lab-1']],
    ['Observation?_id=bp-1', []],
  ])('%s finds what is within: %j', async (path, ids) => {
    expect(idsOf(await search(path))).toEqual(ids);
    expect((await search(`${path.replace('&_sort=-date', '')}&_summary=count`)).total).toBe(ids.length);
    expect((await search(`${path}&_total=accurate`)).total).toBe(ids.length);
  });

  it('a search by id costs the same for one outside and for one that nobody has', async () => {
    const absent = await costOf('Observation?_id=nobody-has-this');
    expect(comparable(await costOf('Observation?_id=bp-1'))).toEqual(comparable(absent));
  });

  it('finds by POST and page links the same', async () => {
    const first = await search('Observation?patient=m1&_count=1');
    const ids = idsOf(first);
    let next: string | undefined = first.link.find((each: Loose) => each.relation === 'next')?.url;
    for (; next !== undefined;) {
      const page = await search(next.split('/fhir/')[1]!);
      ids.push(...idsOf(page));
      next = page.link.find((each: Loose) => each.relation === 'next')?.url;
    }
    expect(ids.toSorted()).toEqual(['lab-1', 'lab-2', 'was-bp']);
    const posted = await house.call('POST', '/fhir/Observation/_search', {
      token: laboratory,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: 'patient=m1',
    });
    expect(idsOf(posted.json())).toEqual(['lab-1', 'lab-2', 'was-bp']);
  });

  it('includes what is within alone, in both directions', async () => {
    const token = await house.token('app1', `system/Provenance.rs ${LABORATORY}`);
    const found = await search('Observation?patient=m1&_revinclude=Provenance:target', token);
    expect(idsOf(found, 'include')).toEqual(['of-lab']);
    const vitals = await house.token(
      'app1',
      `system/Observation.rs?category=vital-signs system/Provenance.rs?target=Observation/lab-1`,
    );
    // A Provenance may name a patient as its target, so its scope is not granted, and permits nothing.
    expect(idsOf(await search('Observation?patient=m1&_revinclude=Provenance:target', vitals), 'include')).toEqual([]);
  });

  it('several scopes on a type are alternatives, and one without parameters covers the type', async () => {
    const vitals = 'system/Observation.rs?category=vital-signs';
    const either = await house.token('app1', `${LABORATORY} ${vitals}`);
    expect(idsOf(await search('Observation?patient=m1', either))).toEqual([
      'bp-1',
      'bp-2',
      'lab-1',
      'lab-2',
      'was-bp',
      'was-lab',
    ]);
    const mixed = await house.token('app1', `${LABORATORY} system/Observation.rs?code=85354-9`);
    expect(idsOf(await search('Observation?patient=m1', mixed))).toEqual(['bp-1', 'bp-2', 'lab-1', 'lab-2', 'was-bp']);
    expect((await search('Observation?patient=m1&_summary=count', mixed)).total).toBe(5);
    expect((await get('Observation/bp-1', mixed)).status).toBe(200);
    expect((await get('Observation/was-lab', mixed)).status).toBe(404);
    const whole = await house.token('app1', `${LABORATORY} system/Observation.rs`);
    expect(idsOf(await search('Observation?patient=m1', whole))).toHaveLength(6);
    const both = await house.token('app1', `system/Observation.rs?category=laboratory&status=final`);
    expect(idsOf(await search('Observation?patient=m1', both))).toEqual(['lab-1', 'was-bp']);
  });

  it('reading and searching have their own parts', async () => {
    const token = await house.token('app1', 'system/Observation.r?category=laboratory system/Observation.s');
    expect(idsOf(await search('Observation?patient=m1', token))).toHaveLength(6);
    expect((await get('Observation/bp-1', token)).status).toBe(404);
    const reads = await house.token('app1', 'system/Observation.r?category=laboratory');
    expect((await get('Observation?patient=m1', reads)).status).toBe(403);
  });

  it('covers no other type, and a part that nobody can read covers nothing', async () => {
    expect((await get('Condition?patient=m1')).status).toBe(403);
    for (const scope of ['system/Observation.rs?nonsense=1', 'system/Group.rs?code=x', 'system/*.rs?_id=lab-1']) {
      const token = await house.token('app1', scope);
      expect([scope, (await get('Observation/lab-1', token)).status]).toEqual([scope, 403]);
      expect([scope, (await get('Observation?patient=m1', token)).status]).toEqual([scope, 403]);
    }
  });

  it('a large attachment is as visible as its resource', async () => {
    const bytes = randomBytes(3000).toString('base64');
    const document = (id: string, code: string): Loose => ({
      resourceType: 'DocumentReference',
      id,
      status: 'current',
      type: { coding: [{ system: 'http://loinc.org', code }] },
      subject: { reference: 'Patient/m1' },
      content: [{ attachment: { contentType: 'text/plain', data: `${code === 'a' ? 'AAAA' : 'BBBB'}${bytes}` } }],
    });
    await publish(document('d-a', 'a'), document('d-b', 'b'));
    const all = await house.token('app1');
    const path = async (id: string): Promise<string> =>
      (await get(`DocumentReference/${id}`, all)).json().content[0].attachment.url.split('/fhir/')[1];
    const token = await house.token('app1', 'system/DocumentReference.rs?type=http://loinc.org|a');
    expect((await get(await path('d-a'), token)).status).toBe(200);
    const outside = await costOf(await path('d-b'), token);
    const absent = await costOf(`Binary/${'0'.repeat(64)}`, token);
    expect((outside as Loose).status).toBe(404);
    expect(outside).toEqual(absent);
    expect(idsOf(await search('DocumentReference/$docref?patient=m1', token))).toEqual(['d-a']);
  });

  it('a token without such a scope makes the queries that it made before', async () => {
    const token = await house.token('app1');
    await get('Observation/lab-1', token);
    statements.splice(0);
    await get('Observation/lab-1', token);
    expect(statements.filter((each) => each.startsWith('search'))).toEqual([]);
  });
});
