import { expect, test } from 'vitest';
import { acceptLosses } from './accept.ts';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import { eventually } from '@provider-access/testing';

const M = 'payer.member-events';
const given = (n: number) => ({ key: `${n}`, partitionKey: 'k', headers: {}, value: String(n) });

test('names and records each loss of a group of the platform, and nothing when nothing is lost', async () => {
  let log = openMemoryLog({ partitions: 1 });
  const by = { by: 'Ann', reason: 'published again' };
  await log.append(M, [given(0)]);
  expect(await acceptLosses(log, by, 0)).toEqual([]);
  const intake = await log.subscribe({ group: 'consent-intake', topics: [M], handle: () => Promise.resolve() });
  await eventually(async () => (await log.committed('consent-intake', [M]))[M]![0] === 1);
  await intake.stop();
  await log.append(M, [given(1), given(2)]);
  await log.close();
  log = openMemoryLog({ data: log.data });
  await log.trim!(M, Infinity);
  expect(await acceptLosses(log, by, Date.parse('2026-03-01T00:00:00Z'))).toEqual([
    { group: 'consent-intake', topic: M, partition: 0, from: 1, to: 3, begun: true },
  ]);
  const records = await log.read('pa.registry', 0, 0, 10);
  expect(
    records.map(({ headers, value }) => [headers['ce_type'], JSON.parse(Buffer.from(value).toString()) as unknown]),
  ).toEqual([
    [
      'pa.restore-accepted.v1',
      {
        restore: 'loss/consent-intake/payer.member-events/0/1-3',
        by: 'Ann',
        reason: 'published again',
        at: '2026-03-01T00:00:00.000Z',
      },
    ],
  ]);
  await log.close();
});
