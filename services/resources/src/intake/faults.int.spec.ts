import { afterEach, describe, expect, it } from 'vitest';
import { encodeEvent, fromStructured, PA_RECORDS, PAYER_MEMBER_EVENTS } from '@provider-access/events';
import { EngineUnavailable, partitionFor } from '@provider-access/engines/log';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import { READINESS, type ReadinessCheck } from '@provider-access/service/http';
import { condition, event, type EventInput, House, patient, type Loose } from '../../test/harness.ts';

let house: House;
afterEach(() => house.close());
const textOf = async (member: string, id: string): Promise<string | undefined> => {
  const record = await house.records.byTypeId(member, 'Condition', id);
  return record === undefined
    ? undefined
    : (JSON.parse(Buffer.from(record.line).toString()) as { code: { text: string } }).code.text;
};
const named = (member: string, id: string, text: string): object => condition(member, id, { code: { text } });

describe('the owner of a Type/id', () => {
  it('belongs to the first member until a delete', async () => {
    house = await House.open();
    const first = await house.publish([
      { subject: 'm1', resource: named('m1', 'c1', 'mine') },
      { subject: 'm2', resource: named('m2', 'c1', 'theirs') },
    ]);
    expect(first.receipt).toMatchObject({
      counts: { recorded: 1, parked: 1 },
      items: [{ reason: 'owned-by-another-member', about: 'Condition/c1' }],
    });
    // At once, while the view may lag, in the same request and in the next one.
    const freed = await house.publish([
      {
        subject: first.receipt.items[0].event === first.rows[0].id ? 'm2' : 'm1',
        type: 'payer.resource-deleted.v1',
        time: '2025-02-01T00:00:00Z',
        data: { resourceType: 'Condition', id: 'c1' },
      },
    ]);
    expect(freed.receipt.counts).toEqual({ recorded: 1 });
    const second = await house.publish([{ subject: 'm3', resource: named('m3', 'c1', 'new owner') }]);
    expect(second.receipt.counts).toEqual({ recorded: 1 });
    await house.settled();
    expect(await house.records.holders('Condition', 'c1')).toEqual(['m3']);
    expect(await textOf('m3', 'c1')).toBe('new owner');
    expect(
      (await house.publish([{ subject: 'm1', resource: named('m1', 'c1', 'again') }])).receipt.items,
    ).toMatchObject([{ reason: 'owned-by-another-member' }]);
  });

  it('goes to the member into whom its owner was merged', async () => {
    house = await House.open();
    expect((await house.publish([{ subject: 'old', resource: named('old', 'c1', 'before') }])).receipt.counts).toEqual({
      recorded: 1,
    });
    expect(
      (await house.publish([{ subject: 'new', type: 'payer.members-merged.v1', data: { from: 'old' } }])).receipt
        .counts,
    ).toEqual({ recorded: 1 });
    await house.settled();
    expect((await house.publish([{ subject: 'new', resource: named('new', 'c1', 'after') }])).receipt.counts).toEqual({
      recorded: 1,
    });
    await house.settled();
    expect(await house.records.holders('Condition', 'c1')).toEqual(['new']);
    expect(await textOf('old', 'c1')).toBeUndefined();
    expect((await house.records.heads(['old/Condition/c1']))[0]).toMatchObject({ deleted: true, reason: 'merged' });
  });

  it('stays with the retired member while what comes for the other is older than what is there', async () => {
    house = await House.open();
    await house.publish([{ subject: 'old', time: '2025-03-01T00:00:00Z', resource: named('old', 'c1', 'newest') }]);
    await house.publish([{ subject: 'new', type: 'payer.members-merged.v1', data: { from: 'old' } }]);
    await house.settled();
    const late = await house.publish([
      { subject: 'new', time: '2025-01-01T00:00:00Z', resource: named('new', 'c1', 'older') },
    ]);
    expect(late.receipt).toMatchObject({
      counts: { superseded: 1 },
      items: [{ outcome: 'superseded', about: 'Condition/c1' }],
    });
    await house.settled();
    expect([await textOf('old', 'c1'), await textOf('new', 'c1')]).toEqual(['newest', undefined]);
    expect(
      (
        await house.publish([
          { subject: 'new', time: '2025-04-01T00:00:00Z', resource: named('new', 'c1', 'newer still') },
        ])
      ).receipt.counts,
    ).toEqual({ recorded: 1 });
    await house.settled();
    expect([await textOf('old', 'c1'), await textOf('new', 'c1')]).toEqual([undefined, 'newer still']);
  });

  it(
    'parks a Provenance that is also about a record of another member, until that is released or was the same ' +
      'person all along',
    async () => {
      house = await House.open();
      const provenance = (id: string, ...targets: string[]): object => ({
        resourceType: 'Provenance',
        id,
        recorded: '2024-01-01T00:00:00Z',
        target: targets.map((reference) => ({ reference })),
        agent: [{ who: { display: 'x' } }],
      });
      const about = (id: string, ...targets: string[]): EventInput => ({
        subject: 'm1',
        resource: provenance(id, 'Patient/m1', ...targets),
      });
      const outcomes = async (...events: EventInput[]): Promise<string[]> => {
        const { rows, receipt } = await house.publish(events);
        return rows.map(
          (row: Loose) => receipt.items.find((item: Loose) => item.event === row.id)?.reason ?? 'recorded',
        );
      };
      const other = { subject: 'm2', resource: named('m2', 'c2', 'theirs') };
      // At once, while the view may lag, and later; also with an absolute URL.
      expect(await outcomes(other)).toEqual(['recorded']);
      expect(
        await outcomes(
          { subject: 'm1', resource: named('m1', 'c1', 'mine') },
          about('p1', 'Condition/c1', 'Condition/c2'),
          about('p2', 'Condition/c1', 'Condition/unknown'),
        ),
      ).toEqual(['recorded', 'names-another-member', 'recorded']);
      await house.settled();
      expect(
        await outcomes(
          about('p1', 'Condition/c1', 'Condition/c2'),
          about('p3', 'https://ehr.example/fhir/Condition/c2'),
        ),
      ).toEqual(['names-another-member', 'names-another-member']);
      expect(
        await outcomes({
          subject: 'm2',
          type: 'payer.resource-deleted.v1',
          time: '2025-02-01T00:00:00Z',
          data: { resourceType: 'Condition', id: 'c2' },
        }),
      ).toEqual(['recorded']);
      // The event is in another partition, which may be handled before the deletion is in the log.
      expect(await outcomes(about('p1', 'Condition/c2'))).toEqual(['recorded']);
      expect(
        await outcomes(
          { subject: 'm3', resource: named('m3', 'c3', 'of m3') },
          { subject: 'm1', type: 'payer.members-merged.v1', data: { from: 'm3' } },
        ),
      ).toEqual(['recorded', 'recorded']);
      await house.settled();
      expect(await outcomes(about('p4', 'Condition/c3'))).toEqual(['recorded']);
    },
  );

  it('keeps a patient inside a resource of everybody from everybody', async () => {
    house = await House.open();
    await house.approve('clinic');
    const bundle = {
      resourceType: 'Bundle',
      id: 'b',
      type: 'collection',
      entry: [{ resource: { resourceType: 'Patient', id: 'm2', name: [{ family: 'Marker' }] } }],
    };
    const organization = (contained?: object): EventInput => ({
      subject: 'o1',
      type: 'payer.provider-recorded.v1',
      resource: {
        resourceType: 'Organization',
        id: 'o1',
        name: 'Clinic',
        ...(contained !== undefined && { contained: [contained] }),
      },
    });
    const read = async (): Promise<number> =>
      (await house.call('GET', '/fhir/Organization/o1', { token: await house.token('clinic') })).status;
    const { receipt } = await house.publish([organization(bundle)]);
    expect(receipt).toMatchObject({
      counts: { parked: 1 },
      items: [{ reason: 'not-a-provider-type', about: 'Organization/o1' }],
    });
    await house.settled();
    expect(await read()).toBe(404);
    await house.publish([organization()]);
    await house.settled();
    expect(await read()).toBe(200);
  });

  it('does not let a late older delete free what a newer version holds', async () => {
    house = await House.open();
    await house.publish([
      { subject: 'm1', time: '2025-03-01T00:00:00Z', resource: named('m1', 'c1', 'new') },
      {
        subject: 'm1',
        time: '2025-01-01T00:00:00Z',
        type: 'payer.resource-deleted.v1',
        data: { resourceType: 'Condition', id: 'c1' },
      },
    ]);
    expect((await house.publish([{ subject: 'm2', resource: named('m2', 'c1', 'x') }])).receipt.items).toMatchObject([
      { reason: 'owned-by-another-member' },
    ]);
  });
});

describe('events that come twice, late or broken', () => {
  it('parks a known id with other content and goes on', async () => {
    house = await House.open();
    const { receipt } = await house.publish([
      { id: 'e', resource: named('m1', 'c1', 'one') },
      { id: 'e', resource: named('m1', 'c1', 'two') },
      { id: 'f', time: '2025-01-03T00:00:00Z', resource: named('m1', 'c1', 'three') },
    ]);
    expect(receipt).toMatchObject({
      counts: { recorded: 2, parked: 1 },
      items: [{ event: 'e', reason: 'event-id-reused' }],
    });
    await house.settled();
    expect(await textOf('m1', 'c1')).toBe('three');
  });

  it('parks bytes that are no event, once, and goes on behind them', async () => {
    const log = openMemoryLog({ partitions: 1 });
    house = await House.open({ log });
    log.faults.loseCommits = 2;
    await log.append(PAYER_MEMBER_EVENTS, [
      { key: 'k', partitionKey: 'm1', headers: {}, value: 'rubbish' },
      { key: 'k', partitionKey: 'm1', headers: { 'content-type': 'application/cloudevents+json' }, value: '{' },
      {
        key: 'k',
        partitionKey: 'm1',
        headers: {
          ce_type: 'payer.resource-recorded.v1',
          ce_id: 'b',
          ce_source: '/p',
          ce_time: '2025-01-01T00:00:00Z',
          ce_subject: 'm1',
        },
        value: '{',
      },
      {
        key: 'k',
        partitionKey: 'm1',
        headers: { 'content-type': 'application/cloudevents+json' },
        value: JSON.stringify(event({ resource: patient('m1') })),
      },
      // A Kafka producer may also append an empty value, or headers of any size.
      { key: 'm1', partitionKey: 'm1', headers: {}, value: '' },
      {
        key: 'm1',
        partitionKey: 'm1',
        headers: {
          ce_type: 'payer.resource-recorded.v1',
          ce_id: 'i'.repeat(3_000_000),
          ce_source: '/p',
          ce_time: 'noon',
          ce_subject: 'm1',
          other: '\u0001'.repeat(2_000_000),
        },
        value: '{}',
      },
      {
        key: 'm1',
        partitionKey: 'm1',
        headers: { 'content-type': 'application/cloudevents+json' },
        value: JSON.stringify(event({ resource: patient('m1') })),
      },
    ]);
    await house.settled();
    await expect
      .poll(async () =>
        (await house.call('GET', '/events/dead-letters', { token: house.payerToken }))
          .json()
          .deadLetters.map((l: Loose) => l.reason)
          .toSorted(),
      )
      .toEqual([
        'key-names-another-member',
        'not-a-cloudevent',
        'not-a-cloudevent',
        'not-a-cloudevent',
        'not-json',
        'not-json',
      ]);
    expect(await house.records.byTypeId('m1', 'Patient', 'm1')).toBeDefined();
  });
});

describe('an engine that fails', () => {
  const input: EventInput[] = Array.from({ length: 20 }, (_, i) => ({
    id: `k${i}`,
    subject: `m${i % 3}`,
    time: `2025-01-01T00:00:${String(10 + i)}Z`,
    resource: named(`m${i % 3}`, `c${i % 5}-m${i % 3}`, `text ${i}`),
  }));
  const stateOf = async (): Promise<Record<string, string | undefined>> =>
    Object.fromEntries(
      await Promise.all(
        input.map(async (e) => {
          const { id } = e.resource as { id: string };
          return [id, await textOf(e.subject!, id)] as const;
        }),
      ),
    );

  it('parks nothing and loses nothing: answers lost, commits lost, log away', async () => {
    house = await House.open();
    await house.publish(input);
    await house.settled();
    const expected = await stateOf();
    await house.close();

    const log = openMemoryLog();
    house = await House.open({ log });
    const records = input.map((e) => {
      const read = fromStructured(event(e));
      if (!read.ok) throw new Error(read.detail);
      return encodeEvent(read.event);
    });
    log.faults.loseCommits = 3;
    await log.append(PAYER_MEMBER_EVENTS, records.slice(0, 10));
    log.faults.loseAnswers = 2;
    await expect.poll(() => log.faults.loseAnswers).toBe(0);
    await log
      .append(PAYER_MEMBER_EVENTS, records.slice(10))
      .catch(() => log.append(PAYER_MEMBER_EVENTS, records.slice(10)));
    log.faults.away = true;
    await new Promise((resolve) => setImmediate(resolve));
    log.faults.away = false;
    await house.settled();
    expect(await stateOf()).toEqual(expected);
    expect((await house.call('GET', '/events/dead-letters', { token: house.payerToken })).json().deadLetters).toEqual(
      [],
    );
  });

  // Finding H8 (SECURITY.md): the success of another partition hid the failure.
  it('shows in readiness by the partition that it stops, whatever others do, until that one goes on', async () => {
    const log = openMemoryLog();
    const append = log.append.bind(log);
    let failing = true;
    log.append = async (topic, records) => {
      if (failing && topic === PA_RECORDS && records.some(({ key }) => key.startsWith('stuck/')))
        throw new EngineUnavailable('a broker is away');
      return append(topic, records);
    };
    house = await House.open({ log });
    const count = await log.partitions(PAYER_MEMBER_EVENTS);
    const stuck = partitionFor('stuck', count);
    const other = Array.from({ length: 100 }, (_, i) => `m${i}`).find(
      (member) => partitionFor(member, count) !== stuck,
    )!;
    const intake = async (): Promise<unknown> =>
      house.app
        .get<ReadinessCheck[]>(READINESS, { strict: false })
        .find(({ name }) => name === 'intake')!
        .check();
    const recorded = async (member: string, id: string): Promise<void> => {
      const read = fromStructured(event({ subject: member, resource: named(member, id, 'x') }));
      if (!read.ok) throw new Error(read.detail);
      await append(PAYER_MEMBER_EVENTS, [encodeEvent(read.event)]);
    };
    expect(await intake()).toEqual({ ready: true });
    await recorded('stuck', 'c-stuck');
    const stopped = { ready: false, detail: `payer.member-events/${stuck}: a broker is away` };
    await expect.poll(intake).toEqual(stopped);
    for (const id of ['c1', 'c2', 'c3']) {
      await recorded(other, id);
      await expect.poll(() => textOf(other, id)).toBe('x');
      expect(await intake()).toEqual(stopped);
    }
    failing = false;
    await expect.poll(intake).toEqual({ ready: true });
    await expect.poll(() => textOf('stuck', 'c-stuck')).toBe('x');
  });

  it('goes on after a restart where it was, with what it knew', async () => {
    const first = openMemoryLog();
    house = await House.open({ log: first });
    await house.publish(input.slice(0, 12));
    await house.settled();
    await house.close();
    // Only the log survives. Views and state start empty.
    house = await House.open({ log: openMemoryLog({ data: first.data }) });
    await house.publish(input);
    await house.settled();
    const heads = (await house.log.head([PA_RECORDS]))[PA_RECORDS]!.reduce((a, b) => a + b, 0);
    expect(heads).toBeGreaterThan(0);
    expect(await stateOf()).toMatchObject({ 'c4-m1': 'text 19' });
  });

  it('gives an id after a restart to nobody but its owner, whom the log alone knows', async () => {
    const first = openMemoryLog();
    house = await House.open({ log: first });
    await house.publish([{ subject: 'm1', resource: named('m1', 'c1', 'mine') }]);
    await house.close();
    // Claims and views start empty, and the event of the other member is handled at once.
    house = await House.open({ log: openMemoryLog({ data: first.data }) });
    const { receipt } = await house.publish([{ subject: 'm2', resource: named('m2', 'c1', 'theirs') }]);
    expect(receipt.items).toMatchObject([{ reason: 'owned-by-another-member', about: 'Condition/c1' }]);
    expect(await house.records.holders('Condition', 'c1')).toEqual(['m1']);
  });
});
