import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { patients } from '@provider-access/records';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { countedViews } from '../../test/counted-views.ts';
import { condition, type EventInput, House, type Loose } from '../../test/harness.ts';

/** N7 and ADR 0057: what a resource contains is released with it, so it must not be another member's. */
const MBI = 'http://hl7.org/fhir/sid/us-mbi';
const identifier = (value: string, system: string | undefined = MBI) => ({
  ...(system !== undefined && { system }),
  value,
});
const patient = (id: string, ...identifiers: object[]): object => ({
  ...{ resourceType: 'Patient', id, name: [{ family: 'Marker' }] },
  ...(identifiers.length > 0 && { identifier: identifiers }),
});
const observation = (subject: object): object => ({
  ...{ resourceType: 'Observation', id: 'o', status: 'final', code: { text: 'x' }, subject },
});
const bundle = (...resources: object[]): object => ({
  ...{ resourceType: 'Bundle', id: 'b', type: 'collection' },
  entry: resources.map((resource) => ({ resource })),
});

describe('a resource that contains a person', () => {
  const statements: string[] = [];
  let house: House;
  let token: string;
  let count = 0;
  beforeAll(async () => {
    house = await House.open({ views: countedViews(openMemoryViews(), statements) });
    await house.approve('app1');
    for (const member of ['m1', 'm2', 'no-patient', 'one', 'two']) await house.attribute(member);
    token = await house.token('app1');
    await publish('m1', patient('m1', identifier('1S00-E00-AA11'), identifier('shared-by-family', 'urn:family')));
    await publish('m2', patient('m2', identifier('1S00E00BB22'), identifier('shared-by-family', 'urn:family')));
  });
  afterAll(() => house.close());

  const outcome = async (member: string, resource: object): Promise<string> => {
    const { receipt } = await house.publish([{ subject: member, resource }]);
    return receipt.items[0]?.reason ?? 'recorded';
  };
  const publish = async (member: string, resource: object): Promise<string> => {
    const result = await outcome(member, resource);
    await house.settled();
    return result;
  };
  const containing = (...contained: object[]): object => condition('m1', `c${(count += 1)}`, { contained });
  const statusOf = async (id: string): Promise<number> =>
    (await house.call('GET', `/fhir/Condition/${id}`, { token })).status;

  it.each<[string, object]>([
    ['the id of another member', patient('m2')],
    ['the id of a member without a Patient', patient('no-patient')],
    ['an identifier of another member', patient('p', identifier('1S00E00BB22'))],
    ['such an identifier in other letters', patient('p', identifier('1s00-e00-bb22'))],
    ['such an identifier of nearly the same system', patient('p', identifier('1S00E00BB22', `${MBI}/`))],
    ['such an identifier without a system', patient('p', { value: '1S00E00BB22' })],
    ['such an identifier beside its own', patient('p', identifier('1S00E00AA11'), identifier('1S00E00BB22'))],
    [
      'a Person with an identifier of another member',
      { ...patient('x', identifier('1S00E00BB22')), resourceType: 'Person' },
    ],
    ['a subject with such an identifier', observation({ identifier: identifier('1S00E00BB22') })],
    [
      'a subject with its own reference and such an identifier',
      observation({ reference: 'Patient/m1', identifier: identifier('1S00E00BB22') }),
    ],
    [
      'a Patient in a Bundle in Parameters',
      {
        ...{ resourceType: 'Parameters', id: 'q' },
        parameter: [{ name: 'a', resource: bundle(patient('m1', identifier('1S00E00BB22'))) }],
      },
    ],
    [
      'a focus with such an identifier',
      { ...observation({ reference: 'Patient/m1' }), focus: [{ identifier: identifier('1S00E00BB22') }] },
    ],
    [
      'a subject of a type that does not exist',
      observation({ type: 'patient', identifier: identifier('1S00E00BB22') }),
    ],
    [
      'an actor of an Appointment',
      {
        ...{ resourceType: 'Appointment', id: 'a', status: 'booked' },
        participant: [{ actor: { identifier: identifier('1S00E00BB22') }, status: 'accepted' }],
      },
    ],
    [
      'an extension that names such a person',
      {
        ...{ resourceType: 'Basic', id: 'y', code: { text: 'x' } },
        extension: [{ url: 'http://x/about', valueReference: { identifier: identifier('1S00E00BB22') } }],
      },
    ],
  ])('is parked with %s', async (_, inner) => {
    const resource = containing(inner);
    const { receipt } = await house.publish([{ subject: 'm1', resource }]);
    expect(receipt.items).toMatchObject([{ outcome: 'parked', reason: 'names-another-member' }]);
    const letter = `/events/dead-letters/${receipt.items[0].deadLetter}`;
    const shown = async (): Promise<Loose> => (await house.call('GET', letter, { token: house.payerToken })).json();
    await expect.poll(async () => (await shown()).detail).toMatch(/inside it has the id or an identifier of another/);
    expect((await shown()).detail).not.toMatch(/\bm2\b|1S00|Marker/);
  });

  it.each<[string, object]>([
    ['the member itself', patient('m1', identifier('1S00E00AA11'))],
    ['nobody whom the payer knows', patient('subscriber', identifier('9S99E99ZZ99'))],
    ['an identifier of another kind with the same value', patient('p', identifier('1S00E00BB22', 'urn:mrn'))],
    ['an identifier that the member has too', patient('p', identifier('shared-by-family', 'urn:family'))],
    ['a subject without an identifier', observation({ reference: '#p' })],
    ['a subject of another type', observation({ type: 'Location', identifier: identifier('1S00E00BB22') })],
  ])('is recorded with %s, and served', async (_, inner) => {
    const resource = containing(inner);
    expect(await publish('m1', resource)).toBe('recorded');
    expect(await statusOf(`c${count}`)).toBe(200);
  });

  it('is withheld once a member comes who has the id or identifier, and as long as it is another one', async () => {
    const ids = [containing(patient('late')), containing(patient('p', identifier('1S00E00CC33')))].map(
      (resource) => (resource as { id: string }).id,
    );
    const [byId, byIdentifier] = [ids[0]!, ids[1]!];
    expect(await publish('m1', condition('m1', byId, { contained: [patient('late')] }))).toBe('recorded');
    const contained = [patient('p', identifier('1S00E00CC33'))];
    expect(await publish('m1', condition('m1', byIdentifier, { contained }))).toBe('recorded');
    expect([await statusOf(byId), await statusOf(byIdentifier)]).toEqual([200, 200]);
    const found = async (): Promise<number> =>
      (await house.call('GET', `/fhir/Condition?_id=${ids.join()}&patient=m1`, { token })).json().total;
    expect(await found()).toBe(2);
    await publish('late', patient('late', identifier('1S00-E00-CC33')));
    expect([await statusOf(byId), await statusOf(byIdentifier)]).toEqual([404, 404]);
    for (const form of ['/_history', '/_history/1'])
      expect((await house.call('GET', `/fhir/Condition/${byId}${form}`, { token })).status).toBe(404);
    expect(await found()).toBe(0);
    await house.publish([
      { subject: 'late', time: '2025-02-01T00:00:00Z', resource: patient('late', identifier('1S00E00DD44')) },
    ]);
    await house.settled();
    expect([await statusOf(byId), await statusOf(byIdentifier)]).toEqual([404, 200]);
  });

  it('is withheld by the readers if it comes in one batch with the member whom it names', async () => {
    const resource = condition('one', 'together', { contained: [patient('p', identifier('1S00E00EE55'))] });
    const { receipt } = await house.publish([
      { subject: 'one', resource },
      { subject: 'two', resource: patient('two', identifier('1S00E00EE55')) },
    ] satisfies EventInput[]);
    expect(receipt.counts).toEqual({ recorded: 2 });
    await house.settled();
    expect(await statusOf('together')).toBe(404);
  });

  it('costs queries, and a resource without such a person costs none', async () => {
    statements.splice(0);
    await publish(
      'm1',
      condition('m1', 'plain', { contained: [{ resourceType: 'Organization', id: 'o', name: 'x' }] }),
    );
    await statusOf('plain');
    expect(statements.filter((one) => one.startsWith(`${patients.name} `) && !/position|waitFor/.test(one))).toEqual(
      [],
    );
    await publish('m1', containing(patient('somebody')));
    expect(statements.filter((one) => one.startsWith(`${patients.name} getMany`))).toHaveLength(1);
  });

  const asked = (): number => statements.filter((one) => one.startsWith(`${patients.name} find`)).length;
  it('costs no query for each of thousands of identifiers, and is withheld', async () => {
    const many = Array.from({ length: 3_000 }, (_, i) => identifier(`many-${i}`));
    statements.splice(0);
    expect(await publish('m1', condition('m1', 'many', { contained: [patient('x', ...many)] }))).toBe('recorded');
    expect([await statusOf('many'), asked()]).toEqual([404, 0]);
  });

  it('costs its queries once in a search, although each resource contains the same person', async () => {
    const same = patient('somebody', identifier('not-a-member'));
    const search = async (): Promise<number> => {
      statements.splice(0);
      const { status, json } = await house.call('GET', '/fhir/Condition?patient=m1', { token });
      expect(status, JSON.stringify(json)).toBe(200);
      return asked();
    };
    const tagged = (id: string) => condition('m1', id, { contained: [same] });
    await publish('m1', tagged('same-0'));
    const before = await search();
    for (let i = 1; i < 5; i++) await publish('m1', tagged(`same-${i}`));
    expect(await search()).toBe(before);
    for (let i = 0; i < 5; i++) expect(await statusOf(`same-${i}`)).toBe(200);
  });
});
