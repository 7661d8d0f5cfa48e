import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
// eslint-disable-next-line no-restricted-syntax -- counts over a time: nothing is waited for
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { toStructured, type DomainEvent } from '@provider-access/events';
import { eventually } from '@provider-access/testing';
import { variant } from '@provider-access/testing/variant';
import { startCountedEngines, type CountedEngines, type Counter } from './counted-engines.ts';
import { startDeployment, type Deployment } from './deployment.ts';
import { intakeCosts } from './intake-cost.ts';
import { http, optIn, optOut, tell, type EventRow } from './road.ts';

/**
 * The end of a start is not visible from outside. A rate counts from the moment when the work of the start is over:
 * caches are filled and every consumer has its partitions.
 */
const SETTLE_MS = 10_000;
const WINDOW_MS = 30_000;
/** Statements about one member. */
const REPEATED = variant.long ? 2_000 : 600;

const perSecond = (counter: Counter): number => counter.of(/./).messages / (WINDOW_MS / 1000);

describe('five services', () => {
  const folder = mkdtempSync(join(tmpdir(), 'provider-access-idle-'));
  let engines: CountedEngines;
  let requests: Counter;
  let commands: Counter;
  let platform: Deployment;

  beforeAll(async () => {
    engines = await startCountedEngines();
    ({ requests, commands } = engines);
    // Intervals of production, because the short session of the other tests would cost more heartbeats.
    platform = await startDeployment({
      dataDir: join(folder, 'data'),
      env: { ...engines.env, KAFKA_SESSION_TIMEOUT_MS: '10000' },
    });
  });
  afterAll(async () => {
    await platform?.kill();
    await engines?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test('without traffic ask MongoDB at most 5 times and Kafka at most 25 times a second', async () => {
    await sleep(SETTLE_MS);
    requests.clear();
    commands.clear();
    await sleep(WINDOW_MS);
    const [kafkaRate, mongoRate] = [perSecond(requests), perSecond(commands)];
    console.log(`Kafka ${kafkaRate.toFixed(1)} requests a second (${requests.toString()})`);
    console.log(`MongoDB ${mongoRate.toFixed(1)} commands a second (${commands.toString()})`);
    // Both get requests all the same: facts and presence are renewed, and consumers wait for records.
    expect(kafkaRate).toBeGreaterThan(1);
    expect(mongoRate).toBeGreaterThan(0.5);
    // Each consumer group of a view sends a heartbeat every 2.5 s.
    expect.soft(kafkaRate, requests.toString()).toBeLessThanOrEqual(25);
    expect.soft(mongoRate, commands.toString()).toBeLessThanOrEqual(5);
  });

  test('ask MongoDB and Kafka a bounded number of times for 1,000 events, and keep few bytes', () =>
    intakeCosts({ engines, platform }));

  /** NDJSON; the answer has a row for each event. */
  const publish = async (events: readonly DomainEvent[]): Promise<readonly EventRow[]> => {
    const body = events.map((event) => JSON.stringify(toStructured(event))).join('\n');
    const headers = { 'content-type': 'application/x-ndjson' };
    const answer = await http(`${platform.base}/events`, { method: 'POST', token: platform.payerToken, headers, body });
    const lines = answer.body.toString('utf8').trim().split('\n');
    return lines.map((line) => JSON.parse(line) as EventRow);
  };

  /** A busy platform answers `accepted` at first. The same event again changes nothing. */
  const isEffective = (event: DomainEvent): Promise<void> =>
    eventually(async () => expect((await tell(platform, event)).status).toBe('effective'), { timeout: 240_000 });

  test(`${REPEATED} statements about one member cost no more each than the first, others stay current`, async () => {
    const costs: Readonly<Record<'commands' | 'bytes' | 'appends', number>>[] = [];
    for (const [portion, count] of [REPEATED / 4, (3 * REPEATED) / 4].entries()) {
      requests.clear();
      commands.clear();
      const repeated = Array.from({ length: count }, (_, n) => (n % 2 === 0 ? optOut('flooded') : optIn('flooded')));
      const others = Array.from({ length: 10 }, (_, n) => optOut(`behind-${portion}-${n}`));
      const rows = await publish([...repeated, ...others]);
      expect(rows.filter(({ status }) => status === 'refused' || status === 'parked')).toEqual([]);
      for (const other of others) await isEffective(other);
      const [asked, written] = [commands.of(/ state_(streams|claims)$/), commands.of(/ (state_|facts_members)/)];
      const appends = requests.of(/^Produce /).messages;
      costs.push({ commands: asked.messages / count, bytes: written.bytes / count, appends: appends / count });
    }
    const [first, last] = costs as [(typeof costs)[0], (typeof costs)[0]];
    console.log(`each of the first ${JSON.stringify(first)}, each of the others ${JSON.stringify(last)}`);
    // A batch that is delivered again after a rebalance counts twice.
    expect.soft(last.commands).toBeLessThan(Math.min(6, 2 * first.commands));
    expect.soft(last.bytes).toBeLessThan(Math.min(10_000, 1.25 * first.bytes));
    expect.soft(last.appends).toBeLessThan(0.5);
  });
});
