import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { House, type Loose } from '../../../test/harness.ts';

const CCD = { system: 'http://loinc.org', code: '34133-9' };
const US_CORE = 'http://hl7.org/fhir/us/core/StructureDefinition/us-core-documentreference';

const document = (member: string, id: string, extra: object = {}): object => ({
  resourceType: 'DocumentReference',
  id,
  status: 'current',
  type: { coding: [CCD] },
  subject: { reference: `Patient/${member}` },
  content: [{ attachment: { contentType: 'text/plain', data: 'aGVsbG8=' } }],
  ...extra,
});
const period = (start: string, end: string): object => ({ context: { period: { start, end } } });
const typed = (code: string): object => ({ type: { coding: [{ system: 'http://loinc.org', code }] } });

describe('$docref', () => {
  let house: House;
  let token: string;
  beforeAll(async () => {
    // The document has the profile, and not all that the profile asks for.
    house = await House.open({ profiles: { '*': 'keep' } });
    await house.approve('app1');
    for (const member of ['m1', 'm2']) await house.attribute(member);
    await house.publish([
      { resource: document('m1', 'spring', period('2025-03-01', '2025-03-10')) },
      { resource: document('m1', 'summer', { ...period('2025-07-01', '2025-07-10'), ...typed('11506-3') }) },
      { resource: document('m1', 'old', { ...period('2025-07-02', '2025-07-03'), status: 'superseded' }) },
      { resource: document('m1', 'profiled', { meta: { profile: [US_CORE] } }) },
      { subject: 'm2', resource: document('m2', 'of-another') },
      { subject: 'm3', resource: document('m3', 'foreign') },
    ]);
    await house.settled();
    token = await house.token('app1');
  }, 60_000);
  afterAll(() => house.close());

  const ids = ({ entry = [] }: Loose): string[] => entry.map((e: Loose) => e.resource.id).toSorted();
  const get = (query: string, scope?: string): Promise<Loose> =>
    (scope === undefined ? Promise.resolve(token) : house.token('app1', scope)).then((with_) =>
      house.call('GET', `/fhir/DocumentReference/$docref${query}`, { token: with_ }),
    );
  const post = (parameter: readonly object[]): Promise<Loose> =>
    house.call('POST', '/fhir/DocumentReference/$docref', {
      token,
      headers: { 'content-type': 'application/fhir+json' },
      body: JSON.stringify({ resourceType: 'Parameters', parameter }),
    });

  it.each([
    ['current documents where no dates are given', '?patient=m1', ['profiled', 'spring', 'summer']],
    ['what documents care of the time', '?patient=m1&start=2025-07-01&end=2025-07-31', ['old', 'summer']],
    ['everything from the start on', '?patient=m1&start=2025-03-10T00:00:00Z', ['old', 'spring', 'summer']],
    ['everything until the end', '?patient=m1&end=2025-03-31T10:00:00+02:00', ['spring']],
    ['one type', '?patient=m1&type=http://loinc.org|11506-3', ['summer']],
    [
      'any of several types',
      '?patient=m1&type=http://loinc.org|11506-3&type=34133-9',
      ['profiled', 'spring', 'summer'],
    ],
    ['a profile', `?patient=m1&profile=${US_CORE}`, ['profiled']],
    ['no document on demand', '?patient=m1&on-demand=true', []],
    [
      'stable documents too unless the client wants those on demand alone',
      '?patient=m2&on-demand=false',
      ['of-another'],
    ],
    ['nothing of an unknown patient', '?patient=nobody', []],
    ['nothing of a patient of somebody else', '?patient=m3', []],
  ])('finds %s', async (_what, query, expected) => {
    const answer = await get(query);
    expect(answer.status, answer.text).toBe(200);
    expect(answer.json()).toMatchObject({ resourceType: 'Bundle', type: 'searchset' });
    expect(ids(answer.json())).toEqual(expected);
    expect(answer.json().link[0]).toEqual({
      relation: 'self',
      url: expect.stringMatching(/^https:\/\/pa\.example\.org\/fhir\/DocumentReference\/\$docref\?(?:.+&)?patient=/),
    });
  });

  it('takes the same parameters in a Parameters resource, and keeps them out of the links', async () => {
    const answer = await post([
      { name: 'patient', valueId: 'm1' },
      { name: 'start', valueDateTime: '2025-07-01' },
      { name: 'type', valueCoding: { system: 'http://loinc.org', code: '11506-3' } },
      { name: 'type', valueCoding: { code: 'of,another' } },
      { name: 'on-demand', valueBoolean: false },
    ]);
    expect(answer.status, answer.text).toBe(200);
    expect(ids(answer.json())).toEqual(['summer']);
    const [, sealed] = /^[^?]*\?_page=([\w-]+)$/.exec(answer.json().link[0].url)!;
    // Two characters would occur in one random link of 25.
    for (const text of [sealed!, Buffer.from(sealed!, 'base64url').toString('latin1')])
      expect(text).not.toMatch(/patient|"m1"|on-demand|11506-3|2025-07/);
  });

  it('has pages, which decide again', async () => {
    const first = (await get('?patient=m1&_count=2')).json();
    expect(first.entry).toHaveLength(2);
    const next = first.link.find((l: Loose) => l.relation === 'next').url as string;
    const path = next.slice('https://pa.example.org'.length);
    expect([...ids(first), ...ids((await house.call('GET', path, { token })).json())].toSorted()).toEqual([
      'profiled',
      'spring',
      'summer',
    ]);
  });

  it('finds nothing on demand behind its self link either', async () => {
    const { link } = (
      await post([
        { name: 'patient', valueId: 'm1' },
        { name: 'on-demand', valueBoolean: true },
      ])
    ).json();
    const again = await house.call('GET', link[0].url.slice('https://pa.example.org'.length), { token });
    expect(again.status).toBe(200);
    expect(ids(again.json())).toEqual([]);
  });

  it.each([
    ['', 'patient', 'required'],
    ['?patient=Group/1', 'patient', 'value'],
    ['?patient=m1&patient=m2', 'patient', 'invalid'],
    ['?patient=m1&start=yesterday', 'start', 'value'],
    ['?patient=m1&start=2025-03-01&end=2025-02-01', 'end', 'value'],
    ['?patient=m1&on-demand=maybe', 'on-demand', 'value'],
    ['?patient=m1&type=', 'type', 'value'],
  ])('refuses %s by the name of the parameter', async (query, name, code) => {
    const answer = await get(query);
    expect(answer.status, answer.text).toBe(400);
    expect(answer.json().issue[0]).toMatchObject({ code, expression: [name] });
  });

  it('refuses an unknown parameter by its name, without the value, and names those that it has', async () => {
    const answer = await get('?patient=m1&bogus=1970');
    expect(answer.status).toBe(400);
    const [issue] = answer.json().issue;
    expect(issue).toMatchObject({ code: 'not-supported', expression: ['bogus'] });
    expect(issue.diagnostics).toContain('bogus');
    for (const name of ['patient', 'start', 'end', 'type', 'on-demand', 'profile', '_count', '_format'])
      expect(issue.diagnostics).toContain(name);
    expect(answer.text).not.toContain('1970');
  });

  it('repeats no name of a parameter that is none', async () => {
    const answer = await get(`?patient=m1&${encodeURIComponent('Ana Garcia <a@b.example>')}=1`);
    expect(answer.json().issue[0]).toMatchObject({ code: 'not-supported', expression: ['(unprintable)'] });
    expect(answer.text).not.toContain('Garcia');
  });

  it.each([
    ['no Parameters', { resourceType: 'Patient' }],
    ['a parameter without a name', { resourceType: 'Parameters', parameter: [{ valueId: 'm1' }] }],
    [
      'a parameter with two values',
      { resourceType: 'Parameters', parameter: [{ name: 'patient', valueId: 'm1', valueString: 'm2' }] },
    ],
    [
      'a parameter that is an object',
      { resourceType: 'Parameters', parameter: [{ name: 'patient', valueReference: {} }] },
    ],
  ])('refuses a body with %s', async (_what, body) => {
    const answer = await house.call('POST', '/fhir/DocumentReference/$docref', { token, body });
    expect(answer.status, answer.text).toBe(400);
  });

  it('needs the scope to search DocumentReferences', async () => {
    expect((await get('?patient=m1', 'system/DocumentReference.s')).status).toBe(200);
    expect((await get('?patient=m1', 'system/DocumentReference.r')).status).toBe(403);
    expect((await get('?patient=m1', 'system/Condition.rs')).status).toBe(403);
  });

  it('is in the audit with the parameters that name nobody', async () => {
    await get('?patient=m2&type=34133-9');
    const entries = await house.audited();
    expect(entries).toContainEqual(
      expect.objectContaining({
        client: 'app1',
        action: 'search',
        outcome: 'released',
        members: ['m2'],
        types: ['DocumentReference'],
        query: 'patient&status=current&type=34133-9',
      }),
    );
  });

  it('finds nothing of a member who has opted out', async () => {
    expect(ids((await get('?patient=m2')).json())).toEqual(['of-another']);
    await house.optOut('m2');
    const answer = await get('?patient=m2');
    expect(answer.status).toBe(200);
    expect(ids(answer.json())).toEqual([]);
  });
});
