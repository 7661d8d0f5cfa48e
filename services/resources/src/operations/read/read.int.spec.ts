import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { countedViews } from '../../../test/counted-views.ts';
import { type Answer, condition, House, patient, type Loose } from '../../../test/harness.ts';

const RESTRICTED = { system: 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality', code: 'R' };
const practitioner = (id: string): object => ({ resourceType: 'Practitioner', id, name: [{ family: 'Who' }] });

describe('reads and searches', () => {
  let house: House;
  let token: string;
  let other: string;
  beforeAll(async () => {
    house = await House.open();
    await house.approve('app1');
    await house.approve('app2', 'npi|1245319599');
    for (const member of ['m1', 'm2', 'out']) await house.attribute(member);
    await house.optOut('out');
    token = await house.token('app1');
    other = await house.token('app2');
    await house.publish([
      ...['m1', 'm2', 'out', 'foreign'].flatMap((m) => [
        { subject: m, resource: patient(m) },
        { subject: m, resource: condition(m, `${m}-c`) },
      ]),
      ...Array.from({ length: 7 }, (_, i) => ({ subject: 'm1', resource: condition('m1', `page-${i}`) })),
      { type: 'payer.provider-recorded.v1', subject: '1234567893', resource: practitioner('p1') },
      {
        type: 'payer.provider-recorded.v1',
        subject: 'med',
        resource: { resourceType: 'Medication', id: 'med1', code: { text: 'aspirin' } },
      },
      { subject: 'm1', resource: { resourceType: 'Medication', id: 'med2', code: { text: 'aspirin' } } },
      { subject: 'm2', resource: { resourceType: 'Medication', id: 'med2', code: { text: 'aspirin' } } },
    ]);
    await house.settled();
  });
  afterAll(() => house.close());
  const get = (url: string, t = token, headers: Record<string, string> = {}): Promise<Answer> =>
    house.call('GET', url, { token: t, headers });
  const comparable = ({ status, headers, text }: Answer): unknown => ({
    status,
    text,
    headers: { ...headers, date: undefined },
  });

  it('reads a resource of an attributed member, with its version', async () => {
    const answer = await get('/fhir/Condition/m1-c');
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({ 'content-type': 'application/fhir+json; charset=utf-8', etag: 'W/"1"' });
    expect(answer.json()).toMatchObject({ resourceType: 'Condition', id: 'm1-c', meta: { versionId: '1' } });
    expect((await house.call('HEAD', '/fhir/Condition/m1-c', { token })).status).toBe(200);
  });

  it('says that exports are per Group to a client that asks for another export, with a token and without', async () => {
    for (const path of ['$export', '%24export', 'Patient/$export?_type=Patient', 'Patient/$davinci-data-export'])
      for (const method of ['GET', 'POST'] as const)
        for (const of of [{}, { token }]) {
          const answer = await house.call(method, `/fhir/${path}`, of);
          expect(answer.status).toBe(404);
          expect(answer.json()).toMatchObject({
            resourceType: 'OperationOutcome',
            issue: [
              { code: 'not-found', diagnostics: expect.stringMatching(/^Exports are per Group.*\/fhir\/Group\?/) },
            ],
          });
        }
  });

  it('names the token that a route needs', async () => {
    const needed = async (method: 'GET' | 'POST', url: string): Promise<unknown> => {
      const answer = await house.call(method, url, {});
      expect([answer.status, answer.headers['www-authenticate']]).toEqual([401, 'Bearer']);
      const body = answer.json() as { issue?: { diagnostics: string }[]; message?: string };
      return body.issue?.[0]?.diagnostics ?? body.message;
    };
    expect(await needed('GET', '/fhir/Condition/m1-c')).toMatch(/needs an access token .* POST \/auth\/token/);
    expect(await needed('GET', '/fhir/Condition')).toMatch(/needs an access token/);
    expect(await needed('POST', '/events')).toMatch(/needs the payer token/);
    expect(await needed('GET', '/events/dead-letters')).toMatch(/needs the (payer|administrator) or /);
  });

  it("shows when the payer's system last changed a resource, beside its own time of acceptance", async () => {
    const url = 'https://pa.example.org/fhir/StructureDefinition/payer-last-updated';
    const stamped = (lastUpdated: string) => ({
      subject: 'm1',
      resource: {
        resourceType: 'Procedure',
        id: 'stamped',
        meta: { lastUpdated },
        status: 'completed',
        subject: { reference: 'Patient/m1' },
      },
    });
    const shown = async (): Promise<Loose> => (await get('/fhir/Procedure/stamped')).json().meta;
    await house.publish([stamped('2024-05-01T08:00:00-05:00')]);
    await house.settled();
    const first = await shown();
    expect(first.extension).toEqual([{ url, valueInstant: '2024-05-01T08:00:00-05:00' }]);
    expect(Date.parse(first.lastUpdated)).toBeGreaterThan(Date.UTC(2025, 0, 1));
    // The stamp alone is no change: the version and its time stay, so that no delta brings the resource again.
    const { receipt } = await house.publish([
      { ...stamped('2024-06-01T08:00:00-05:00'), time: '2025-02-01T00:00:00Z' },
    ]);
    expect(receipt.counts).toEqual({ unchanged: 1 });
    await house.settled();
    expect(await shown()).toEqual({ ...first, extension: [{ url, valueInstant: '2024-06-01T08:00:00-05:00' }] });
  });

  it('answers for a denied member as for an unknown id, to the byte', async () => {
    const unknown = comparable(await get('/fhir/Condition/nobody'));
    expect(unknown).toMatchObject({ status: 404 });
    expect(comparable(await get('/fhir/Condition/out-c'))).toEqual(unknown);
    expect(comparable(await get('/fhir/Condition/foreign-c'))).toEqual(unknown);
    expect(comparable(await get('/fhir/Condition/m1-c', other))).toEqual(unknown);
    expect(comparable(await get('/fhir/Condition/not%20an%20id'))).toEqual(unknown);
  });

  it('searches a denied member as an unknown one, to the byte', async () => {
    const ask = async (t: string): Promise<unknown> => comparable(await get('/fhir/Condition?patient=m1', t));
    const denied = await ask(other);
    expect(denied).toMatchObject({ status: 200 });
    const unknown = comparable(await get('/fhir/Condition?patient=zz', other)) as { text: string };
    expect((denied as { text: string }).text.replaceAll('patient=m1', 'patient=zz')).toBe(unknown.text);
    expect({ ...(denied as object), text: '', headers: undefined }).toEqual({
      ...unknown,
      text: '',
      headers: undefined,
    });
    expect((await get('/fhir/Condition?patient=out')).json()).toMatchObject({ total: 0 });
    expect((await get('/fhir/Condition?_id=out-c,m1-c')).json()).toMatchObject({
      total: 1,
      entry: [{ resource: { id: 'm1-c' } }],
    });
  });

  it('pages by signed links that only their client can follow', async () => {
    const first = await get('/fhir/Condition?patient=Patient/m1&_count=3');
    const bundle = first.json();
    expect(bundle.total).toBeUndefined();
    const seen: string[] = bundle.entry.map((e: Loose) => e.resource.id);
    let next: string | undefined = bundle.link.find((l: Loose) => l.relation === 'next').url;
    const link = next!.replace('https://pa.example.org', '');
    while (next !== undefined) {
      const page = (await get(next.replace('https://pa.example.org', ''))).json();
      seen.push(...page.entry.map((e: Loose) => e.resource.id));
      next = page.link.find((l: Loose) => l.relation === 'next')?.url;
    }
    expect(seen).toEqual(['m1-c', ...Array.from({ length: 7 }, (_, i) => `page-${i}`)]);
    const foreign = await get(link, other);
    const tampered = await get(`${link.slice(0, -6)}AAAAAA`);
    const widened = await get(`${link}&_count=200`);
    const ofOtherType = await get(link.replace('/Condition', '/Observation'));
    for (const answer of [foreign, tampered, widened, ofOtherType]) {
      expect(answer.status).toBe(400);
      expect(answer.json()).toMatchObject({
        resourceType: 'OperationOutcome',
        issue: [{ code: 'value', expression: ['_page'] }],
      });
      expect(answer.text).toBe(foreign.text);
    }
  });

  it('decides again on every page', async () => {
    await house.attribute('leaver');
    await house.publish(
      Array.from({ length: 4 }, (_, i) => ({ subject: 'leaver', resource: condition('leaver', `leave-${i}`) })),
    );
    await house.settled();
    const next = (await get('/fhir/Condition?patient=leaver&_count=2'))
      .json()
      .link.find((l: Loose) => l.relation === 'next').url as string;
    await house.optOut('leaver');
    expect((await get(next.replace('https://pa.example.org', ''))).json().entry).toBeUndefined();
  });

  it('filters by _lastUpdated', async () => {
    const { meta } = (await get('/fhir/Condition/m1-c')).json();
    const at = encodeURIComponent(meta.lastUpdated);
    expect((await get(`/fhir/Condition?patient=m1&_lastUpdated=ge${at}`)).json().entry.length).toBeGreaterThan(0);
    expect((await get(`/fhir/Condition?patient=m1&_id=m1-c&_lastUpdated=${at}`)).json().entry).toHaveLength(1);
    expect((await get(`/fhir/Condition?patient=m1&_lastUpdated=lt${at}`)).json().total).toBe(0);
    expect((await get('/fhir/Condition?patient=m1&_lastUpdated=gt2200')).json().total).toBe(0);
  });

  it('pages by _lastUpdated without loss', async () => {
    const seen: string[] = [];
    let url: string | undefined = '/fhir/Condition?patient=m1&_count=3&_lastUpdated=gt2020-01-01';
    while (url !== undefined) {
      const page: Loose = (await get(url)).json();
      seen.push(...page.entry.map((e: Loose) => e.resource.id));
      url = page.link.find((l: Loose) => l.relation === 'next')?.url.replace('https://pa.example.org', '');
    }
    expect(seen.toSorted()).toEqual(['m1-c', ...Array.from({ length: 7 }, (_, i) => `page-${i}`)]);
  });

  it("lets every approved client read shared resources, and a member's Medication with the member only", async () => {
    expect((await get('/fhir/Practitioner/p1', other)).status).toBe(200);
    expect((await get('/fhir/Practitioner', other)).json()).toMatchObject({ total: 1 });
    for (const of of [token, other]) expect((await get('/fhir/Medication/med1', of)).status).toBe(200);
    expect((await get('/fhir/Medication/med2')).status).toBe(200);
    expect((await get('/fhir/Medication/med2', other)).status).toBe(404);
  });

  it('names what is wrong with a request', async () => {
    const cases: [string, number, string, Record<string, string>?][] = [
      ['/fhir/Condition', 400, 'required'],
      ['/fhir/Condition?patient=m1&color=red', 400, 'not-supported'],
      ['/fhir/Condition?patient=m1&_lastUpdated=yesterday', 400, 'value'],
      ['/fhir/Condition?patient=m1&_count=-1', 400, 'value'],
      ['/fhir/Claim/1', 404, 'not-found'],
      ['/fhir/Nonsense', 404, 'not-found'],
      ['/fhir/Condition/m1-c', 406, 'not-supported', { accept: 'application/fhir+xml' }],
    ];
    for (const [url, status, code, headers] of cases) {
      const answer = await get(url, token, headers ?? {});
      expect([url, answer.status, answer.json().resourceType, answer.json().issue[0].code]).toEqual([
        url,
        status,
        'OperationOutcome',
        code,
      ]);
    }
    expect((await house.call('GET', '/fhir/Condition/m1-c')).status).toBe(401);
    const narrow = await house.token('app1', 'system/Patient.rs');
    expect((await get('/fhir/Condition/m1-c', narrow)).status).toBe(403);
    expect((await get('/fhir/Condition?patient=m1', await house.token('app1', 'system/Condition.r'))).status).toBe(403);
    const entries = await house.audited();
    const refused = { client: 'app1', outcome: 'refused', members: [], types: ['Condition'], count: 1 };
    for (const [action, reason] of [
      ['search', 'required'],
      ['search', 'not-supported'],
      ['search', 'invalid-value'],
      ['search', 'insufficient-scope'],
      ['read', 'insufficient-scope'],
    ])
      expect(entries).toContainEqual(expect.objectContaining({ ...refused, action, reason }));
  });

  it('notes every release and refusal before it answers', async () => {
    const before = (await house.audited()).length;
    await get('/fhir/Condition/m1-c');
    await get('/fhir/Condition/out-c');
    await get('/fhir/Condition/nobody');
    const entries = await house.audited();
    expect(entries).toHaveLength(before + 3);
    expect(entries).toContainEqual(
      expect.objectContaining({ client: 'app1', action: 'read', outcome: 'released', members: ['m1'], resources: 1 }),
    );
    expect(entries).toContainEqual(
      expect.objectContaining({ outcome: 'refused', reason: 'opted-out', members: ['out'] }),
    );
    expect(entries).toContainEqual(
      expect.objectContaining({ outcome: 'refused', reason: 'unknown-resource', members: [] }),
    );
  });

  it('counts of each member what a page of a search has of that member', async () => {
    await get('/fhir/Condition?patient=m1,m2&_count=9');
    const entries = await house.audited();
    // m1 has seven more conditions than the other members.
    expect(entries).toContainEqual(
      expect.objectContaining({
        action: 'search',
        outcome: 'released',
        members: ['m1', 'm2'],
        perMember: [8, 1],
        resources: 9,
      }),
    );
  });

  it('says what it serves without asking who asks', async () => {
    const answer = await house.call('GET', '/fhir/metadata');
    expect(answer.status).toBe(200);
    const { rest, instantiates } = answer.json();
    expect(instantiates).toContain('http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data');
    expect(rest[0].resource.find((r: Loose) => r.type === 'Group').operation.map((o: Loose) => o.name)).toEqual([
      'export',
      'davinci-data-export',
      'provider-member-match',
    ]);
    expect(rest[0].resource.find((r: Loose) => r.type === 'Condition').searchParam.map((p: Loose) => p.name)).toEqual([
      '_id',
      '_lastUpdated',
      '_profile',
      'category',
      'clinical-status',
      'patient',
      'onset-date',
      'asserted-date',
      'recorded-date',
      'abatement-date',
      'code',
      'encounter',
    ]);
  });
});

describe('the queries of a read', () => {
  const statements: string[] = [];

  it('is the same for a denied member or a withheld resource as for an unknown id, and never the line', async () => {
    const house = await House.open({ views: countedViews(openMemoryViews(), statements) });
    try {
      await house.approve('app1');
      for (const member of ['m1', 'out']) await house.attribute(member);
      await house.optOut('out');
      await house.publish([
        ...['m1', 'out', 'foreign'].map((m) => ({ subject: m, resource: condition(m, `${m}-c`) })),
        { subject: 'm1', resource: condition('m1', 'm1-r', { meta: { security: [RESTRICTED] } }) },
      ]);
      await house.settled();
      const token = await house.token('app1');
      const asked = async (id: string): Promise<[number, string[]]> => {
        statements.splice(0);
        const { status } = await house.call('GET', `/fhir/Condition/${id}`, { token });
        return [status, statements.splice(0).filter((statement) => !/^receipts|position|waitFor/.test(statement))];
      };
      const unknown = await asked('nobody');
      expect(unknown).toEqual([404, ['records having 1', 'members getMany 1', 'records getMany 1']]);
      for (const id of ['out-c', 'foreign-c', 'm1-r']) expect(await asked(id)).toEqual(unknown);
      // Nothing can withhold a record without labels, so its line comes with it.
      expect(await asked('m1-c')).toEqual([200, [...unknown[1].slice(0, -1), 'records getMany 1 record.line']]);
    } finally {
      await house.close();
    }
  });
});

describe('when an intake stands still', () => {
  it.each(['attribution', 'consent'] as const)('turns reads into 503 within the bound when %s stops', async (name) => {
    const house = await House.open({ boundMs: 300 });
    try {
      await house.approve('app1');
      await house.attribute('m1');
      await house.publish([{ subject: 'm1', resource: condition('m1', 'c1') }]);
      await house.settled();
      const token = await house.token('app1');
      expect((await house.call('GET', '/fhir/Condition/c1', { token })).status).toBe(200);
      await house.ageFacts(name);
      await expect.poll(async () => (await house.call('GET', '/fhir/Condition/c1', { token })).status).toBe(503);
      for (const url of ['/fhir/Condition/nobody', '/fhir/Condition?patient=m1', '/fhir/Practitioner/p']) {
        const answer = await house.call('GET', url, { token });
        expect([url, answer.status, answer.headers['retry-after']]).toEqual([url, 503, '1']);
      }
    } finally {
      await house.close();
    }
  });
});
