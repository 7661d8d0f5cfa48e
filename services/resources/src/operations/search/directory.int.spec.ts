import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, House, type Loose } from '../../../test/harness.ts';

const NPI = 'http://hl7.org/fhir/sid/us-npi';
const secret = '<div xmlns="http://www.w3.org/1999/xhtml">secret</div>';
const DIRECTORY = [
  {
    resourceType: 'Endpoint',
    id: 'end1',
    status: 'active',
    connectionType: { code: 'hl7-fhir-rest' },
    payloadType: [{ text: 'any' }],
    address: 'https://user:secret@direct.example.org/fhir',
    header: ['Authorization: Bearer secret'],
    text: { status: 'generated', div: secret },
  },
  { resourceType: 'Practitioner', id: 'p1', name: [{ family: 'Who' }], identifier: [{ system: NPI, value: '1' }] },
  {
    resourceType: 'PractitionerRole',
    id: 'role1',
    practitioner: { reference: 'Practitioner/p1' },
    endpoint: [{ reference: 'Endpoint/end1' }],
  },
  {
    resourceType: 'Practitioner',
    id: 'p2',
    name: [{ family: 'Whoever' }],
    identifier: [{ system: NPI, value: '2' }],
  },
  { resourceType: 'Practitioner', id: 'p3', name: [{ family: 'Whole' }] },
  ...['1', '2'].map((id) => ({
    resourceType: 'PractitionerRole',
    id: `of-p2-${id}`,
    practitioner: { reference: `${id === '1' ? 'https://pa.example.org/fhir/' : ''}Practitioner/p2` },
    specialty: [{ coding: [{ system: 'http://nucc.org/provider-taxonomy', code: `s${id}` }] }],
  })),
  {
    resourceType: 'PractitionerRole',
    id: 'elsewhere',
    practitioner: { reference: 'https://other.example.org/fhir/Practitioner/p2' },
  },
  { resourceType: 'HealthcareService', id: 'hs1', name: 'Cardiology' },
  {
    resourceType: 'Questionnaire',
    id: 'q1',
    status: 'active',
    contained: [{ resourceType: 'ValueSet', id: 'answers', status: 'active' }],
  },
];

describe('searches in the directory', () => {
  let house: House;
  let token: string;
  beforeAll(async () => {
    house = await House.open();
    await house.approve('app1');
    token = await house.token('app1');
    await house.publish(
      DIRECTORY.map((resource) => ({ type: 'payer.provider-recorded.v1', subject: '1234567893', resource })),
    );
    await house.settled();
  });
  afterAll(() => house.close());

  const get = (url: string, t = token): Promise<Answer> => house.call('GET', `/fhir/${url}`, { token: t });
  const names = (answer: Answer): string[] =>
    ((answer.json().entry ?? []) as Loose[])
      .map(({ resource }) => `${resource.resourceType}/${resource.id}`)
      .toSorted();
  const found = async (url: string, t = token): Promise<string[]> => names(await get(url, t));

  it('reads and finds Endpoints, services and questionnaires, without what may hold credentials', async () => {
    for (const place of ['Endpoint/end1', 'HealthcareService/hs1', 'Questionnaire/q1']) {
      const [type, id] = place.split('/');
      const { status, text } = await get(place);
      expect([place, status]).toEqual([place, 200]);
      expect(text).not.toContain('secret');
      expect(await found(`${type}?_id=${id}`)).toEqual([place]);
      expect(await found(`${type}?_lastUpdated=gt2020`)).toEqual([place]);
    }
    expect((await get('Endpoint/end1')).json().address).toBe('https://direct.example.org/fhir');
  });

  it('includes the Endpoint of a role, for a client that may read Endpoints', async () => {
    const query = 'PractitionerRole?practitioner=p1&_include=PractitionerRole:endpoint';
    expect(await found(query)).toEqual(['Endpoint/end1', 'PractitionerRole/role1']);
    const narrow = await house.token('app1', 'system/PractitionerRole.rs');
    expect((await get('Endpoint/end1', narrow)).status).toBe(403);
    expect(await found(query, narrow)).toEqual(['PractitionerRole/role1']);
  });

  it('finds the roles of practitioners by their name and identifier', async () => {
    const role = (...ids: string[]): string[] => ids.map((id) => `PractitionerRole/${id}`);
    for (const [query, ids] of [
      ['practitioner.name=who', ['of-p2-1', 'of-p2-2', 'role1']],
      ['practitioner.name=whoever', ['of-p2-1', 'of-p2-2']],
      ['practitioner.name=whole', []],
      ['practitioner.name=nobody', []],
      ['practitioner.name=whoever,nobody', ['of-p2-1', 'of-p2-2']],
      ['practitioner.name=who&practitioner.identifier=1', ['role1']],
      ['practitioner.name=whoever&practitioner.identifier=1', []],
      [`practitioner:Practitioner.identifier=${NPI}|2`, ['of-p2-1', 'of-p2-2']],
      [`practitioner.identifier=${NPI}|`, ['of-p2-1', 'of-p2-2', 'role1']],
      ['practitioner.name=whoever&specialty=s2', ['of-p2-2']],
      ['practitioner.name=who&_id=of-p2-1,role1', ['of-p2-1', 'role1']],
      ['practitioner.name=who&practitioner=p1', ['role1']],
    ] as const)
      expect([query, await found(`PractitionerRole?${query}`)]).toEqual([query, role(...ids)]);
    const page = await get('PractitionerRole?practitioner.name=who&_count=2&_total=accurate');
    const { total, link } = page.json();
    expect([total, names(page)]).toEqual([3, role('of-p2-1', 'of-p2-2')]);
    const next = (link as Loose[]).find(({ relation }) => relation === 'next').url.replace(/^.*\/fhir\//, '');
    expect(await found(next)).toEqual(role('role1'));
    expect(await found('PractitionerRole?practitioner.name=who&_include=PractitionerRole:practitioner')).toEqual([
      'Practitioner/p1',
      'Practitioner/p2',
      ...role('of-p2-1', 'of-p2-2', 'role1'),
    ]);
  });

  it('refuses other chains, reports empty ones, and refuses clients that may not search practitioners', async () => {
    for (const query of ['practitioner.gender=male', 'practitioner.name:exact=Who', 'organization.name=x'])
      expect([query, (await get(`PractitionerRole?${query}`)).json().issue[0].code]).toEqual([query, 'not-supported']);
    expect((await get('PractitionerRole?practitioner.name=%20')).json().issue[0].code).toBe('value');
    for (const query of ['practitioner.name=', 'practitioner.identifier=']) {
      const { entry } = (await get(`PractitionerRole?${query}`)).json();
      expect([query, entry.at(-1).search.mode]).toEqual([query, 'outcome']);
    }
    for (const scope of ['system/PractitionerRole.rs', 'system/PractitionerRole.rs system/Practitioner.r']) {
      const narrow = await house.token('app1', scope);
      expect((await get('PractitionerRole?practitioner.name=who', narrow)).status).toBe(403);
      expect(await found('PractitionerRole?practitioner=p1', narrow)).toEqual(['PractitionerRole/role1']);
    }
  });

  it('refuses a chain that more than 1,000 practitioners fit, and finds those of a narrower one', async () => {
    await house.publish(
      Array.from({ length: 1001 }, (_, n) => ({
        type: 'payer.provider-recorded.v1',
        subject: '1234567893',
        resource: { resourceType: 'Practitioner', id: `many-${n}`, name: [{ family: 'Many', given: [`n${n}`] }] },
      })),
    );
    await house.settled();
    const { status, text } = await get('PractitionerRole?practitioner.name=many');
    expect([status, text]).toEqual([413, expect.stringContaining('More than 1000 resources fit practitioner.name')]);
    expect(await found('PractitionerRole?practitioner.name=n1000')).toEqual([]);
  });
});
