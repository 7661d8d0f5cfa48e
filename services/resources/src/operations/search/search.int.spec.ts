import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, House, type Loose } from '../../../test/harness.ts';

const LOINC = 'http://loinc.org';
const CATEGORY = 'http://terminology.hl7.org/CodeSystem/observation-category';
const MEMBER_ID = 'https://payer.example.org/members';

const observation = (member: string, id: string, code: string, day: string, extra: object = {}): object => ({
  resourceType: 'Observation',
  id,
  status: 'final',
  category: [{ coding: [{ system: CATEGORY, code: code === '8302-2' ? 'vital-signs' : 'laboratory' }] }],
  code: { coding: [{ system: LOINC, code, display: 'A test' }] },
  subject: { reference: `Patient/${member}` },
  effectiveDateTime: day,
  valueQuantity: { value: 5.4, unit: '%', system: 'http://unitsofmeasure.org', code: '%' },
  ...extra,
});
const person = (member: string, family: string, given: string, birthDate: string, gender: string): object => ({
  resourceType: 'Patient',
  id: member,
  identifier: [{ system: MEMBER_ID, value: `card-${member}` }],
  name: [{ family, given: [given] }],
  birthDate,
  gender,
});
const encounter = (member: string, id: string): object => ({
  resourceType: 'Encounter',
  id,
  status: 'finished',
  class: { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'AMB' },
  type: [{ text: 'visit' }],
  identifier: [{ system: 'urn:visits', value: `v-${id}` }],
  subject: { reference: `Patient/${member}` },
  period: { start: '2024-02-01T10:00:00Z', end: '2024-02-01T11:00:00Z' },
});

describe('searches by parameters of the guides', () => {
  let house: House;
  let token: string;
  beforeAll(async () => {
    house = await House.open();
    await house.approve('app1');
    await house.approve('app2', 'npi|1245319599');
    for (const member of ['m1', 'm2', 'out']) await house.attribute(member);
    await house.attribute('theirs', 'npi|1245319599');
    await house.optOut('out');
    token = await house.token('app1');
    await house.publish([
      { subject: 'm1', resource: person('m1', 'Garcia', 'Ana Lucía', '1970-05-01', 'female') },
      { subject: 'm2', resource: person('m2', 'García-Lopez', 'Ben', '1980-01-31', 'male') },
      { subject: 'out', resource: person('out', 'Garcia', 'Olga', '1970-05-01', 'female') },
      { subject: 'theirs', resource: person('theirs', 'Garcia', 'Tom', '1970-05-01', 'male') },
      ...['m1', 'm2', 'out', 'theirs'].flatMap((m) => [
        { subject: m, resource: observation(m, `${m}-a1c`, '4548-4', '2024-03-01') },
        { subject: m, resource: observation(m, `${m}-a1c-2`, '4548-4', '2024-06-15T23:30:00-05:00') },
        { subject: m, resource: observation(m, `${m}-height`, '8302-2', '2024-03-01') },
        { subject: m, resource: encounter(m, `${m}-visit`) },
      ]),
      {
        subject: 'm1',
        resource: {
          resourceType: 'MedicationRequest',
          id: 'rx1',
          status: 'active',
          intent: 'order',
          medicationReference: { reference: 'Medication/med1' },
          subject: { reference: 'Patient/m1' },
          authoredOn: '2024-03-02',
          requester: { reference: 'Practitioner/p1' },
        },
      },
      { subject: 'm1', resource: { resourceType: 'Medication', id: 'med1', code: { text: 'aspirin' } } },
      {
        subject: 'm1',
        resource: {
          resourceType: 'Provenance',
          id: 'prov1',
          target: [{ reference: 'Observation/m1-a1c' }, { reference: 'MedicationRequest/rx1' }],
          recorded: '2024-03-02T00:00:00Z',
          agent: [{ who: { reference: 'Organization/o1' } }],
        },
      },
      {
        type: 'payer.provider-recorded.v1',
        subject: '1234567893',
        resource: {
          resourceType: 'Practitioner',
          id: 'p1',
          name: [{ family: 'Who', given: ['Jon'] }],
          identifier: [{ system: 'http://hl7.org/fhir/sid/us-npi', value: '1234567893' }],
        },
      },
      {
        type: 'payer.provider-recorded.v1',
        subject: '1234567893',
        resource: { resourceType: 'Organization', id: 'o1', name: 'Mercy Clinic', active: true },
      },
    ]);
    await house.settled();
  });
  afterAll(() => house.close());

  const get = (url: string, headers: Record<string, string> = {}, t = token): Promise<Answer> =>
    house.call('GET', url, { token: t, headers });
  /** The ids of the matches of all pages, in their order. */
  async function found(url: string, t = token): Promise<string[]> {
    const ids: string[] = [];
    for (let next: string | undefined = `/fhir/${url}`; next !== undefined;) {
      const answer = await get(next, {}, t);
      const bundle = answer.json<Loose>();
      if (answer.status !== 200) throw new Error(`${answer.status} ${answer.text}`);
      ids.push(
        ...(bundle.entry ?? []).filter((e: Loose) => e.search.mode === 'match').map((e: Loose) => e.resource.id),
      );
      next = bundle.link.find((l: Loose) => l.relation === 'next')?.url.replace('https://pa.example.org', '');
    }
    return ids;
  }
  const included = async (url: string): Promise<string[]> =>
    ((await get(`/fhir/${url}`)).json().entry ?? [])
      .filter((e: Loose) => e.search.mode === 'include')
      .map((e: Loose) => `${e.resource.resourceType}/${e.resource.id}`);

  it('finds by code, category and date, alone and together', async () => {
    expect(await found('Observation?patient=m1&code=4548-4')).toEqual(['m1-a1c', 'm1-a1c-2']);
    expect(await found(`Observation?patient=m1&code=${LOINC}|4548-4`)).toEqual(['m1-a1c', 'm1-a1c-2']);
    expect(await found(`Observation?patient=m1&code=${LOINC}|`)).toEqual(['m1-a1c', 'm1-a1c-2', 'm1-height']);
    expect(await found('Observation?patient=m1&code=|4548-4')).toEqual([]);
    expect(await found('Observation?patient=m1&category=vital-signs')).toEqual(['m1-height']);
    expect(await found('Observation?patient=m1&category=vital-signs,laboratory')).toHaveLength(3);
    expect(await found('Observation?patient=m1&category=laboratory&date=ge2024-04-01')).toEqual(['m1-a1c-2']);
    expect(await found('Observation?patient=m1&date=2024-03-01')).toEqual(['m1-a1c', 'm1-height']);
    // 23:30 at -05:00 is the next day in UTC.
    expect(await found('Observation?patient=m1&date=2024-06-16')).toEqual(['m1-a1c-2']);
    expect(await found('Observation?patient=m1&date=lt2024-03-01')).toEqual([]);
    expect(await found('Observation?patient=m1&code=4548-4&category=vital-signs')).toEqual([]);
    expect(await found('Observation?patient=m1,m2&code=8302-2')).toEqual(['m1-height', 'm2-height']);
    expect(await found('Observation?patient=m1&code:not=4548-4')).toEqual(['m1-height']);
    expect(await found('MedicationRequest?patient=m1&intent=order&status=active')).toEqual(['rx1']);
  });

  it('pages a search by keys without loss', async () => {
    expect(await found('Observation?patient=m1,m2&category=laboratory&_count=1')).toEqual([
      'm1-a1c',
      'm1-a1c-2',
      'm2-a1c',
      'm2-a1c-2',
    ]);
  });

  it('finds a patient by identifier, name, birth date and gender among the members of the client', async () => {
    expect(await found('Patient?name=garcia')).toEqual(['m1', 'm2']);
    expect(await found('Patient?family=GARCÍA')).toEqual(['m1', 'm2']);
    expect(await found('Patient?family:exact=Garcia')).toEqual(['m1']);
    expect(await found('Patient?name:contains=lopez')).toEqual(['m2']);
    expect(await found('Patient?given=ana&gender=female&birthdate=1970-05-01')).toEqual(['m1']);
    expect(await found('Patient?birthdate=1970')).toEqual(['m1']);
    expect(await found(`Patient?identifier=${MEMBER_ID}|card-m2`)).toEqual(['m2']);
    expect(await found('Patient?identifier=card-m1,card-theirs,card-out')).toEqual(['m1']);
    expect(await found('Patient?name=garcia&_count=1')).toEqual(['m1', 'm2']);
    expect(await found('Patient?name=garcia', await house.token('app2'))).toEqual(['theirs']);
    expect(await found(`Observation?patient.identifier=${MEMBER_ID}|card-m2&code=8302-2`)).toEqual(['m2-height']);
    expect(await found(`Observation?patient.identifier=${MEMBER_ID}|card-out&code=8302-2`)).toEqual([]);
  });

  it('follows a chain to the Patient only with the scope to search for Patients', async () => {
    const chained = `/fhir/Observation?patient.identifier=${MEMBER_ID}|card-m2&code=8302-2`;
    for (const [scope, status] of [
      ['system/Observation.rs', 403],
      ['system/Observation.rs system/Patient.r', 403],
      ['system/Observation.rs system/Patient.s', 200],
    ] as const)
      expect([scope, (await get(chained, {}, await house.token('app1', scope))).status]).toEqual([scope, status]);
  });

  it('answers a search for nobody, for a denied, a foreign and an absent patient with the same bytes', async () => {
    const asked = async (value: string): Promise<string> =>
      (await get(`/fhir/Patient?identifier=${value}`)).text.replaceAll(value, 'VALUE');
    const absent = await asked('card-none');
    expect(absent).toContain('"total":0');
    for (const value of ['card-out', 'card-theirs']) expect(await asked(value)).toBe(absent);
  });

  it('searches by POST, and keeps the parameters out of the links', async () => {
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    const post = (url: string, body: string, headers: Record<string, string> = form): Promise<Answer> =>
      house.call('POST', url, { token, headers, body });
    const answer = await post('/fhir/Patient/_search?_count=1', 'family=garcia');
    expect(answer.status).toBe(200);
    const { entry, link } = answer.json();
    expect(entry.map((e: Loose) => e.resource.id)).toEqual(['m1']);
    expect(JSON.stringify(link)).not.toMatch(/garcia/i);
    for (const { relation, url } of link) {
      const path = url.replace('https://pa.example.org/fhir/', '');
      expect((await found(path)).slice(0, 1)).toEqual([relation === 'self' ? 'm1' : 'm2']);
    }
    for (const type of ['application/json', 'multipart/form-data; boundary=x', 'text/plain']) {
      const refused = await post('/fhir/Patient/_search', '{}', { 'content-type': type });
      expect([type, refused.status]).toEqual([type, 415]);
      expect(refused.json().issue[0].diagnostics).toContain('application/x-www-form-urlencoded');
    }
    expect((await post('/fhir/Patient/_search', '')).json()).toMatchObject({ issue: [{ code: 'required' }] });
    expect((await post('/fhir/Claim/_search', 'patient=m1')).status).toBe(404);
    expect((await house.call('POST', '/fhir/Patient/_search', { headers: form, body: 'name=x' })).status).toBe(401);
  });

  it('includes what a medication request refers to, and the provenance of what it found', async () => {
    expect(await included('MedicationRequest?patient=m1&_include=MedicationRequest:medication')).toEqual([
      'Medication/med1',
    ]);
    expect(await included('Observation?patient=m1&code=4548-4&_revinclude=Provenance:target')).toEqual([
      'Provenance/prov1',
    ]);
    expect(await included('Observation?patient=m2&code=4548-4&_revinclude=Provenance:target')).toEqual([]);
    const narrow = await house.token('app1', 'system/MedicationRequest.rs');
    const answer = await get('/fhir/MedicationRequest?patient=m1&_include=MedicationRequest:medication', {}, narrow);
    expect(answer.json().entry.map((e: Loose) => e.resource.id)).toEqual(['rx1']);
  });

  it('sorts, counts and shortens', async () => {
    expect(await found('Observation?patient=m1&_sort=-date,_id')).toEqual(['m1-a1c-2', 'm1-a1c', 'm1-height']);
    expect(await found('Observation?patient=m1&_sort=date&_count=1')).toEqual(['m1-a1c', 'm1-height', 'm1-a1c-2']);
    expect(await found('Observation?patient=m1,m2&_sort=-_id&_count=2')).toEqual([
      'm2-height',
      'm2-a1c-2',
      'm2-a1c',
      'm1-height',
      'm1-a1c-2',
      'm1-a1c',
    ]);
    const bundle = async (query: string): Promise<Loose> => (await get(`/fhir/Observation?patient=m1&${query}`)).json();
    expect(await bundle('_summary=count')).toEqual({
      resourceType: 'Bundle',
      type: 'searchset',
      total: 3,
      link: [expect.objectContaining({ relation: 'self' })],
    });
    expect((await bundle('_count=0')).total).toBe(3);
    expect(await bundle('_total=accurate&_count=1')).toMatchObject({ total: 3, entry: { length: 1 } });
    expect((await bundle('_total=none')).total).toBeUndefined();
    const { resource } = (await bundle('code=8302-2&_elements=status')).entry[0];
    expect(resource).toMatchObject({ status: 'final', meta: { tag: [{ code: 'SUBSETTED' }] } });
    expect(resource.valueQuantity).toBeUndefined();
    expect((await bundle('code=8302-2&_summary=true')).entry[0].resource.meta.tag[0].code).toBe('SUBSETTED');
  });

  it('finds in the directory by name, by identifier and by the start of a word', async () => {
    expect(await found('Practitioner?name=who')).toEqual(['p1']);
    expect(await found('Practitioner?identifier=http://hl7.org/fhir/sid/us-npi|1234567893')).toEqual(['p1']);
    expect(await found('Organization?name=mercy')).toEqual(['o1']);
    expect(await found('Organization?name=clinic')).toEqual([]);
  });

  it('refuses by name what is not declared, and reports what it ignored on request', async () => {
    const refused = async (query: string): Promise<Loose> => {
      const answer = await get(`/fhir/Observation?patient=m1&${query}`);
      expect([query, answer.status]).toEqual([query, 400]);
      return answer.json().issue[0];
    };
    expect((await refused('colour=red')).diagnostics).toMatch(/colour/);
    expect((await refused('_sort=colour')).diagnostics).toMatch(/_sort/);
    expect((await refused('_include=Observation:colour')).diagnostics).toMatch(/_include/);
    expect((await refused('date=yesterday')).diagnostics).not.toMatch(/yesterday/);
    expect((await refused('_elements=status,colour')).diagnostics).toMatch(/colour/);
    const ids = Array.from({ length: 201 }, (_, i) => `i${i}`).join();
    for (const name of ['_id', 'patient'])
      expect((await get(`/fhir/Observation?${name}=${ids}`)).json().issue[0]).toMatchObject({ expression: [name] });
    const lenient = await get('/fhir/Observation?patient=m1&colour=red&_count=2', { prefer: 'handling=lenient' });
    const bundle = lenient.json();
    expect(bundle.entry.map((e: Loose) => e.search.mode)).toEqual(['match', 'match', 'outcome']);
    expect(bundle.entry[2].resource).toMatchObject({ resourceType: 'OperationOutcome' });
    const next = bundle.link.find((l: Loose) => l.relation === 'next').url.replace('https://pa.example.org', '');
    expect((await get(next)).json().entry.map((e: Loose) => e.search.mode)).toEqual(['match', 'outcome']);
  });

  it('names only parameters that the type declares where a search needs one', async () => {
    const { rest } = (await house.call('GET', '/fhir/metadata')).json();
    const declared = new Map<string, string[]>(
      rest[0].resource.map(({ type, searchParam = [] }: Loose) => [type, searchParam.map(({ name }: Loose) => name)]),
    );
    let asked = 0;
    for (const [type, names] of declared) {
      if (type === 'Group' || type === 'Binary') continue;
      const answer = await get(`/fhir/${type}`);
      if (answer.status === 200) continue;
      const { code, diagnostics, expression } = answer.json().issue[0];
      expect([type, code]).toEqual([type, 'required']);
      const named = /^This search needs (.*)\.$/.exec(diagnostics)![1]!.split(/,? or (?:one of )?|, /);
      expect([type, [...named, ...expression].filter((name) => !names.includes(name))]).toEqual([type, []]);
      asked += 1;
    }
    expect(asked).toBeGreaterThan(20);
    expect((await get('/fhir/Medication')).json().issue[0]).toMatchObject({
      diagnostics: 'This search needs _id.',
      expression: ['_id'],
    });
  });

  it('prefers _format to the Accept header', async () => {
    const xml = { accept: 'application/fhir+xml' };
    expect((await get('/fhir/Observation?patient=m1', xml)).status).toBe(406);
    expect((await get('/fhir/Observation?patient=m1&_format=json', xml)).status).toBe(200);
  });

  it('notes what was asked without a name of a person, and why it was released', async () => {
    await get('/fhir/Observation?patient=m1&code=4548-4&date=ge2024&_revinclude=Provenance:target');
    await house.call('POST', '/fhir/Patient/_search', {
      token,
      headers: { 'content-type': 'application/x-www-form-urlencoded', prefer: 'handling=lenient' },
      body: 'family=Garcia&birthdate=1970-05-01&gender=female',
    });
    const entries = await house.audited();
    expect(entries).toContainEqual(
      expect.objectContaining({
        action: 'search',
        members: ['m1'],
        types: ['Observation', 'Provenance'],
        query: '_revinclude=Provenance:target&code=4548-4&date=ge2024&patient',
        basis: ['npi-1234567893'],
      }),
    );
    expect(entries).toContainEqual(
      expect.objectContaining({ members: ['m1'], types: ['Patient'], query: 'birthdate&family&gender=female' }),
    );
    expect(JSON.stringify(entries)).not.toMatch(/garcia|1970-05/i);
  });

  it('answers for a withheld resource as for one that does not exist', async () => {
    const secret = { security: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality', code: 'R' }] };
    const requests = [
      'Observation?patient=m2&code=secret-1',
      'Observation?patient=m2&code=secret-1&_summary=count',
      'Observation?patient=m2&_total=accurate&_count=1',
      'Observation?patient=m2&_sort=-date',
      'Observation?patient=m2&code:not=4548-4',
      'Observation?patient=m2&date=ge2024',
      'Observation?patient=m2&_lastUpdated=ge2020',
      'Observation?_id=m2-secret',
      'Observation?patient=m2&_revinclude=Provenance:target',
      'MedicationRequest?patient=m1&_include=MedicationRequest:medication',
    ];
    const answers = async (): Promise<string[]> =>
      Promise.all(requests.map(async (query) => (await get(`/fhir/${query}`)).text.replace(/_page=[\w-]+/, '_page=')));
    const before = await answers();
    await house.publish([
      { subject: 'm2', resource: observation('m2', 'm2-secret', 'secret-1', '2024-05-01', { meta: secret }) },
      {
        subject: 'm2',
        resource: {
          resourceType: 'Provenance',
          id: 'prov-secret',
          meta: secret,
          target: [{ reference: 'Observation/m2-a1c' }],
          recorded: '2024-03-02T00:00:00Z',
          agent: [{ who: { reference: 'Organization/o1' } }],
        },
      },
    ]);
    await house.settled();
    expect(await answers()).toEqual(before);
    // A new version with a label withholds what was visible.
    const visible = observation('m2', 'm2-turned', '4548-4', '2024-05-02');
    await house.publish([{ subject: 'm2', resource: visible }]);
    await house.settled();
    expect(await found('Observation?patient=m2&code=4548-4')).toContain('m2-turned');
    await house.publish([{ subject: 'm2', time: '2025-05-01T00:00:00Z', resource: { ...visible, meta: secret } }]);
    await house.settled();
    expect(await answers()).toEqual(before);
  });

  it('follows a new version, a deletion and a correction', async () => {
    await house.publish([
      { subject: 'm2', time: '2025-02-01T00:00:00Z', resource: observation('m2', 'm2-height', '4548-4', '2024-09-01') },
    ]);
    await house.settled();
    expect(await found('Observation?patient=m2&code=8302-2')).toEqual([]);
    expect(await found('Observation?patient=m2&code=4548-4&date=gt2024-08')).toEqual(['m2-height']);
    await house.publish([
      {
        subject: 'm2',
        type: 'payer.resource-deleted.v1',
        time: '2025-03-01T00:00:00Z',
        data: { resourceType: 'Observation', id: 'm2-height' },
      },
    ]);
    await house.settled();
    expect(await found('Observation?patient=m2&code=4548-4&date=gt2024-08')).toEqual([]);
  });
});
