import { expect, test } from 'vitest';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import { watchLog } from './watched-log.ts';

test('a watched log is the log, and knows what follows it until that stops', async () => {
  const memory = openMemoryLog();
  const log = watchLog(memory);
  const seen: string[] = [];
  const subscription = await log.subscribe({
    group: 'g',
    topics: ['pa.registry'],
    handle: async ({ records }) => void seen.push(...records.map((r) => r.key)),
  });
  const following = await log.follow({ topics: ['pa.registry', 'pa.consent'], handle: () => undefined });
  expect(log.running().map((each) => each.name)).toEqual(['g', 'pa.registry pa.consent']);
  await log.append('pa.registry', [{ key: 'k', partitionKey: 'k', headers: {}, value: '{}' }]);
  await expect.poll(() => seen).toEqual(['k']);
  expect(await log.head(['pa.registry'])).toEqual(await memory.head(['pa.registry']));
  expect(typeof log.compact).toBe(typeof memory.compact);
  await subscription.stop();
  expect(log.running().map((each) => each.name)).toEqual(['pa.registry pa.consent']);
  await following.stop();
  expect(log.running()).toEqual([]);
  await log.close();
});
