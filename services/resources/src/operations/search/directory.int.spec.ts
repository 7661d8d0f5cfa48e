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
});
