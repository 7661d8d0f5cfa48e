import { afterEach, expect, it } from 'vitest';
import { PAYER_MEMBER_EVENTS } from '@provider-access/events';
import { partitionFor } from '@provider-access/engines/log';
import { condition, type EventInput, House } from '../../test/harness.ts';

let house: House;
afterEach(() => house.close());

it('changes the owner of a Type/id with each event of a batch, for the resource of the event alone', async () => {
  house = await House.open();
  const count = await house.log.partitions(PAYER_MEMBER_EVENTS);
  // Events of one partition are one batch, in their order.
  const [old, current] = Array.from({ length: 100 }, (_, n) => `m${n}`).filter(
    (member) => partitionFor(member, count) === partitionFor('m1', count),
  ) as [string, string];
  let n = 0;
  const of = (member: string, id: string): EventInput => ({
    ...{ subject: member, time: `2025-03-01T00:00:${10 + (n += 1)}Z` },
    resource: condition(member, id, { code: { text: `text ${n}` } }),
  });
  await house.publish([of(old, 'c1'), of(old, 'c2')]);
  await house.publish([{ subject: current, type: 'payer.members-merged.v1', data: { from: old } }]);
  await house.settled();
  const { rows, receipt } = await house.publish([of(current, 'c1'), of(old, 'c1'), of(old, 'c2'), of(current, 'c3')]);
  expect(receipt).toMatchObject({ counts: { parked: 1 }, items: [{ event: rows[1]!.id, about: 'Condition/c1' }] });
  await house.settled();
  const holders = await Promise.all(['c1', 'c2', 'c3'].map((id) => house.records.holders('Condition', id)));
  expect(holders).toEqual([[current], [old], [current]]);
  const freed = await house.publish([
    {
      ...{ subject: current, time: '2025-04-01T00:00:00Z', type: 'payer.resource-deleted.v1' },
      data: { resourceType: 'Condition', id: 'c1' },
    },
    of(old, 'c1'),
    of(old, 'c3'),
  ]);
  expect(freed.receipt).toMatchObject({ counts: { parked: 1 }, items: [{ event: freed.rows[2]!.id }] });
});
