import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
// eslint-disable-next-line no-restricted-syntax -- counts over a time, and the end of all writes is that none follows
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { itemOf } from '@provider-access/cli';
import { syntheticPayer } from '@provider-access/synthetic';
import { BUDGETS } from '@provider-access/testing/budgets';
import { openCheckpoints, type Checkpoints } from './bench/mongo/checkpoints.ts';
import { startCountedEngines, type CountedEngines } from './counted-engines.ts';
import { startDeployment, type Deployment } from './deployment.ts';
import { publishItems } from './road.ts';

const MEMBERS = 8;
/** The views have nothing left to write when no checkpoint has moved for this time. */
const QUIET_MS = 1_500;
const IDLE_MS = 10_000;

describe('intake by five services', () => {
  const folder = mkdtempSync(join(tmpdir(), 'provider-access-intake-cost-'));
  let engines: CountedEngines;
  let platform: Deployment;
  let checkpoints: Checkpoints;

  beforeAll(async () => {
    engines = await startCountedEngines();
    checkpoints = await openCheckpoints(engines.uncounted);
    // Intervals of production, because the short session of the other tests would cost more heartbeats.
    platform = await startDeployment({
      dataDir: join(folder, 'data'),
      env: { ...engines.env, KAFKA_SESSION_TIMEOUT_MS: '10000' },
    });
  });
  afterAll(async () => {
    await platform?.kill();
    await checkpoints?.close();
    await engines?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const viewsQuiet = async (): Promise<void> => {
    for (let before = ''; ;) {
      const now = await checkpoints.read();
      if (now === before) return;
      before = now;
      await sleep(QUIET_MS);
    }
  };
  const publish = async (seed: string, members: number): Promise<number> => {
    const { accepted } = await publishItems(
      platform,
      [...syntheticPayer({ seed, members, asOf: '2026-11-01T00:00:00.000Z' }).events()].map(itemOf),
    );
    return accepted;
  };

  test('asks MongoDB and Kafka a bounded number of times for 1,000 events', async () => {
    const { commands, requests } = engines;
    const counters = { MongoDB: commands, Kafka: requests };
    const clear = (): void => Object.values(counters).forEach((counter) => counter.clear());
    await publish('warm', 1);
    await viewsQuiet();
    clear();
    await sleep(IDLE_MS);
    // Services ask by the clock too, which `idle.engine.spec.ts` bounds. How long intake takes depends on the machine.
    const idle = { MongoDB: commands.of(/./).messages / IDLE_MS, Kafka: requests.of(/./).messages / IDLE_MS };
    clear();
    const began = performance.now();
    const events = await publish('cost', MEMBERS);
    await viewsQuiet();
    const ms = performance.now() - began;
    console.log(`${events} events, all views after ${(ms / 1000).toFixed(1)} s`);
    const costs = Object.fromEntries(
      (['MongoDB', 'Kafka'] as const).map((engine) => {
        const { messages } = counters[engine].of(/./);
        const cost = ((messages - idle[engine] * ms) / events) * 1_000;
        const all = ((messages / events) * 1_000).toFixed(0);
        console.log(`${engine}: ${cost.toFixed(0)} for 1,000 events, with the clock ${all} (${counters[engine]})`);
        return [engine, cost];
      }),
    );
    expect.soft(costs['MongoDB']).toBeGreaterThan(10);
    expect.soft(costs['MongoDB']).toBeLessThanOrEqual(BUDGETS.mongoCommandsOfAThousandEvents.most);
    expect.soft(costs['Kafka']).toBeGreaterThan(10);
    expect.soft(costs['Kafka']).toBeLessThanOrEqual(BUDGETS.kafkaRequestsOfAThousandEvents.most);
  });
});
