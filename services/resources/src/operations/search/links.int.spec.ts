import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomBytes } from 'node:crypto';
import { type Answer, condition, House, type Loose } from '../../../test/harness.ts';

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
const BASE = 'https://pa.example.org';

describe('the links of a search', () => {
  let house: House;
  let token: string;
  beforeAll(async () => {
    house = await House.open();
    await house.approve('app1');
    await house.attribute('m1');
    token = await house.token('app1');
    await house.publish(['c1', 'c2', 'c3'].map((id) => ({ subject: 'm1', resource: condition('m1', id) })));
    await house.settled();
  });
  afterAll(() => house.close());
  const get = (url: string, headers: Record<string, string> = {}): Promise<Answer> =>
    house.call('GET', url.replace(BASE, ''), { token, headers });
  const post = (body: string, headers: Record<string, string> = {}): Promise<Answer> =>
    house.call('POST', '/fhir/Condition/_search', { token, headers: { ...FORM, ...headers }, body });
  const linkOf = (bundle: Loose, name: string): string | undefined =>
    bundle.link.find(({ relation }: Loose) => relation === name)?.url;
  const modesOf = (bundle: Loose): string[] => bundle.entry.map(({ search }: Loose) => search.mode);

  // https://hl7.org/fhir/R4/search.html#conformance: the server returns the parameters that it used.
  it.each([
    ['color=red', 'color'],
    ['_sort=color', '_sort'],
    ['_sort=recorded-date,color', '_sort'],
    ['_include=Condition:color', '_include'],
    ['_elements=color', '_elements'],
    ['_lenient=', '_lenient'],
  ])('self has nothing of an ignored %s', async (query, expression) => {
    const lenient = { prefer: 'handling=lenient' };
    const answer = await get(`/fhir/Condition?patient=m1&${query}&_count=2&_summary=true`, lenient);
    const bundle = answer.json();
    expect(answer.status, answer.text).toBe(200);
    expect(linkOf(bundle, 'self')).toBe(`${BASE}/fhir/Condition?_count=2&_summary=true&patient=m1`);
    // Both followed without the header: self is the search that was made, and each page says what was ignored.
    const [self, next] = [await get(linkOf(bundle, 'self')!), await get(linkOf(bundle, 'next')!)];
    expect(modesOf(self.json())).toEqual(['match', 'match']);
    expect(self.json().entry).toEqual(bundle.entry.slice(0, 2));
    expect(linkOf(self.json(), 'self')).toBe(linkOf(bundle, 'self'));
    const outcome = query.startsWith('_lenient') ? [] : ['outcome'];
    expect(modesOf(next.json())).toEqual(['match', ...outcome]);
    expect(bundle.entry[2].resource.issue).toMatchObject([{ severity: 'warning', expression: [expression] }]);
    const again = await get(linkOf(bundle, 'self')!, lenient);
    expect(linkOf(again.json(), 'self')).toBe(linkOf(bundle, 'self'));
  });

  it('self keeps what counts beside an ignored value of the same name', async () => {
    const query = '_include=MedicationRequest:color&_include=MedicationRequest:medication&patient=m1';
    const bundle = (await get(`/fhir/MedicationRequest?${query}`, { prefer: 'handling=lenient' })).json();
    expect(new URL(linkOf(bundle, 'self')!).search).toBe('?_include=MedicationRequest%3Amedication&patient=m1');
  });

  it.each(['handling="lenient"', 'respond-async; handling = lenient', 'wait=10, Handling=Lenient'])(
    'takes Prefer: %s for lenient',
    async (prefer) => {
      expect((await get('/fhir/Condition?patient=m1&color=red', { prefer })).status).toBe(200);
    },
  );

  it('refuses more than 1,000 values as too costly', async () => {
    const code = (values: number): string =>
      `patient=m1&code:not=${Array.from({ length: values }, (_, i) => i).join(',')}`;
    expect((await post(code(999))).status).toBe(200);
    for (const answer of [await post(code(1000)), await get(`/fhir/Condition?${code(1000)}`)]) {
      expect(answer.status).toBe(413);
      expect(answer.json()).toMatchObject({ issue: [{ code: 'too-costly', expression: ['code:not'] }] });
    }
  });

  it('shows nothing of a search by POST on any of its pages', async () => {
    const shown = (link: string): string => Buffer.from(link.split('_page=')[1]!, 'base64url').toString('latin1');
    const first = (await post('patient=m1&_count=1')).json();
    const second = (await get(linkOf(first, 'next')!)).json();
    expect(modesOf((await get(linkOf(second, 'next')!)).json())).toEqual(['match']);
    for (const link of [linkOf(first, 'self'), linkOf(first, 'next'), linkOf(second, 'next')])
      expect(shown(link!)).not.toMatch(/patient|_count|"(m1|c[123])"/);
  });

  it('answers a search by as many codes as a search may have values', async () => {
    const codes = Array.from({ length: 998 }, () => randomBytes(18).toString('hex'));
    for (const [parameter, found] of [
      [`code=${codes.join(',')}`, []],
      [`clinical-status=${[...codes, 'active'].join(',')}`, ['match', 'match', 'match']],
    ] as const) {
      const answer = await post(`patient=m1&${parameter}`);
      expect([answer.status, modesOf({ entry: [], ...answer.json<Loose>() })]).toEqual([200, found]);
    }
  });

  it('answers a search by POST that is too long for a link, as long as it needs no next page', async () => {
    const codes = Array.from({ length: 997 }, () => randomBytes(18).toString('hex')).join(',');
    const answer = await post(`patient=m1&code:not=${codes}`);
    expect([answer.status, answer.json().entry?.length]).toEqual([200, 3]);
    expect(answer.json().link).toEqual([{ relation: 'self', url: `${BASE}/fhir/Condition/_search` }]);
    const before = (await house.audited()).length;
    const first = await post(`patient=m1&code:not=${codes}&_count=1`);
    expect(first.status).toBe(400);
    expect(first.json().issue[0].diagnostics).toContain('too long to be continued by a link');
    // No resource left, but the refusal tells that the member has some.
    const entries = (await house.audited()).slice(before);
    expect(entries.filter(({ outcome }) => outcome === 'released')).toMatchObject([{ members: ['m1'], resources: 0 }]);
  });
});
