import { expect, test } from 'vitest';
import { PA_CONSENT, PA_DEPLOYMENT } from '@provider-access/events';
import { EngineUnavailable } from '@provider-access/engines/log';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import { settleDeployment } from './deployment-mark.ts';

const NOW = Date.UTC(2026, 10, 27, 12);
const record = (value: string) => ({ key: 'k', partitionKey: 'k', partition: 0, headers: {}, value });

test.each([
  ['sandbox', 'production', /SANDBOX: this deployment was created as a sandbox at 2026-11-27T12:00:00.000Z/],
  ['production', 'sandbox', /SANDBOX: this deployment was created as a production deployment at 2026-11-27T12/],
] as const)('a deployment that was created as %s does not start as %s', async (first, second, sentence) => {
  const log = openMemoryLog();
  const mark = await settleDeployment(log, first, NOW);
  expect(mark).toEqual({ kind: first, markedAt: '2026-11-27T12:00:00.000Z' });
  expect(await settleDeployment(log, first, NOW + 1000)).toEqual(mark);
  await expect(settleDeployment(log, second, NOW + 2000)).rejects.toThrow(sentence);
  // The refused start has written nothing, and the deployment stays what it is.
  expect(await settleDeployment(log, first, NOW + 3000)).toEqual(mark);
  expect(await log.read(PA_DEPLOYMENT, 0, 0, 10)).toHaveLength(1);
  await log.close();
});

test('a deployment that was in use before marks existed is a production deployment', async () => {
  const log = openMemoryLog();
  await log.append(PA_CONSENT, [record('{}')]);
  await expect(settleDeployment(log, 'sandbox', NOW)).rejects.toThrow(/holds data and was created as a production/);
  expect(await log.read(PA_DEPLOYMENT, 0, 0, 10)).toHaveLength(0);
  expect((await settleDeployment(log, 'production', NOW)).kind).toBe('production');
  await log.close();
});

test('of processes that start at the same time with different settings, only those of one kind start', async () => {
  const log = openMemoryLog();
  const kinds = ['sandbox', 'production', 'sandbox', 'production'] as const;
  const started = await Promise.allSettled(kinds.map((kind) => settleDeployment(log, kind, NOW)));
  const running = kinds.filter((_, i) => started[i]!.status === 'fulfilled');
  expect(running.length).toBeGreaterThan(0);
  expect(new Set(running).size).toBe(1);
  await log.close();
});

test('a mark that cannot be read stops the start, and so does a log that does not answer', async () => {
  const log = openMemoryLog();
  await log.append(PA_DEPLOYMENT, [record('{"kind":"test"}')]);
  await expect(settleDeployment(log, 'production', NOW)).rejects.toThrow(/first record of pa.deployment/);
  await log.close();
  const away = openMemoryLog();
  away.read = () => Promise.reject(new EngineUnavailable('the log is away'));
  await expect(settleDeployment(away, 'production', NOW)).rejects.toThrow(EngineUnavailable);
  await away.close();
});
