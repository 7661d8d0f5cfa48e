import { deadLetterTopic, encodeEvent, PAYER_MEMBER_EVENTS } from '@provider-access/events';
import { eventually } from '@provider-access/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { condition, House, patient } from '../../test/harness.ts';

describe('from POST /events to the records view', () => {
  let house: House;
  beforeAll(async () => {
    house = await House.open();
  });
  afterAll(() => house.close());

  it('records resources, in order and once', async () => {
    const { rows, summary, receipt } = await house.publish([
      { id: 'a1', subject: 'm1', resource: patient('m1') },
      { id: 'a2', subject: 'm1', resource: condition('m1', 'c1') },
      { id: 'a2', subject: 'm1', resource: condition('m1', 'c1') },
      { id: 'a3', subject: 'm1', type: 'payer.member-opted-out.v1', data: {} },
    ]);
    expect(rows.map((r) => [r.index, r.id, r.status])).toEqual([
      [0, 'a1', 'accepted'],
      [1, 'a2', 'accepted'],
      [2, 'a2', 'accepted'],
      [3, 'a3', 'effective'],
    ]);
    expect(summary).toMatchObject({ complete: true, accepted: 3, effective: 1, refused: 0 });
    expect(receipt).toMatchObject({
      expected: 4,
      handled: 4,
      counts: { recorded: 3, unchanged: 1 },
      items: [{ event: 'a2', outcome: 'unchanged', reason: 'duplicate', about: 'Condition/c1' }],
    });
    await house.settled();
    const record = await house.records.byTypeId('m1', 'Condition', 'c1');
    expect(JSON.parse(Buffer.from(record!.line).toString())).toMatchObject({
      resourceType: 'Condition',
      id: 'c1',
      meta: { versionId: '1' },
      code: { text: 'asthma' },
    });
    expect(await house.records.holders('Condition', 'c1')).toEqual(['m1']);
  });

  it(
    'serves the last of eight corrections of one business time, says so, and is not changed by the same events ' +
      'again',
    async () => {
      const time = '2025-04-01T00:00:00Z';
      // `pa publish` uses a hash of the content as id, so ids have no order.
      const values = ['q', 'c', 'x', 'a', 'z', 'k', 'y', 'b'].map((id, i) => ({
        id,
        time,
        subject: 'm1',
        resource: condition('m1', 'corrected', { code: { text: `value ${i + 1}` } }),
      }));
      const served = async () =>
        JSON.parse(
          Buffer.from((await house.records.byTypeId('m1', 'Condition', 'corrected'))!.line).toString(),
        ) as unknown;
      const first = await house.publish(values);
      expect(first.receipt.counts).toEqual({ recorded: 8 });
      expect(first.receipt.items).toEqual(
        values
          .slice(1)
          .map(({ id }) => ({ event: id, outcome: 'recorded', reason: 'same-time', about: 'Condition/corrected' })),
      );
      await house.settled();
      expect(await served()).toMatchObject({ code: { text: 'value 8' }, meta: { versionId: '8' } });
      // In several requests too, where the version in the view decides.
      const [one] = values.map((v) => ({
        ...v,
        id: 'm',
        resource: condition('m1', 'corrected', { code: { text: 'value 9' } }),
      }));
      expect((await house.publish([one!])).receipt).toMatchObject({
        counts: { recorded: 1 },
        items: [{ reason: 'same-time' }],
      });
      await house.settled();
      const again = await house.publish([values[3]!, values[7]!, one!, values[0]!]);
      expect(again.receipt).toMatchObject({ counts: { superseded: 3, unchanged: 1 } });
      await house.settled();
      expect(await served()).toMatchObject({ code: { text: 'value 9' }, meta: { versionId: '9' } });
    },
  );

  it('lists conditional references that nobody can follow in the receipt, by path and type', async () => {
    const conditional = (member: string, id: string): object =>
      condition(member, id, {
        asserter: { reference: 'Practitioner?identifier=http://hl7.org/fhir/sid/us-npi|1234567893' },
        evidence: [{ detail: [{ reference: 'Observation?identifier=urn:x|1' }, { reference: 'Observation/o1' }] }],
      });
    const given = [
      { id: 'u1', subject: 'm1', resource: conditional('m1', 'u1') },
      { id: 'u2', subject: 'm1', resource: conditional('m1', 'u2') },
      { id: 'u3', subject: 'm1', resource: condition('m1', 'u3') },
    ];
    const { receipt } = await house.publish(given);
    expect(receipt).toMatchObject({
      counts: { recorded: 3 },
      unresolved: { 'Condition.asserter -> Practitioner': 2, 'Condition.evidence.detail -> Observation': 2 },
    });
    // Unchanged resources do not count again.
    expect((await house.publish(given)).receipt).toMatchObject({ counts: { unchanged: 3 }, unresolved: {} });
  });

  const letters = async (): Promise<(string | undefined)[][]> => {
    const topic = deadLetterTopic(PAYER_MEMBER_EVENTS);
    const all = await Promise.all(
      Array.from({ length: await house.log.partitions(topic) }, (_, p) => house.log.read(topic, p, 0, 100)),
    );
    return all
      .flat()
      .map(
        ({ value }) => JSON.parse(Buffer.from(value).toString()) as { reason: string; headers: Record<string, string> },
      )
      .map(({ reason, headers }) => [reason, headers['ce_id']]);
  };
  it('makes a dead letter of an event that names a type of ours, and none of what only keeps a place', async () => {
    const event = {
      id: 'gap-1',
      source: 'urn:payer',
      type: 'pa.gap.v1',
      time: '2025-04-01T00:00:00Z',
      subject: 'm1',
      data: { note: 'would vanish' },
    };
    await house.log.append(PAYER_MEMBER_EVENTS, [
      { key: 'gap', partitionKey: 'm1', headers: { ce_type: 'pa.gap.v1' }, value: '{}' },
      encodeEvent(event),
    ]);
    await eventually(async () => expect(await letters()).toEqual([['unknown-event-type', 'gap-1']]));
  });

  // Kafka accepts ids and sources that POST /events refuses.
  it.each(['id', 'source'])(
    'makes a dead letter of an event over Kafka whose %s has 257 characters, and takes the one behind it',
    async (name) => {
      const event = {
        id: `kafka-${name}`,
        source: 'urn:payer',
        type: 'payer.resource-recorded.v1',
        time: '2025-04-01T00:00:00Z',
        subject: 'm1',
      };
      const records = [
        { ...event, [name]: 'x'.repeat(257) },
        { ...event, [name]: 'x'.repeat(256) },
      ].map((e, i) => encodeEvent({ ...e, data: { resource: condition('m1', `long-${name}-${i}`) } }));
      await house.log.append(PAYER_MEMBER_EVENTS, records);
      await eventually(async () =>
        expect((await letters()).map(([reason, id]) => [reason, id!.length])).toContainEqual([
          'not-a-cloudevent',
          name === 'id' ? 257 : `kafka-${name}`.length,
        ]),
      );
      await house.settled();
      expect([
        await house.records.byTypeId('m1', 'Condition', `long-${name}-0`),
        await house.records.byTypeId('m1', 'Condition', `long-${name}-1`),
      ]).toEqual([undefined, expect.anything()]);
    },
  );

  it('says in the receipt how many elements redaction removed, by path and without values', async () => {
    const total = [{ category: { text: 't' }, amount: { value: 12.5, currency: 'USD' } }];
    const claims = ['e1', 'e2'].map((id) => ({
      id: `event-${id}`,
      subject: 'm1',
      resource: claim('m1', id, { total }),
    }));
    const { receipt } = await house.publish([
      ...claims,
      claims[1]!,
      { id: 'b3', subject: 'm1', resource: condition('m1', 'c2') },
    ]);
    expect(receipt).toMatchObject({
      handled: 4,
      counts: { recorded: 3, unchanged: 1 },
      removed: { 'ExplanationOfBenefit.total': 2, 'ExplanationOfBenefit.processNote.text': 2 },
    });
  });
});

const claim = (member: string, id: string, more: object): object => ({
  resourceType: 'ExplanationOfBenefit',
  id,
  status: 'active',
  type: { text: 'x' },
  use: 'claim',
  outcome: 'complete',
  patient: { reference: `Patient/${member}` },
  created: '2024-01-01',
  insurer: { display: 'p' },
  provider: { display: 'q' },
  insurance: [{ focal: true, coverage: { reference: 'Coverage/c' } }],
  processNote: [{ text: 'You owe $12.50.' }],
  ...more,
});
