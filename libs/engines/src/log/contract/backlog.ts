import { eventually } from '@provider-access/testing';
import { describe, expect, it } from 'vitest';
import { Backlog, type Behind } from '../backlog.ts';
import type { EventLog } from '../port.ts';
import { record } from './support.ts';

/** The lag of a group in records and in time. */
export function backlogContract(log: () => EventLog): void {
  describe('backlog', () => {
    it('has the uncommitted records of all partitions, and the append time of the oldest', async () => {
      const backlog = new Backlog(log());
      const behind = async (): Promise<Behind> =>
        backlog.behind('t', await log().committed('g', ['t']), await log().head(['t']));
      expect(await behind()).toEqual({ records: 0, since: undefined });
      const before = Date.now();
      await log().append('t', [record('a', 'a', { partition: 0 }), record('b', 'b', { partition: 0 })]);
      const first = (await log().read('t', 0, 0, 1))[0]!.timestamp;
      await log().append('t', [record('c', 'c', { partition: 2 })]);
      const later = (await log().read('t', 2, 0, 1))[0]!.timestamp;
      expect(first).toBeGreaterThanOrEqual(before - 1000);
      expect(await behind()).toEqual({ records: 3, since: Math.min(first, later) });
      const subscription = await log().subscribe({ group: 'g', topics: ['t'], handle: () => Promise.resolve() });
      await eventually(async () => (await behind()).records === 0);
      expect(await behind()).toEqual({ records: 0, since: undefined });
      await subscription.stop();
      await log().append('t', [record('d', 'd', { partition: 2 })]);
      expect(await behind()).toMatchObject({ records: 1, since: (await log().read('t', 2, 1, 1))[0]!.timestamp });
    });
  });
}
