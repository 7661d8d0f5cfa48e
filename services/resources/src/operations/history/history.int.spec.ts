import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PA_RECORD_VERSIONS } from '@provider-access/events';
import { checkShape } from '@provider-access/fhir';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { VersionsReader } from '@provider-access/records';
import { countedViews } from '../../../test/counted-views.ts';
import { type Answer, condition, House, type Loose } from '../../../test/harness.ts';

const RESTRICTED = { system: 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality', code: 'R' };
const BASE = 'https://pa.example.org';
const at = (second: number): string => new Date(Date.UTC(2025, 0, 1, 0, 0, second)).toISOString();
const said = (member: string, id: string, text: string, second: number, more: object = {}) => ({
  subject: member,
  time: at(second),
  resource: condition(member, id, { code: { text }, ...more }),
});
const removal = (member: string, id: string, second: number) => ({
  subject: member,
  type: 'payer.resource-deleted.v1',
  time: at(second),
  data: { resourceType: 'Condition', id },
});
const priorAuthorization = (status: string, second: number, id = 'pa1') => ({
  subject: 'm1',
  type: 'payer.prior-authorization-changed.v1',
  time: at(second),
  data: {
    resource: {
      resourceType: 'ExplanationOfBenefit',
      id,
      status,
      use: 'preauthorization',
      type: { text: 'professional' },
      patient: { reference: 'Patient/m1' },
      created: '2025-01-01',
      insurer: { display: 'Payer' },
      provider: { display: 'Clinic' },
      outcome: 'complete',
      insurance: [{ focal: true, coverage: { display: 'c' } }],
      diagnosis: [{ sequence: 1, diagnosisCodeableConcept: { text: 'asthma' } }],
    },
  },
});

describe('vread and history', () => {
  let house: House;
  let token: string;
  let other: string;
  const statements: string[] = [];
  beforeAll(async () => {
    house = await House.open({ views: countedViews(openMemoryViews(), statements) });
    await house.approve('app1');
    await house.approve('app2', 'npi|1245319599');
    for (const member of ['m1', 'out']) await house.attribute(member);
    await house.optOut('out');
    token = await house.token('app1');
    other = await house.token('app2');
    for (const second of [1, 2, 3])
      await publish(...['m1', 'out', 'foreign'].map((m) => said(m, `${m}-c`, `text ${second}`, second)));
    await publish(said('m1', 'gone', 'there', 1), said('out', 'out-gone', 'there', 1));
    await publish(removal('m1', 'gone', 2), removal('out', 'out-gone', 2), removal('m1', 'never', 2));
    await publish(
      said('m1', 'restricted', 'open', 1),
      said('m1', 'was-restricted', 'x', 1, { meta: { security: [RESTRICTED] } }),
    );
    await publish(
      said('m1', 'restricted', 'closed', 2, { meta: { security: [RESTRICTED] } }),
      said('m1', 'was-restricted', 'open', 2),
    );
    await publish(removal('m1', 'restricted', 3));
    await publish(said('m1', 'removed', 'x', 1, { meta: { security: [RESTRICTED] } }));
    await publish(removal('m1', 'removed', 2));
    await publish(said('m1', 'removed', 'open', 3));
    await publish(said('m1', 'hidden-error', 'wrong person', 1));
    const inError = { verificationStatus: { coding: [{ code: 'entered-in-error' }] } };
    await publish(said('m1', 'hidden-error', 'x', 2, { meta: { security: [RESTRICTED] } }));
    await publish(said('m1', 'hidden-error', 'x', 3, inError));
    await publish(said('m1', 'hidden-error', 'right person', 4));
    await publish(said('m1', 'error', 'wrong person', 1));
    await publish(said('m1', 'error', 'x', 2, inError));
    await publish(said('m1', 'corrected', 'wrong person', 1));
    await publish(said('m1', 'corrected', 'x', 2, inError));
    await publish(said('m1', 'corrected', 'right person', 3));
    await publish(priorAuthorization('active', 1));
    await publish(priorAuthorization('entered-in-error', 2));
  });
  afterAll(() => house.close());
  /** Publishes in a request of its own, and waits for the views. */
  async function publish(...events: Parameters<House['publish']>[0]): Promise<void> {
    await house.publish(events);
    await house.settled();
    await new VersionsReader(house.views).view.waitFor(await house.log.head([PA_RECORD_VERSIONS]), 60_000);
  }
  const get = (url: string, t = token, headers: Record<string, string> = {}): Promise<Answer> =>
    house.call('GET', `/fhir/Condition/${url}`, { token: t, headers });
  const comparable = ({ status, headers, text }: Answer): unknown => ({
    status,
    text,
    headers: { ...headers, date: undefined },
  });
  const entriesOf = async (url: string): Promise<unknown[]> =>
    ((await get(url)).json().entry ?? []).map((e: Loose) => [
      e.request.method,
      e.response.etag,
      e.resource?.code.text ?? e.resource?.status,
    ]);

  it('reads each version as it was, and the current one as a read does', async () => {
    for (const version of [1, 2, 3]) {
      const answer = await get(`m1-c/_history/${version}`);
      expect(answer.status).toBe(200);
      expect(answer.headers).toMatchObject({
        'content-type': 'application/fhir+json; charset=utf-8',
        etag: `W/"${version}"`,
      });
      expect(answer.json()).toMatchObject({ meta: { versionId: String(version) }, code: { text: `text ${version}` } });
    }
    expect(comparable(await get('m1-c/_history/3'))).toEqual(comparable(await get('m1-c')));
    const head = await house.call('HEAD', '/fhir/Condition/m1-c/_history/2', { token });
    expect([head.status, head.text, head.headers['etag']]).toEqual([200, '', 'W/"2"']);
  });

  it('lists the versions newest first, as a valid Bundle', async () => {
    const bundle = (await get('m1-c/_history')).json();
    expect(checkShape(bundle)).toEqual([]);
    expect(bundle).toMatchObject({
      type: 'history',
      total: 3,
      link: [{ relation: 'self', url: `${BASE}/fhir/Condition/m1-c/_history` }],
    });
    expect(bundle.entry.map((e: Loose) => [e.fullUrl, e.request, e.response.status, e.resource.code.text])).toEqual(
      [3, 2, 1].map((version) => [
        `${BASE}/fhir/Condition/m1-c`,
        { method: 'PUT', url: 'Condition/m1-c' },
        version === 1 ? '201' : '200',
        `text ${version}`,
      ]),
    );
    expect(bundle.entry[1].response).toMatchObject({
      etag: 'W/"2"',
      lastModified: bundle.entry[1].resource.meta.lastUpdated,
    });
  });

  it('pages by links that only their client can follow, and decides again on every page', async () => {
    const first = (await get('m1-c/_history?_count=1')).json();
    expect(first.total).toBeUndefined();
    const next = first.link.find((l: Loose) => l.relation === 'next').url.replace(`${BASE}/fhir/Condition/`, '');
    const second = (await get(next)).json();
    expect(second.entry.map((e: Loose) => e.resource.code.text)).toEqual(['text 2']);
    const last = second.link.find((l: Loose) => l.relation === 'next').url.replace(`${BASE}/fhir/Condition/`, '');
    const third = (await get(last)).json();
    expect(third.entry.map((e: Loose) => e.resource.code.text)).toEqual(['text 1']);
    expect(third.link.map((l: Loose) => l.relation)).toEqual(['self']);
    for (const answer of [await get(next, other), await get(next.replace('m1-c', 'corrected')), await get(`${next}A`)])
      expect([answer.status, answer.json().issue[0].expression]).toEqual([400, ['_page']]);
    await house.attribute('leaver');
    for (const second of [1, 2, 3]) await publish(said('leaver', 'leaves', `text ${second}`, second));
    const page = (await get('leaves/_history?_count=1')).json().link[1].url.replace(`${BASE}/fhir/Condition/`, '');
    expect((await get(page)).status).toBe(200);
    await house.optOut('leaver');
    expect(comparable(await get(page))).toEqual(comparable(await get('nobody/_history')));
  });

  it('takes _since and _at, and names what is wrong with a parameter', async () => {
    const { entry } = (await get('m1-c/_history')).json();
    const times = entry.map((e: Loose) => encodeURIComponent(e.resource.meta.lastUpdated));
    const texts = async (query: string): Promise<unknown[]> =>
      ((await get(`m1-c/_history?${query}`)).json().entry ?? []).map((e: Loose) => e.resource.code.text);
    expect(await texts(`_since=${times[1]}`)).toEqual(['text 3', 'text 2']);
    expect(await texts(`_at=${times[1]}`)).toEqual(['text 2']);
    expect(await texts('_at=2001')).toEqual([]);
    expect(await texts(`_at=${String(entry[0].resource.meta.lastUpdated).slice(0, 4)}`)).toHaveLength(3);
    for (const query of ['_count=0', '_count=x', '_since=yesterday', '_at=', '_sort=date', '_count=1&_count=2'])
      expect([query, (await get(`m1-c/_history?${query}`)).status]).toEqual([query, 400]);
  });

  it('gives one answer, to the byte, for what is denied, foreign, withheld, unknown or no version', async () => {
    for (const suffix of ['', '/_history', '/_history/1']) {
      const unknown = comparable(await get(`nobody${suffix}`));
      expect(unknown).toMatchObject({ status: 404 });
      for (const id of ['out-c', 'out-gone', 'foreign-c', 'never', 'restricted', 'not%20an%20id'])
        expect(comparable(await get(`${id}${suffix}`)), id + suffix).toEqual(unknown);
      for (const id of ['m1-c', 'gone', 'error', 'corrected'])
        expect(comparable(await get(`${id}${suffix}`, other)), id + suffix).toEqual(unknown);
    }
    const unknown = comparable(await get('nobody/_history/1'));
    for (const version of ['4', '0', '01', 'x', '999999999999'])
      expect(comparable(await get(`m1-c/_history/${version}`))).toEqual(unknown);
  });

  it('says of a removed resource that it was there only to a client that may see the member', async () => {
    const answer = await get('gone');
    expect([answer.status, answer.json().issue[0].code]).toEqual([410, 'deleted']);
    expect((await get('gone/_history/2')).status).toBe(410);
    expect((await get('gone/_history/1')).json()).toMatchObject({ code: { text: 'there' } });
    expect(await entriesOf('gone/_history')).toEqual([
      ['DELETE', 'W/"2"', undefined],
      ['PUT', 'W/"1"', 'there'],
    ]);
  });

  it('leaves out versions whose labels withhold them, also when the label came or went later', async () => {
    expect(await entriesOf('was-restricted/_history')).toEqual([['PUT', 'W/"2"', 'open']]);
    expect(comparable(await get('was-restricted/_history/1'))).toEqual(comparable(await get('nobody/_history/1')));
  });

  it('leaves out the removal of a withheld version, which would tell that there was one', async () => {
    expect(await entriesOf('removed/_history')).toEqual([['PUT', 'W/"3"', 'open']]);
    for (const version of [1, 2])
      expect(comparable(await get(`removed/_history/${version}`)), String(version)).toEqual(
        comparable(await get('nobody/_history/1')),
      );
    expect(await entriesOf('hidden-error/_history')).toEqual([['PUT', 'W/"4"', 'right person']]);
    expect((await get('hidden-error/_history/1')).status).toBe(404);
  });

  it('releases nothing that the payer calls entered in error', async () => {
    expect((await get('error')).status).toBe(410);
    expect(await entriesOf('error/_history')).toEqual([['DELETE', 'W/"2"', undefined]]);
    expect((await get('error/_history/1')).status).toBe(404);
    expect(await entriesOf('corrected/_history')).toEqual([
      ['PUT', 'W/"3"', 'right person'],
      ['DELETE', 'W/"2"', undefined],
    ]);
    expect((await get('corrected/_history/1')).status).toBe(404);
    expect((await get('corrected/_history/2')).status).toBe(410);
  });

  it('answers for a prior authorization entered in error with its status, and without what was wrong', async () => {
    const of = (path: string): Promise<Answer> => house.call('GET', `/fhir/ExplanationOfBenefit${path}`, { token });
    const answer = await of('/pa1');
    expect(answer.status).toBe(200);
    const resource = answer.json();
    expect(checkShape(resource)).toEqual([]);
    expect(resource).toMatchObject({
      id: 'pa1',
      meta: { versionId: '2' },
      status: 'entered-in-error',
      outcome: 'complete',
    });
    expect(resource.diagnosis).toBeUndefined();
    expect((await of('/pa1/_history')).json().entry.map((e: Loose) => [e.request.method, e.resource.status])).toEqual([
      ['PUT', 'entered-in-error'],
    ]);
    expect((await of('/pa1/_history/2')).text).toBe(answer.text);
    expect((await of('/pa1/_history/1')).status).toBe(404);
    expect((await of('?patient=m1')).json()).toMatchObject({ total: 0 });
    // Exports leave a removed record out, and list it in `deleted`.
    expect((await house.records.heads(['m1/ExplanationOfBenefit/pa1']))[0]).toMatchObject({ deleted: true });
  });

  it('answers 304 to a client that has the version, after the decision, and notes it', async () => {
    const { headers } = await get('m1-c');
    const modified = String(headers['last-modified']);
    const before = new Date(Date.parse(modified) - 1000).toUTCString();
    const cases: [Record<string, string>, number][] = [
      [{ 'if-none-match': 'W/"3"' }, 304],
      [{ 'if-none-match': '"3"' }, 304],
      [{ 'if-none-match': 'W/"1", W/"3"' }, 304],
      [{ 'if-none-match': '*' }, 304],
      [{ 'if-none-match': 'W/"33"' }, 200],
      [{ 'if-none-match': 'W/"1"', 'if-modified-since': modified }, 200],
      [{ 'if-modified-since': modified }, 304],
      [{ 'if-modified-since': before }, 200],
      [{ 'if-modified-since': 'yesterday' }, 200],
    ];
    for (const [given, status] of cases) {
      const answer = await get('m1-c', token, given);
      expect([given, answer.status]).toEqual([given, status]);
      if (status === 304) expect([answer.text, answer.headers['etag']]).toEqual(['', 'W/"3"']);
      const denied = comparable(await get('out-c', token, given));
      expect(denied).toEqual(comparable(await get('nobody')));
    }
    expect((await get('m1-c/_history/1', token, { 'if-none-match': 'W/"1"' })).status).toBe(304);
  });

  it('notes every release and refusal as what it is', async () => {
    const entries = async (): Promise<Loose[]> =>
      (await house.audited()).map(({ action, outcome, reason, members, resources }) => [
        action,
        outcome,
        reason,
        members,
        resources,
      ]);
    const before = await entries();
    await get('m1-c/_history/1');
    await get('m1-c/_history');
    await get('m1-c', token, { 'if-none-match': '*' });
    await get('gone');
    await get('gone/_history');
    await get('out-c/_history/1');
    const known = before.map((entry) => JSON.stringify(entry));
    const news: unknown[] = [];
    for (const entry of await entries()) {
      const index = known.indexOf(JSON.stringify(entry));
      if (index < 0) news.push(entry);
      else known.splice(index, 1);
    }
    expect(news.toSorted()).toEqual(
      [
        ['vread', 'released', undefined, ['m1'], 1],
        ['history', 'released', undefined, ['m1'], 3],
        ['read', 'released', 'not-modified', ['m1'], 0],
        ['read', 'released', 'removed', ['m1'], 0],
        ['history', 'released', undefined, ['m1'], 1],
        ['vread', 'refused', 'opted-out', ['out'], 0],
      ].toSorted(),
    );
  });

  it('costs the same queries for a denied, withheld or unknown resource, and loads no line for them', async () => {
    const asked = async (url: string): Promise<string[]> => {
      statements.splice(0);
      await get(url);
      return statements.splice(0).filter((s) => !s.startsWith('receipts') && !s.includes('waitFor'));
    };
    for (const suffix of ['', '/_history', '/_history/1']) {
      const unknown = await asked(`nobody${suffix}`);
      expect(unknown).toEqual(['records having 1', 'members getMany 1', 'records getMany 1']);
      for (const id of ['out-c', 'foreign-c']) expect(await asked(`${id}${suffix}`), id + suffix).toEqual(unknown);
    }
    expect(await asked('m1-c')).toEqual(['records having 1', 'members getMany 1', 'records getMany 1 record.line']);
    expect(await asked('m1-c/_history/1')).toEqual([
      'records having 1',
      'members getMany 1',
      'records getMany 1',
      'versions find 1',
      'versions find 1',
      'versions getMany 1 version.line',
    ]);
    expect(await asked('m1-c/_history')).toEqual([
      'records having 1',
      'members getMany 1',
      'records getMany 1',
      'records getMany 1 record.line',
      'versions find 1',
      'versions getMany 2 version.line',
    ]);
  });
});

describe('a roll-out', () => {
  it('loses no version that the process before wrote or had in flight', async () => {
    const before = await House.open();
    let after: House | undefined;
    try {
      await before.publish([said('m1', 'c1', 'text 1', 1)]);
      await before.publish([said('m1', 'c1', 'text 2', 2)]);
      await before.app.close();
      for (const name of ['attribution', 'consent'] as const) await before.stopIntake(name);
      const { log, views, state } = before;
      after = await House.open({ log, views, state });
      await after.approve('app1');
      await after.attribute('m1');
      await after.publish([said('m1', 'c1', 'text 3', 3)]);
      await after.settled();
      await new VersionsReader(views).view.waitFor(await log.head([PA_RECORD_VERSIONS]), 60_000);
      const token = await after.token('app1');
      const bundle = (await after.call('GET', '/fhir/Condition/c1/_history', { token })).json();
      expect(bundle.entry.map((e: Loose) => e.resource.code.text)).toEqual(['text 3', 'text 2', 'text 1']);
    } finally {
      await (after ?? before).close();
    }
  });
});
