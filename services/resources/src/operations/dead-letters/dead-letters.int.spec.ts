import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { condition, event, House, type Loose } from '../../../test/house.ts';

describe('dead letters', () => {
  let house: House;
  beforeAll(async () => {
    house = await House.open();
  });
  afterAll(() => house.close());
  const token = (): { token: string } => ({ token: house.payerToken });
  async function parked(id: string, resource: object): Promise<string> {
    const { receipt } = await house.publish([{ id, subject: 'm1', resource }]);
    expect(receipt.counts).toEqual({ parked: 1 });
    const { deadLetter } = receipt.items[0];
    await expect.poll(async () => (await house.call('GET', `/events/dead-letters/${deadLetter}`, token())).status).toBe(200);
    return deadLetter as string;
  }
  const bad = (id: string): object => condition('m1', id, { colour: 'red' });

  it('lists and shows what was parked, with the original', async () => {
    const id = await parked('p1', bad('c1'));
    const { deadLetters } = (await house.call('GET', '/events/dead-letters?status=open', token())).json();
    expect(deadLetters).toContainEqual(expect.objectContaining({ id, status: 'open', reason: 'invalid-resource', eventType: 'payer.resource-recorded.v1', topic: 'payer.member-events', attempt: 1 }));
    expect((await house.call('GET', `/events/dead-letters/${id}`, token())).json()).toMatchObject({ id, detail: 'Condition: colour is not an element of Condition', headers: { ce_id: 'p1' }, data: { resource: { colour: 'red' } } });
  });

  it('replays a corrected resource; the original stays', async () => {
    const id = await parked('p2', bad('c2'));
    const answer = await house.call('POST', `/events/dead-letters/${id}/replay`, { ...token(), body: { resource: condition('m1', 'c2') } });
    expect(answer.status).toBe(202);
    const { receipt } = answer.json();
    expect((await house.call('GET', `/events/receipts/${receipt}?wait=10`, token())).json()).toMatchObject({ expected: 1, handled: 1, counts: { recorded: 1 } });
    await house.settled();
    expect(await house.records.byTypeId('m1', 'Condition', 'c2')).toBeDefined();
    expect((await house.call('GET', `/events/dead-letters/${id}`, token())).json()).toMatchObject({ status: 'replayed', resolution: { by: 'payer', corrected: true, event: 'p2' }, data: { resource: { colour: 'red' } } });
    expect((await house.call('POST', `/events/dead-letters/${id}/replay`, token())).status).toBe(409);
  });

  it('replays a whole corrected event, and the original as it was', async () => {
    const whole = await parked('p3', bad('c3'));
    const replayed = await house.call('POST', `/events/dead-letters/${whole}/replay`, { token: house.administratorToken, body: event({ id: 'p3b', subject: 'm1', resource: condition('m1', 'c3') }) });
    expect(replayed.json()).toMatchObject({ status: 'replayed', event: 'p3b' });
    const again = await parked('p4', bad('c4'));
    const { receipt } = (await house.call('POST', `/events/dead-letters/${again}/replay`, token())).json();
    const second = (await house.call('GET', `/events/receipts/${receipt}?wait=10`, token())).json();
    expect(second.items).toMatchObject([{ outcome: 'parked', reason: 'invalid-resource' }]);
    await expect.poll(async () => (await house.call('GET', `/events/dead-letters/${second.items[0].deadLetter}`, token())).json().attempt).toBe(2);
  });

  it('discards with a reason', async () => {
    const id = await parked('p5', bad('c5'));
    expect((await house.call('POST', `/events/dead-letters/${id}/discard`, { ...token(), body: {} })).status).toBe(400);
    expect((await house.call('POST', `/events/dead-letters/${id}/discard`, { ...token(), body: { reason: 'sent by mistake' } })).json()).toEqual({ id, status: 'discarded' });
    expect((await house.call('GET', '/events/dead-letters?status=discarded', token())).json().deadLetters).toMatchObject([{ id }]);
  });

  it('refuses what is not right', async () => {
    expect((await house.call('GET', '/events/dead-letters/dl-aaaaaaaaaaaaaaaaaaaaaaaaaa', token())).status).toBe(404);
    expect((await house.call('GET', '/events/dead-letters?status=lost', token())).status).toBe(400);
    expect((await house.call('GET', '/events/dead-letters?cursor=x', token())).status).toBe(400);
    expect((await house.call('GET', '/events/dead-letters')).status).toBe(401);
    const id = await parked('p6', bad('c6'));
    expect((await house.call('POST', `/events/dead-letters/${id}/replay`, { ...token(), body: { specversion: '1.0' } })).status).toBe(400);
    expect((await house.call('POST', `/events/dead-letters/${id}/replay`, { ...token(), body: '{', headers: { 'content-type': 'application/json' } })).status).toBe(400);
  });

  it('shows and rebuilds the views to the administrator alone', async () => {
    const { views } = (await house.call('GET', '/ops/views/resources', { token: house.administratorToken })).json();
    expect(views.map((v: Loose) => v.view).toSorted()).toEqual(['resources_dead-letters_v1', 'resources_directory_v1', 'resources_locators_v1', 'resources_receipts_v2', 'resources_records_v1']);
    expect((await house.call('GET', '/ops/views/resources', token())).status).toBe(401);
    expect((await house.call('POST', '/ops/views/resources/records/rebuild', { token: house.administratorToken })).json()).toMatchObject({ equal: true });
    expect((await house.call('POST', '/ops/views/resources/nothing/rebuild', { token: house.administratorToken })).status).toBe(404);
  });
});
