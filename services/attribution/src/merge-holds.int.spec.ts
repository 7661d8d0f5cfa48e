import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deadLetterTopic, encodeEvent, type EventParked, PAYER_MEMBER_EVENTS, dataOf } from '@provider-access/events';
import { attributed, enrolled, Harness, inNetwork, NPI, payerEvent } from '../test/harness.ts';

const MEMBERS = ['m1', '2', 'm-3', 'bystander'];
let h: Harness;
beforeEach(async () => {
  h = await new Harness().start();
  await h.publish(inNetwork(), ...MEMBERS.flatMap((m) => [enrolled(m), attributed(m)]));
  await h.app1('c1', [`npi|${NPI}`]);
  expect(await denied()).toEqual([]);
});
afterEach(() => h.stop());

async function denied(): Promise<string[]> {
  await h.settle();
  const decide = (m: string) => h.facts.access.decide('c1', { kind: 'read' }, m);
  const decisions = await Promise.all(MEMBERS.map(async (m) => [m, await decide(m)] as const));
  return decisions.filter(([, decision]) => !decision.permit).map(([m]) => m);
}
async function letters(): Promise<EventParked[]> {
  const topic = deadLetterTopic(PAYER_MEMBER_EVENTS);
  const heads = (await h.log.head([topic]))[topic]!;
  const records = await Promise.all(heads.map((head, partition) => h.log.read(topic, partition, 0, head)));
  const parked = records.flat().filter(({ headers }) => headers['ce_type'] === 'pa.event-parked.v1');
  return parked.map(({ value }) => dataOf<EventParked>({ value }));
}
const merge = (subject: string | undefined, data: unknown) => payerEvent('payer.members-merged.v1', subject, data);
const ONE = 'only one of the two ids could be read: the member of the other one is not held';

// Finding M3 (SECURITY.md).
describe('an unreadable merge', () => {
  it.each<[string, unknown, string[]]>([
    ['as a number', { from: 2 }, ['m1', '2']],
    ['with spaces', { from: ' m-3 ' }, ['m1', 'm-3']],
    ['percent-encoded', { from: 'm%2D3' }, ['m1', 'm-3']],
    ['as a reference', { from: 'Patient/m-3' }, ['m1', 'm-3']],
    ['as a Reference', { from: { reference: 'Patient/m-3' } }, ['m1', 'm-3']],
  ])('holds both members when the retired id is written %s', async (_how, data, held) => {
    await h.publish(merge('m1', data));
    expect(await denied()).toEqual(held);
    expect((await letters())[0]!.detail).not.toContain(ONE);
  });

  it('holds both members when its JSON is broken behind the ids', async () => {
    await h.publishRaw({ ...encodeEvent(merge('m1', {})), value: '{"from":"m-3",' });
    expect(await denied()).toEqual(['m1', 'm-3']);
  });

  it('holds both members when the id that stays is written as a reference', async () => {
    await h.publish(merge('Patient/m1', { from: 'm-3' }));
    expect(await denied()).toEqual(['m1', 'm-3']);
  });

  it.each<[string, unknown]>([
    ['of another type', { from: true }],
    ['too long', { from: 'x'.repeat(65) }],
    ['the same id', { from: 'm1' }],
  ])(
    'holds the one member, and its dead letter says that the other one is not held, when the retired id is %s',
    async (_how, data) => {
      await h.publish(merge('m1', data));
      expect(await denied()).toEqual(['m1']);
      expect((await letters()).map(({ detail }) => detail)).toEqual([expect.stringContaining(ONE)]);
    },
  );

  it('of which no id can be read holds everybody', async () => {
    await h.publish(merge('m 1', { from: true }));
    expect(await denied()).toEqual(MEMBERS);
  });
});
