import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
// eslint-disable-next-line no-restricted-syntax -- the end of all writes is that none follows for a time
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { itemOf } from '@provider-access/cli';
import { syntheticPayer } from '@provider-access/synthetic';
import { BUDGETS } from '@provider-access/testing/budgets';
import { openCheckpoints, type Checkpoints } from './bench/mongo/checkpoints.ts';
import { collectionsOf } from './bench/mongo/collections.ts';
import { startCountedEngines, type CountedEngines, type Counter } from './counted-engines.ts';
import { startDeployment, type Deployment } from './deployment.ts';
import { publishItems } from './road.ts';

const numbers = (from: number, count: number): readonly number[] => Array.from({ length: count }, (_, i) => from + i);
/** Some 8,000 events, which are four requests of `pa publish`, so that batches are as large as in a load. */
const MEMBERS = numbers(1, 24);
/**
 * Others, who come before. The first load of a process costs connections, consumers and caches, and no later one does.
 */
const WARM_MEMBERS = numbers(25, 12);
/** The views have nothing left to write when no checkpoint has moved for this time. */
const QUIET_MS = 1_500;
/**
 * What services ask by the clock, whether events come or not: how old the facts are, who is there, which build is live,
 * and that a consumer lives. How much that is for 1,000 events depends on the speed of the machine, so it does not
 * count here, and `idle.engine.spec.ts` bounds it by the second. Everything else counts, also what is asked while
 * something waits.
 */
const CLOCK = {
  mongo: /^(?:hello|find views|\w+ state_presence|distinct state_work|find view_checkpoints of facts_members_v\w+)$/,
  kafka: /^(?:Heartbeat of|Metadata of|ListOffsets of \w+: pa\.registry(?:\+payer\.|$))/,
};

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
  const publish = async (members: readonly number[]): Promise<{ events: number; bytes: number }> => {
    const items = [...syntheticPayer({ seed: 'cost', members, asOf: '2026-11-01T00:00:00.000Z' }).events()].map(itemOf);
    const { accepted } = await publishItems(platform, items);
    return { events: accepted, bytes: items.reduce((sum, { line }) => sum + Buffer.byteLength(line), 0) };
  };

  test('asks MongoDB and Kafka a bounded number of times for 1,000 events, and keeps few bytes', async () => {
    const { commands, requests } = engines;
    const warm = await publish(WARM_MEMBERS);
    await viewsQuiet();
    for (const counter of [commands, requests]) counter.clear();
    const began = performance.now();
    const { events, bytes } = await publish(MEMBERS);
    await viewsQuiet();
    console.log(`${events} events, all views after ${((performance.now() - began) / 1000).toFixed(1)} s`);
    const costOf = (engine: string, counter: Counter, clock: RegExp): number => {
      const [all, byClock] = [/./, clock].map((name) => (counter.of(name).messages / events) * 1_000) as [
        number,
        number,
      ];
      console.log(`${engine}: ${all.toFixed(0)} for 1,000 events, by the clock ${byClock.toFixed(0)} (${counter})`);
      return all - byClock;
    };
    const mongo = costOf('MongoDB', commands, CLOCK.mongo);
    const kafka = costOf('Kafka', requests, CLOCK.kafka);
    expect.soft(mongo).toBeGreaterThan(10);
    expect.soft(mongo).toBeLessThanOrEqual(BUDGETS.mongoCommandsOfAThousandEvents.most);
    expect.soft(kafka).toBeGreaterThan(10);
    expect.soft(kafka).toBeLessThanOrEqual(BUDGETS.kafkaRequestsOfAThousandEvents.most);
    const produced = requests.of(/^Produce /).bytes / bytes;
    console.log(`Kafka: ${produced.toFixed(2)} bytes are written for each received byte`);
    expect.soft(produced).toBeGreaterThan(0.01);
    expect.soft(produced).toBeLessThanOrEqual(BUDGETS.kafkaBytesPerByteReceived.most);
    const documents = (await collectionsOf(engines.uncounted)).reduce((sum, kept) => sum + kept.bytes, 0);
    const kept = produced + documents / (warm.bytes + bytes);
    console.log(`Kafka and MongoDB: ${kept.toFixed(2)} bytes are kept for each received byte`);
    expect.soft(kept).toBeGreaterThan(0.5);
    expect.soft(kept).toBeLessThanOrEqual(BUDGETS.engineBytesKeptPerByteReceived.most);
  });
});
