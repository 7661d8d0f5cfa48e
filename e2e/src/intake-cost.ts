import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { itemOf } from '@provider-access/cli';
import { syntheticPayer } from '@provider-access/synthetic';
import { BUDGETS } from '@provider-access/testing/budgets';
import { openCheckpoints, type Checkpoints } from './bench/mongo/checkpoints.ts';
import { collectionsOf } from './bench/mongo/collections.ts';
import type { CountedEngines, Counter } from './counted-engines.ts';
import type { Deployment } from './deployment.ts';
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
  kafka: /^(?:Heartbeat of|Metadata of|ListOffsets of \w+: (?:pa\.attestations\+)?pa\.registry(?:\+payer\.|$))/,
};

/** What a test of the cost of intake uses. Nothing has published anything before it. */
export interface Counted {
  readonly engines: CountedEngines;
  readonly platform: Deployment;
}

async function viewsQuiet(checkpoints: Checkpoints): Promise<void> {
  for (let before = ''; ;) {
    const now = await checkpoints.read();
    if (now === before) return;
    before = now;
    await sleep(QUIET_MS);
  }
}

async function publish(
  platform: Deployment,
  members: readonly number[],
): Promise<{ readonly events: number; readonly bytes: number }> {
  const items = [...syntheticPayer({ seed: 'cost', members, asOf: '2026-11-01T00:00:00.000Z' }).events()].map(itemOf);
  const { accepted } = await publishItems(platform, items);
  return { events: accepted, bytes: items.reduce((sum, { line }) => sum + Buffer.byteLength(line), 0) };
}

/** Asks MongoDB and Kafka a bounded number of times for 1,000 events, and keeps few bytes. */
export async function intakeCosts({ engines, platform }: Counted): Promise<void> {
  const { commands, requests } = engines;
  const checkpoints = await openCheckpoints(engines.uncounted);
  try {
    const warm = await publish(platform, WARM_MEMBERS);
    await viewsQuiet(checkpoints);
    for (const counter of [commands, requests]) counter.clear();
    const began = performance.now();
    const { events, bytes } = await publish(platform, MEMBERS);
    await viewsQuiet(checkpoints);
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
    // New documents, in a view that reads no part and in one of several parts. An update costs ten times as much.
    const begun = String.raw`resources_(?:versions|dead-letters)_v\d+`;
    expect.soft(commands.of(new RegExp(`^insert ${begun}`)).messages).toBeGreaterThan(0);
    expect.soft(commands.of(new RegExp(`^update ${begun}`)).messages).toBe(0);
    const produced = requests.of(/^Produce /).bytes / bytes;
    console.log(`Kafka: ${produced.toFixed(2)} bytes are written for each received byte`);
    expect.soft(produced).toBeGreaterThan(0.01);
    expect.soft(produced).toBeLessThanOrEqual(BUDGETS.kafkaBytesPerByteReceived.most);
    const documents = (await collectionsOf(engines.uncounted)).reduce((sum, kept) => sum + kept.bytes, 0);
    const kept = produced + documents / (warm.bytes + bytes);
    console.log(`Kafka and MongoDB: ${kept.toFixed(2)} bytes are kept for each received byte`);
    expect.soft(kept).toBeGreaterThan(0.5);
    expect.soft(kept).toBeLessThanOrEqual(BUDGETS.engineBytesKeptPerByteReceived.most);
  } finally {
    await checkpoints.close();
  }
}
