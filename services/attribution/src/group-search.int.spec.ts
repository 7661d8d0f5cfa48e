import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeEvent, PA_AUDIT, PA_RECORDS } from '@provider-access/events';
import { ProjectionSet } from '@provider-access/engines/views';
import { directory, recordId, records } from '@provider-access/records';
import { searchOf } from '@provider-access/fhir';
import { instant } from '@provider-access/kernel';
import { attributed, Harness, inNetwork, NPI, OTHER_NPI, panel, payerEvent } from '../test/harness.ts';
import { TIN, NPI_SYSTEM, TIN_SYSTEM, ROWS } from '../test/group-search-rows.ts';
import { type BundleJson, find, typed } from '../test/groups.ts';

/** In network, and in no directory. */
const UNLISTED = '1999999984';
const SCOPE = 'system/Group.rs system/Organization.rs';

let h: Harness;
let views: ProjectionSet;
/** Ids of the Groups of the NPI, of the TIN and of the NPI with a contract, and of a foreign provider. */
let groups: Readonly<Record<'npi' | 'tin' | 'contract', string>>;
let token: Record<string, string>;
let narrow: Record<string, string>;

beforeAll(async () => {
  h = new Harness();
  views = new ProjectionSet({ log: h.log, views: h.views, projections: [directory, records] });
  await views.start();
  await h.start();
  const assert = (provider: object) =>
    payerEvent('payer.attribution-asserted.v1', 'm1', { provider, from: '2025-01-01' });
  await h.publish(
    inNetwork(),
    inNetwork(OTHER_NPI),
    inNetwork(UNLISTED),
    attributed('m1', UNLISTED),
    payerEvent('payer.network-status-changed.v1', TIN, { tin: TIN, status: 'in-network', from: '2025-01-01' }),
    ...panel('m1'),
    attributed('m1', OTHER_NPI),
    assert({ npi: NPI, contract: 'K-1' }),
    assert({ tin: TIN }),
    payerEvent('payer.list-changed.v1', NPI, {
      ...{ provider: { npi: NPI }, contract: 'K-1', status: 'open' },
      ...{ validFrom: '2026-01-01', validTo: '2026-12-31' },
    }),
  );
  for (const [id, identifier] of [
    ['clinic', [{ system: NPI_SYSTEM, value: NPI }]],
    ['practice', [{ system: TIN_SYSTEM, value: '12-3456789' }]],
    ['elsewhere', [{ system: NPI_SYSTEM, value: OTHER_NPI }]],
  ] as const)
    await organization(id, identifier);
  token = await h.app1('c1', [`npi|${NPI}`, `tin|${TIN}`], SCOPE);
  narrow = await h.app1('c2', [`npi|${NPI}`, `tin|${TIN}`]);
  const idOf = async (query: string): Promise<string> => (await find(h, token, query)).entry![0]!.resource.id;
  groups = {
    npi: (await ids(`?identifier=${NPI_SYSTEM}|${NPI}`)).find((id) => id !== undefined)!,
    tin: await idOf(`?identifier=${TIN_SYSTEM}|${TIN}`),
    contract: await idOf('?identifier=K-1'),
  };
  const both = await ids(`?identifier=${NPI_SYSTEM}|${NPI}`);
  groups = { ...groups, npi: both.find((id) => id !== groups.contract)! };
});
afterAll(async () => {
  await views.stop();
  await h.stop();
});

/** @param former whether an earlier release accepted the resource, which did not write the labels beside the line */
async function organization(
  id: string,
  identifier: readonly object[],
  { label, former = false }: { label?: { system: string; code: string }; former?: boolean } = {},
): Promise<void> {
  const at = instant(h.now);
  const security = label === undefined ? {} : { meta: { security: [label] } };
  const line = JSON.stringify({ resourceType: 'Organization', id, ...security, identifier, name: id });
  const labels = former ? undefined : label === undefined ? [] : [`${label.system}|${label.code}`];
  const common = { member: 'shared', type: 'Organization', id, versionId: 1, lastUpdated: at, businessTime: at };
  const data = { ...common, sequence: 0, contentHash: id, references: [], tokens: [], labels, line };
  const event = { id: `r-${id}`, source: 'urn:test', type: 'pa.record-accepted.v1', time: at, subject: 'shared', data };
  await h.log.append(PA_RECORDS, [encodeEvent(event, { key: recordId('shared', 'Organization', id) })]);
  for (const view of [directory, records])
    if (!(await h.views.reader(view).waitFor(await h.log.head([PA_RECORDS]), 60_000)))
      throw new Error(`${view.name} did not pass the record`);
}
const post = (body: string, type = 'application/x-www-form-urlencoded', query = '') =>
  h.app.inject({
    method: 'POST',
    url: `/fhir/Group/_search${query}`,
    headers: { ...token, 'content-type': type },
    payload: body,
  });
const idsOf = (bundle: BundleJson): string[] => (bundle.entry ?? []).map(({ resource }) => resource.id);
const ids = async (query: string, headers = token): Promise<string[]> => idsOf(await find(h, headers, query));

// A18: `characteristic-value` is among the rows, and its bad composites are among what is refused.
describe('a search for Groups (A7, A18)', () => {
  it.each(ROWS)('by %s', async (query, found) => {
    const expected = found.map((name) => groups[name]).toSorted();
    expect(await ids(`?${query}`)).toEqual(expected);
    const posted = await post(query);
    expect([posted.statusCode, idsOf(posted.json<BundleJson>())]).toEqual([200, expected]);
  });

  it('uses every declared parameter, and only these', () => {
    const used = new Set(
      ROWS.flatMap(([query]) => [...new URLSearchParams(query).keys()].map((k) => k.split(':')[0]!)),
    );
    expect([...used, '_id'].toSorted()).toEqual(
      searchOf('Group')!
        .parameters.map(({ name }) => name)
        .toSorted(),
    );
  });

  it('finds one by its id, and never the Group of another provider', async () => {
    expect(await ids(`?_id=${groups.tin},${groups.contract}`)).toEqual([groups.tin, groups.contract].toSorted());
    const other = await h.app1('c3', [`npi|${OTHER_NPI}`]);
    expect(await ids(`?_id=${groups.tin}`, other)).toEqual([]);
    expect(await ids('', other)).toHaveLength(1);
  });

  it('by a reference finds nothing for an app that cannot read the Organization', async () => {
    expect(await ids('?characteristic-value-reference=Organization/clinic', narrow)).toEqual([]);
    expect(await ids(`?characteristic-value-reference:identifier=${NPI}`, narrow)).toHaveLength(2);
  });

  it('by a name finds nothing under a name that a label withholds', async () => {
    const restricted = { system: 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality', code: 'R' };
    // It stands before the other entry of this NPI, and may not be named.
    await organization('a-secret', [{ system: NPI_SYSTEM, value: NPI }], { label: restricted });
    expect(await ids('?name=a-secret')).toEqual([]);
    expect(await ids('?name=clinic')).toHaveLength(2);
  });

  it('by a name finds by the NPI where the directory has no entry', async () => {
    const alone = await h.app1('c4', [`npi|${UNLISTED}`]);
    expect((await find(h, alone, `?name=NPI ${UNLISTED}`)).entry!.map(({ resource }) => resource)).toMatchObject([
      { name: `NPI ${UNLISTED}` },
    ]);
  });

  it('by a reference finds nothing while a label withholds the Organization', async () => {
    const restricted = { system: 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality', code: 'R' };
    const identifier = [{ system: NPI_SYSTEM, value: NPI }];
    await organization('restricted', identifier, { label: restricted });
    await organization('restricted-before', identifier, { label: restricted, former: true });
    await organization('open-before', identifier, { former: true });
    expect(await ids('?characteristic-value-reference=Organization/restricted')).toEqual([]);
    expect(await ids('?characteristic-value-reference=Organization/restricted-before')).toEqual([]);
    expect(await ids('?characteristic-value-reference=Organization/open-before')).toHaveLength(2);
  });

  it('joins parameters of the body with those of the URL', async () => {
    const answer = await post(`identifier=${NPI}`, undefined, '?identifier=K-1');
    expect(idsOf(answer.json<BundleJson>())).toEqual([groups.contract]);
    expect(idsOf((await post('', undefined, '?identifier=K-1')).json<BundleJson>())).toEqual([groups.contract]);
    for (const type of ['application/json', 'application/fhir+json', 'text/plain'])
      expect((await post('{}', type)).statusCode).toBe(415);
    const bare = await h.app.inject({ method: 'POST', url: '/fhir/Group/_search' });
    expect(bare.statusCode).toBe(401);
  });

  it.each([
    ['color=blue', 'not-supported', 'color'],
    ['identifier:above=x', 'not-supported', 'identifier'],
    ['identifier=a,,b', 'value', 'identifier'],
    ['period=soon', 'value', 'period'],
    ['name:above=x', 'not-supported', 'name'],
    ['characteristic-value-reference=%23x', 'value', 'characteristic-value-reference'],
    ['characteristic-value=x', 'value', 'characteristic-value'],
    ['characteristic-value=x$', 'value', 'characteristic-value'],
    ['characteristic-value=$x', 'value', 'characteristic-value'],
    ['characteristic-value=x$y$z', 'value', 'characteristic-value'],
    ['characteristic-value=x%5C$y', 'value', 'characteristic-value'],
    ['characteristic-value=x$Organization/a/_history/1', 'value', 'characteristic-value'],
    ['_count=x', 'value', '_count'],
    ['_summary=some', 'value', '_summary'],
    ['_total=many', 'value', '_total'],
    ['_sort=name', 'not-supported', '_sort'],
    ['_include=Group:member', 'not-supported', '_include'],
    ['_elements=color', 'not-supported', '_elements'],
    ['_page=tampered', 'value', '_page'],
    ['_count=1&_count=2', 'invalid', '_count'],
  ])('refuses %s and names the parameter', async (query, code, expression) => {
    for (const answer of [await h.get(`/fhir/Group?${query}`, token), await post(query)]) {
      expect(answer.statusCode).toBe(400);
      expect(answer.json()).toMatchObject({ issue: [{ code, expression: [expression] }] });
    }
  });

  it('ignores what is not declared when asked to be lenient, and says so', async () => {
    const answer = await h.get('/fhir/Group?color=blue&identifier=K-1', { ...token, prefer: 'handling=lenient' });
    const { total, entry } = answer.json<{ total: number; entry: { search: { mode: string }; resource: object }[] }>();
    expect([total, entry.map(({ search }) => search.mode)]).toEqual([1, ['match', 'outcome']]);
    expect(entry[1]!.resource).toMatchObject({ resourceType: 'OperationOutcome', issue: [{ expression: ['color'] }] });
  });

  // https://hl7.org/fhir/R4/search.html#conformance: the server returns the parameters that it used.
  it('has the parameters that it used in self, and its links need no header', async () => {
    const lenient = { ...token, prefer: 'handling="lenient"' };
    const linksOf = ({ link }: BundleJson): Record<string, string> =>
      Object.fromEntries(link.map(({ relation, url }) => [relation, url.replace('https://pa.example', '')]));
    const answer = await h.get('/fhir/Group?color=blue&_sort=name&_count=2&_pretty=true', lenient);
    const bundle = answer.json<BundleJson>();
    const links = linksOf(bundle);
    expect(links['self']).toBe('/fhir/Group?_count=2');
    const self = (await h.get(links['self']!, token)).json<BundleJson>();
    expect(idsOf(self)).toEqual(idsOf(bundle).slice(0, 2));
    const next = (await h.get(links['next']!, token)).json<BundleJson>();
    expect(next.entry!.map((entry) => (entry as unknown as { search: { mode: string } }).search.mode)).toEqual([
      'match',
      'outcome',
    ]);
    expect((await h.get(linksOf(next)['self']!, token)).json()).toEqual(next);
  });

  it.each(['GET', 'POST'])('leads on in the format that the client names (%s)', async (method) => {
    const accept = { accept: 'application/fhir+xml' };
    const query = '_count=2&_format=json&_pretty=true';
    const answer =
      method === 'GET'
        ? await h.get(`/fhir/Group?${query}`, { ...token, ...accept })
        : await h.app.inject({
            method: 'POST',
            url: '/fhir/Group/_search',
            headers: { ...token, ...accept, 'content-type': 'application/x-www-form-urlencoded' },
            payload: query,
          });
    expect(answer.statusCode).toBe(200);
    for (const { url } of answer.json<BundleJson>().link) {
      const path = url.replace('https://pa.example', '');
      expect((await h.get(path, { ...token, ...accept })).statusCode, path).toBe(200);
      expect((await h.get(`${path}&_pretty=true`, { ...token, ...accept })).statusCode, path).toBe(200);
    }
  });

  it('refuses more than 1,000 values as too costly, and takes a POST that is too long for a link', async () => {
    const values = (count: number): string =>
      Array.from({ length: count }, () => randomBytes(18).toString('hex')).join(',');
    const costly = await post(`identifier=${values(1001)}`);
    expect([costly.statusCode, costly.json()]).toMatchObject([413, { issue: [{ code: 'too-costly' }] }]);
    const long = await post(`identifier=K-1,${values(990)}`);
    expect([long.statusCode, idsOf(long.json<BundleJson>())]).toEqual([200, [groups.contract]]);
    expect(long.json<BundleJson>().link).toEqual([{ relation: 'self', url: 'https://pa.example/fhir/Group/_search' }]);
    const paged = await post(`identifier=${NPI},K-1,${values(990)}&_count=1`);
    expect([paged.statusCode, paged.json()]).toMatchObject([400, { issue: [{ code: 'value' }] }]);
  });

  it.each(['', '&_sort=-_id', '&_sort=_lastUpdated', '&_sort=-_lastUpdated,_id'])(
    'gives each Group once over its pages (%s)',
    async (sort) => {
      const found: string[] = [];
      for (let url: string | undefined = `/fhir/Group?_count=2&_summary=true${sort}`; url !== undefined;) {
        const page: BundleJson = (await h.get(url, token)).json<BundleJson>();
        expect(page.total).toBe(3);
        found.push(...idsOf(page));
        url = page.link.find(({ relation }) => relation === 'next')?.url.replace('https://pa.example', '');
      }
      const byId = Object.values(groups).toSorted();
      if (sort === '&_sort=-_id') expect(found).toEqual(byId.toReversed());
      else if (sort === '&_sort=_lastUpdated') expect(found.toSorted()).toEqual(byId);
      else expect(found).toEqual(byId);
    },
  );
});

describe('the shape of a Group', () => {
  const first = async (query: string): Promise<Record<string, unknown>> =>
    (await find(h, token, `?identifier=K-1&${query}`)).entry![0]!.resource as never;
  const SUBSETTED = { meta: { tag: [{ code: 'SUBSETTED' }] } };

  it('is the same in a search and in a read', async () => {
    for (const query of [
      '',
      '_summary=true',
      '_summary=text',
      '_summary=data',
      '_summary=false',
      '_elements=member,name',
    ])
      expect((await h.get(`/fhir/Group/${groups.contract}?${query}`, token)).json(), query).toEqual(await first(query));
  });

  it('follows _summary and _elements', async () => {
    expect(await first('_summary=true')).toMatchObject({ ...SUBSETTED, quantity: 1, extension: expect.any(Array) });
    expect(await first('_summary=true')).not.toHaveProperty('member');
    expect(Object.keys(await first('_summary=text'))).toEqual(['resourceType', 'id', 'meta', 'type', 'actual']);
    expect(await first('_summary=data')).toMatchObject({ ...SUBSETTED, member: [{}] });
    expect(await first('_elements=quantity')).toMatchObject({
      ...SUBSETTED,
      quantity: 1,
      type: 'person',
      actual: true,
    });
    expect(await first('_elements=quantity')).not.toHaveProperty('member');
    expect(await first('_elements=member')).toMatchObject({ member: [{}] });
    for (const query of ['_summary=text', '_elements=quantity'])
      expect(((await first(query))['meta'] as { tag: unknown[] }).tag).toHaveLength(1);
    expect(await first('_summary=false')).toEqual(await first(''));
  });

  it('shows parameters of a body in no link, and follows the links only for their own client', async () => {
    const query = `identifier=${NPI_SYSTEM}|${NPI},K-1&_count=1&_sort=-_id`;
    const linksOf = ({ link }: BundleJson): Record<string, string> =>
      Object.fromEntries(link.map(({ relation, url }) => [relation, url.replace('https://pa.example', '')]));
    const follow = async (url: string, headers = token) => h.get(url, headers);
    const firstPage = (await post(query)).json<BundleJson>();
    const posted = linksOf(firstPage);
    for (const url of Object.values(posted)) {
      expect(url).toMatch(/^\/fhir\/Group\?_page=[\w-]+$/);
      expect(url).not.toContain(NPI);
      expect((await follow(url, narrow)).statusCode).toBe(400);
      const other = url.replace(/_page=./, (start) => (start.endsWith('A') ? '_page=B' : '_page=A'));
      for (const changed of [other, `${url}&_count=1`, `${url}&${url.split('?')[1]}`])
        expect((await follow(changed)).statusCode, changed).toBe(400);
    }
    expect((await follow(posted['self']!)).json()).toEqual(firstPage);
    const second = (await follow(posted['next']!)).json<BundleJson>();
    expect([...idsOf(firstPage), ...idsOf(second)].toSorted()).toEqual([groups.npi, groups.contract].toSorted());
    expect(linksOf(second)['next']).toBeUndefined();
    expect(linksOf(second)['self']).toBe(posted['next']);
    // The links of a GET show what the client wrote into the URL.
    expect(linksOf((await h.get(`/fhir/Group?${query}`, token)).json())['next']).toContain(NPI);
  });

  it('counts without Groups, and leaves the total out', async () => {
    for (const query of ['?_summary=count', '?_count=0'])
      expect(await find(h, token, query)).toEqual({
        resourceType: 'Bundle',
        type: 'searchset',
        total: 3,
        link: [{ relation: 'self', url: `https://pa.example/fhir/Group${query}` }],
      });
    expect(await find(h, token, '?_total=none')).not.toHaveProperty('total');
    expect((await h.get(`/fhir/Group/${groups.npi}?_summary=count`, token)).statusCode).toBe(400);
  });

  it('names in the audit only the members that it shows', async () => {
    const before = (await typed(h, PA_AUDIT, 'pa.disclosure.v1')).length;
    await h.advance(3_600_000);
    token = await h.token('c1', SCOPE);
    await first('_elements=quantity');
    await first('_elements=member');
    const entries = (await typed(h, PA_AUDIT, 'pa.disclosure.v1')).slice(before);
    expect(entries.flatMap(({ members }) => members).toSorted()).toEqual(['m1']);
    expect(entries).toHaveLength(2);
  });
});
