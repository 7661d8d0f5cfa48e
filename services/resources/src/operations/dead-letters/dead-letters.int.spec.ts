import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeEvent, textOf } from '@provider-access/events';
import { type LogRecord, deadLetterRecord } from '@provider-access/engines/log';
import { condition, event, House, type Loose } from '../../../test/harness.ts';

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
    await expect
      .poll(async () => (await house.call('GET', `/events/dead-letters/${deadLetter}`, token())).status)
      .toBe(200);
    return deadLetter as string;
  }
  const all = async (topic: string): Promise<readonly LogRecord[]> =>
    (
      await Promise.all(
        Array.from({ length: await house.log.partitions(topic) }, (_, p) => house.log.read(topic, p, 0, 1000)),
      )
    ).flat();
  let parkedOptOuts = 0;
  /** Appends a dead letter as the consent service does. */
  async function optOutParked(): Promise<string> {
    parkedOptOuts += 1;
    const record = encodeEvent({
      id: `o${parkedOptOuts}`,
      source: '/payer',
      type: 'payer.member-opted-out.v1',
      time: '2025-01-01T00:00:00Z',
      subject: 'm1',
      data: { scope: 'everything' },
    });
    const [place] = await house.log.append('payer.member-events', [record]);
    const [lies] = await house.log.read('payer.member-events', place!.partition, place!.offset, 1);
    const letter = deadLetterRecord(
      { topic: 'payer.member-events', partition: place!.partition },
      lies!,
      'invalid-data',
      'data.scope',
      'consent',
      Date.now(),
    );
    await house.log.append('payer.member-events.dead-letter', [letter]);
    await expect
      .poll(async () => (await house.call('GET', `/events/dead-letters/${letter.key}`, token())).status)
      .toBe(200);
    return letter.key;
  }
  const bad = (id: string): object => condition('m1', id, { colour: 'red' });

  it('lists and shows what was parked, with the original', async () => {
    const id = await parked('p1', bad('c1'));
    const { deadLetters } = (await house.call('GET', '/events/dead-letters?status=open', token())).json();
    expect(deadLetters).toContainEqual(
      expect.objectContaining({
        id,
        status: 'open',
        reason: 'invalid-resource',
        eventType: 'payer.resource-recorded.v1',
        topic: 'payer.member-events',
        attempt: 1,
      }),
    );
    expect((await house.call('GET', `/events/dead-letters/${id}`, token())).json()).toMatchObject({
      id,
      detail: 'Condition: colour is not an element of Condition',
      headers: { ce_id: 'p1' },
      data: { resource: { colour: 'red' } },
    });
  });

  it('replays a corrected resource; the original stays', async () => {
    const id = await parked('p2', bad('c2'));
    const answer = await house.call('POST', `/events/dead-letters/${id}/replay`, {
      ...token(),
      body: { resource: condition('m1', 'c2') },
    });
    expect(answer.status).toBe(202);
    const { receipt } = answer.json();
    expect((await house.call('GET', `/events/receipts/${receipt}?wait=10`, token())).json()).toMatchObject({
      expected: 1,
      handled: 1,
      counts: { recorded: 1 },
    });
    await house.settled();
    expect(await house.records.byTypeId('m1', 'Condition', 'c2')).toBeDefined();
    expect((await house.call('GET', `/events/dead-letters/${id}`, token())).json()).toMatchObject({
      status: 'replayed',
      resolution: { by: 'payer', corrected: true, event: 'p2' },
      data: { resource: { colour: 'red' } },
    });
    expect((await house.call('POST', `/events/dead-letters/${id}/replay`, token())).status).toBe(409);
  });

  it('replays a whole corrected event, and the original as it was', async () => {
    const whole = await parked('p3', bad('c3'));
    const replayed = await house.call('POST', `/events/dead-letters/${whole}/replay`, {
      token: house.administratorToken,
      body: event({ id: 'p3b', subject: 'm1', resource: condition('m1', 'c3') }),
    });
    expect(replayed.json()).toMatchObject({ status: 'replayed', event: 'p3b' });
    const again = await parked('p4', bad('c4'));
    const { receipt } = (await house.call('POST', `/events/dead-letters/${again}/replay`, token())).json();
    const second = (await house.call('GET', `/events/receipts/${receipt}?wait=10`, token())).json();
    expect(second.items).toMatchObject([{ outcome: 'parked', reason: 'invalid-resource' }]);
    await expect
      .poll(
        async () =>
          (await house.call('GET', `/events/dead-letters/${second.items[0].deadLetter}`, token())).json().attempt,
      )
      .toBe(2);
  });

  it('says where the replayed event lies, because that ends the hold of the original', async () => {
    const id = await parked('p7', bad('c7'));
    await house.call('POST', `/events/dead-letters/${id}/replay`, {
      ...token(),
      body: { resource: condition('m1', 'c7') },
    });
    const note = (await all('payer.member-events.dead-letter')).find(
      ({ headers }) => headers['ce_type'] === 'pa.dead-letter-replayed.v1' && headers['ce_subject'] === id,
    )!;
    const { place } = JSON.parse(textOf(note)) as {
      place: { topic: string; partition: number; offset: number };
    };
    const [lies] = await house.log.read(place.topic, place.partition, place.offset, 1);
    expect(lies!.headers).toMatchObject({ ce_id: 'p7', ce_pareplayof: id });
  });

  // Finding M4 (SECURITY.md): such a replay left the member denied for ever.
  it.each<[string, object, RegExp]>([
    ['another member', { id: 'x', subject: 'm2' }, /about the member or provider that the original names/],
    ['no member', { id: 'x', subject: undefined }, /about the member or provider that the original names/],
    [
      "another service's type",
      { id: 'x', subject: 'm1', type: 'payer.member-enrolled.v1', data: { coverageId: 'c', from: '2026-01-01' } },
      /of the type of the original, payer\.member-opted-out\.v1/,
    ],
    [
      'a type that is not known',
      { id: 'x', subject: 'm1', type: 'payer.member-optedout.v1' },
      /type of the corrected event is not known/,
    ],
  ])('refuses a replay about %s, and the letter stays open', async (_what, over, sentence) => {
    const id = await optOutParked();
    const body = event({ type: 'payer.member-opted-out.v1', data: { scope: 'global' }, ...over });
    const answer = await house.call('POST', `/events/dead-letters/${id}/replay`, { ...token(), body });
    expect([answer.status, answer.text]).toEqual([400, expect.stringMatching(sentence)]);
    expect(answer.text).toMatch(/discard this dead letter if it has no meaning|AsyncAPI/);
    expect((await house.call('GET', `/events/dead-letters/${id}`, token())).json()).toMatchObject({ status: 'open' });
  });

  it('discards one that was replayed before: its hold may have stayed', async () => {
    const id = await parked('p8', bad('c8'));
    expect((await house.call('POST', `/events/dead-letters/${id}/replay`, token())).status).toBe(202);
    const again = await house.call('POST', `/events/dead-letters/${id}/replay`, token());
    expect([again.status, again.text]).toEqual([409, expect.stringContaining('discard it')]);
    expect(
      (
        await house.call('POST', `/events/dead-letters/${id}/discard`, {
          ...token(),
          body: { reason: 'published anew' },
        })
      ).status,
    ).toBe(200);
    expect(
      (
        await house.call('POST', `/events/dead-letters/${id}/discard`, {
          ...token(),
          body: { reason: 'published anew' },
        })
      ).status,
    ).toBe(409);
  });

  it('discards with a reason', async () => {
    const id = await parked('p5', bad('c5'));
    expect((await house.call('POST', `/events/dead-letters/${id}/discard`, { ...token(), body: {} })).status).toBe(400);
    expect(
      (
        await house.call('POST', `/events/dead-letters/${id}/discard`, {
          ...token(),
          body: { reason: 'sent by mistake' },
        })
      ).json(),
    ).toEqual({ id, status: 'discarded' });
    expect(
      (await house.call('GET', '/events/dead-letters?status=discarded', token())).json().deadLetters,
    ).toContainEqual(expect.objectContaining({ id }));
  });

  it('shows data nested a hundred thousand deep as it came, does not replay it, and takes corrected data', async () => {
    const deep = '['.repeat(100_000) + ']'.repeat(100_000);
    const line =
      '{"specversion":"1.0","id":"deep","source":"/p","type":"payer.resource-recorded.v1","subject":"m1",' +
      '"time":"2025-01-01T00:00:00Z","data":{"resource":' +
      `{"resourceType":"Condition","id":"deep","extension":${deep}}}}`;
    const { receipt } = await house.publish([line]);
    expect(receipt.counts).toEqual({ parked: 1 });
    const url = `/events/dead-letters/${receipt.items[0].deadLetter}`;
    await expect.poll(async () => (await house.call('GET', url, token())).status).toBe(200);
    const shown = (await house.call('GET', url, token())).json();
    expect([shown.data, Buffer.from(shown.base64, 'base64').toString('utf8').includes(deep)]).toEqual([
      undefined,
      true,
    ]);
    const again = await house.call('POST', `${url}/replay`, token());
    expect([again.status, again.text]).toEqual([400, expect.stringContaining('nested too deeply')]);
    const corrected = await house.call('POST', `${url}/replay`, {
      ...token(),
      body: `{"resource":{"resourceType":"Condition","id":"deep","extension":${deep}}}`,
      headers: { 'content-type': 'application/json' },
    });
    expect(corrected.status).toBe(400);
    expect(
      (await house.call('POST', `${url}/replay`, { ...token(), body: { resource: condition('m1', 'deep') } })).status,
    ).toBe(202);
  });

  it('refuses what is not right', async () => {
    expect((await house.call('GET', '/events/dead-letters/dl-aaaaaaaaaaaaaaaaaaaaaaaaaa', token())).status).toBe(404);
    expect((await house.call('GET', '/events/dead-letters?status=lost', token())).status).toBe(400);
    expect((await house.call('GET', '/events/dead-letters?cursor=x', token())).status).toBe(400);
    expect((await house.call('GET', '/events/dead-letters')).status).toBe(401);
    const id = await parked('p6', bad('c6'));
    expect(
      (await house.call('POST', `/events/dead-letters/${id}/replay`, { ...token(), body: { specversion: '1.0' } }))
        .status,
    ).toBe(400);
    expect(
      (
        await house.call('POST', `/events/dead-letters/${id}/replay`, {
          ...token(),
          body: '{',
          headers: { 'content-type': 'application/json' },
        })
      ).status,
    ).toBe(400);
  });

  it('shows and rebuilds the views to the administrator alone', async () => {
    const { views } = (await house.call('GET', '/ops/views/resources', { token: house.administratorToken })).json();
    expect(views.map((v: Loose) => v.view).toSorted()).toEqual([
      'resources_authorizations_v2',
      'resources_consents_v2',
      'resources_dead-letters_v2',
      'resources_directory_v1',
      'resources_feeds_v1',
      'resources_labelled_v1',
      'resources_member-keys_v1',
      'resources_patients_v1',
      'resources_receipts_v2',
      'resources_records_v1',
      'resources_search_v7',
      'resources_versions_v2',
    ]);
    expect((await house.call('GET', '/ops/views/resources', token())).status).toBe(401);
    expect(
      (await house.call('POST', '/ops/views/resources/records/rebuild', { token: house.administratorToken })).json(),
    ).toMatchObject({ equal: true });
    expect(
      (await house.call('POST', '/ops/views/resources/nothing/rebuild', { token: house.administratorToken })).status,
    ).toBe(404);
  });
});
