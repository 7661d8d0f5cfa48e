import { beforeEach, expect, test } from 'vitest';
import { Backlog } from './backlog.ts';
import type { LogRecord } from './port.ts';

const TOPIC = 't';
/** Records of partitions by offset, with their timestamps. */
let partitions: (readonly (readonly [offset: number, timestamp: number])[])[];
let reads: number[];
const log = {
  read: async (topic: string, partition: number, from: number, limit: number): Promise<LogRecord[]> => {
    reads.push(partition);
    return partitions[partition]!.filter(([offset]) => offset >= from)
      .slice(0, limit)
      .map(([offset, timestamp]) => ({
        topic,
        partition,
        offset,
        timestamp,
        key: '',
        headers: {},
        value: new Uint8Array(),
      }));
  },
};
const behind = (backlog: Backlog, at: number[], head: number[]) =>
  backlog.behind(TOPIC, { [TOPIC]: at }, { [TOPIC]: head });
beforeEach(() => {
  reads = [];
  partitions = [];
});

test('counts records over all partitions, and has the append time of the oldest', async () => {
  partitions = [
    [
      [0, 100],
      [1, 110],
      [2, 120],
    ],
    [
      [0, 90],
      [1, 130],
    ],
    [],
  ];
  const backlog = new Backlog(log);
  expect(await behind(backlog, [1, 1, 0], [3, 2, 0])).toEqual({ records: 3, since: 110 });
  expect(await behind(backlog, [3, 2], [3, 2, 0])).toEqual({ records: 0, since: undefined });
});

test('reads a record once for as long as nothing moves', async () => {
  partitions = [
    [
      [0, 100],
      [1, 110],
    ],
  ];
  const backlog = new Backlog(log);
  for (let i = 0; i < 3; i++) expect(await behind(backlog, [0], [2])).toEqual({ records: 2, since: 100 });
  expect(reads).toEqual([0]);
  expect(await behind(backlog, [1], [2])).toEqual({ records: 1, since: 110 });
});

test('records that no reader gets do not count', async () => {
  partitions = [
    [[0, 100]],
    [
      [7, 200],
      [8, 210],
    ],
  ];
  const backlog = new Backlog(log);
  // Partition 0 ends with a marker. Retention removed the first seven records of partition 1.
  expect(await behind(backlog, [1, 0], [2, 9])).toEqual({ records: 2, since: 200 });
});

test('reads few partitions a call, each in its turn', async () => {
  partitions = Array.from(
    { length: 12 },
    (_, p) =>
      [
        [0, 1000 - p],
        [1, 2000 - p],
      ] as const,
  );
  const backlog = new Backlog(log);
  const all = (n: number): number[] => Array.from({ length: 12 }, () => n);
  await behind(backlog, all(0), all(2));
  expect(reads).toHaveLength(4);
  await behind(backlog, all(0), all(2));
  expect((await behind(backlog, all(0), all(2))).since).toBe(989);
  expect(new Set(reads).size).toBe(12);
  // All partitions moved. Until it is read again, a partition keeps an older time.
  reads = [];
  expect((await behind(backlog, all(1), all(2))).since).toBeLessThan(1989);
  expect(reads).toHaveLength(4);
});
