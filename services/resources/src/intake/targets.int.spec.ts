import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SHARED_TYPES } from '@provider-access/fhir';
import { condition, type EventInput, House, type Loose } from '../../test/harness.ts';

/** J1: what the payer publishes without a member belongs to everybody, so a Provenance may name it. */
describe('a Provenance that names shared resources beside those of its member', () => {
  let house: House;
  beforeAll(async () => {
    house = await House.open();
  });
  afterAll(() => house.close());

  const MORE: Readonly<Record<string, object>> = {
    Endpoint: {
      status: 'active',
      connectionType: { code: 'hl7-fhir-rest' },
      payloadType: [{ text: 'any' }],
      address: 'https://ehr.example',
    },
    Questionnaire: { status: 'active' },
  };
  const TYPES = [...SHARED_TYPES, 'Device', 'Medication'] as const;
  const shared = (type: string, id: string): EventInput => ({
    type: 'payer.provider-recorded.v1',
    subject: 'directory',
    resource: { resourceType: type, id, ...MORE[type] },
  });
  const of = (member: string, type: string, id: string): EventInput => ({
    subject: member,
    resource: type === 'Condition' ? condition(member, id) : { resourceType: type, id, ...MORE[type] },
  });
  const provenance = (id: string, ...targets: string[]): EventInput => ({
    id: `event-${id}`,
    subject: 'm1',
    resource: {
      ...{ resourceType: 'Provenance', id, recorded: '2024-01-01T00:00:00Z' },
      target: targets.map((reference) => ({ reference })),
      agent: [{ who: { display: 'County clinic' } }],
    },
  });
  const outcomes = async (...events: EventInput[]): Promise<string[]> => {
    const { rows, receipt } = await house.publish(events);
    return rows.map((row: Loose) => receipt.items.find(({ event }: Loose) => event === row.id)?.reason ?? 'recorded');
  };

  it.each(TYPES)('is recorded before and after a shared %s, and when it comes again', async (type) => {
    const own = `Condition/of-${type}`;
    const before = provenance(`before-${type}`, 'Patient/m1', own, `${type}/s1`);
    const together = provenance(`together-${type}`, own, `${type}/s1`);
    const after = provenance(`after-${type}`, `${type}/s1`, `https://pa.example.org/fhir/${type}/s1`, own);
    expect(await outcomes(of('m1', 'Condition', `of-${type}`), before)).toEqual(['recorded', 'recorded']);
    expect(await outcomes(shared(type, 's1'), together)).toEqual(['recorded', 'recorded']);
    // At once, and when every view has the target.
    expect(await outcomes(after)).toEqual(['recorded']);
    await house.settled();
    expect(await outcomes(provenance(`alone-${type}`, `${type}/s1`))).toEqual(['recorded']);
    expect(await outcomes(before, together, after)).toEqual(['duplicate', 'duplicate', 'duplicate']);
  });

  it.each(TYPES)('is recorded beside a shared %s when its dead letter is replayed corrected', async (type) => {
    const [own, foreign] = [`mine-${type}`, `theirs-${type}`];
    await outcomes(shared(type, 's2'), of('m1', 'Condition', own), of('m2', 'Condition', foreign));
    await house.settled();
    const targets = [`Condition/${own}`, `${type}/s2`];
    const { receipt } = await house.publish([provenance(`p-${type}`, ...targets, `Condition/${foreign}`)]);
    expect(receipt.items).toMatchObject([{ outcome: 'parked', reason: 'names-another-member' }]);
    const path = `/events/dead-letters/${receipt.items[0].deadLetter}`;
    const token = house.payerToken;
    await expect.poll(async () => (await house.call('GET', path, { token })).status).toBe(200);
    const body = { resource: provenance(`p-${type}`, ...targets).resource };
    const replayed = (await house.call('POST', `${path}/replay`, { token, body })).json();
    const handled = await house.call('GET', `/events/receipts/${replayed.receipt}?wait=10`, { token });
    expect(handled.json().counts).toEqual({ recorded: 1 });
  });

  it('does not name a Device of another member, whether or not the payer also shares it', async () => {
    expect(await outcomes(of('m2', 'Device', 'd1'), shared('Device', 'd1'))).toEqual(['recorded', 'recorded']);
    await house.settled();
    expect(await outcomes(provenance('p', 'Device/d1'))).toEqual(['names-another-member']);
  });

  it('leaves a shared Device free for the member whose it is, before and after', async () => {
    expect(await outcomes(of('m1', 'Device', 'first'))).toEqual(['recorded']);
    await house.settled();
    expect(await outcomes(shared('Device', 'first'), shared('Device', 'later'))).toEqual(['recorded', 'recorded']);
    await house.settled();
    expect(await outcomes(of('m1', 'Device', 'later'), of('m2', 'Device', 'first'))).toEqual([
      'recorded',
      'owned-by-another-member',
    ]);
    expect(await outcomes(provenance('p', 'Device/first', 'Device/later'))).toEqual(['recorded']);
    expect(await outcomes(of('m2', 'Device', 'later'))).toEqual(['owned-by-another-member']);
  });
});
