import { expect, test } from 'vitest';
import { PA_REGISTRY } from '@provider-access/events';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import { Metrics } from '@provider-access/service/observability';
import { watchLog } from './watched-log.ts';

const record = (key: string) => ({ key, partitionKey: key, headers: {}, value: '{}' });

test('counts appended and handled records, and the lag of a group', async () => {
  const memory = openMemoryLog();
  const metrics = new Metrics();
  const log = watchLog(memory, metrics);
  let stuck = true;
  const subscription = await log.subscribe({
    group: 'resources-intake',
    topics: [PA_REGISTRY],
    handle: async () => {
      if (stuck) throw new Error('away');
    },
  });
  await log.append(PA_REGISTRY, [record('a'), record('b')]);
  await expect.poll(() => subscription.failure()).toBeDefined();
  const behind = await metrics.text();
  expect(behind).toContain(`pa_log_appended_total{topic="${PA_REGISTRY}"} 2`);
  expect(behind).toMatch(/pa_log_handle_failures_total\{topic="pa.registry",group="resources-intake"\} [1-9]/);
  expect(behind).toContain('pa_log_lag_records{topic="pa.registry",group="resources-intake"} 2');
  expect(Number(/pa_log_oldest_unhandled_seconds\{.*\} (.*)/.exec(behind)![1])).toBeGreaterThan(0);
  stuck = false;
  await expect
    .poll(() => metrics.text(), { interval: 300 })
    .toMatch(/pa_log_lag_records\{.*\} 0\n[^]*pa_log_oldest_unhandled_seconds\{.*\} 0\n/);
  expect(await metrics.text()).toContain('pa_log_handled_total{topic="pa.registry",group="resources-intake"} 2');
  await subscription.stop();
  memory.faults.away = true;
  await expect(log.append(PA_REGISTRY, [record('c')])).rejects.toThrow();
  expect(await metrics.text()).toContain(`pa_log_append_failures_total{topic="${PA_REGISTRY}"} 1`);
  await log.close();
});

test('what this process has handled is no lag while its commit waits', async () => {
  const memory = openMemoryLog();
  const metrics = new Metrics();
  const committed = memory.committed.bind(memory);
  memory.committed = async (group, topics) =>
    Object.fromEntries(Object.entries(await committed(group, topics)).map(([topic, all]) => [topic, all.map(() => 0)]));
  const log = watchLog(memory, metrics);
  let handled = 0;
  await log.subscribe({
    group: 'resources-intake',
    topics: [PA_REGISTRY],
    handle: async ({ records }) => void (handled += records.length),
  });
  await log.append(PA_REGISTRY, [record('a'), record('b')]);
  await expect.poll(() => handled).toBe(2);
  await expect
    .poll(() => metrics.text(), { interval: 300 })
    .toContain('pa_log_lag_records{topic="pa.registry",group="resources-intake"} 0');
  await log.close();
});

test('while the log cannot be asked there is no lag, and no wrong one', async () => {
  const memory = openMemoryLog();
  const metrics = new Metrics();
  const log = watchLog(memory, metrics);
  await log.subscribe({ group: 'resources-intake', topics: [PA_REGISTRY], handle: async () => undefined });
  memory.faults.away = true;
  expect(await metrics.text()).not.toContain('pa_log_lag_records{');
  memory.faults.away = false;
  await log.close();
});

test('a watched log is the log, and knows what follows it until that stops', async () => {
  const memory = openMemoryLog();
  const log = watchLog(memory, new Metrics({ enabled: false }));
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
