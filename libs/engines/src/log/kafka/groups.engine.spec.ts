import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import kafkajs from 'kafkajs';
import { beforeAll, expect, it } from 'vitest';
import { eventually, KAFKA_API, kafkaRequest } from '@provider-access/testing';
import { EngineUnavailable, reached, type Batch } from '../port.ts';
import { Cluster } from './cluster.ts';
import { settingsOf } from './options.ts';
import { useProxiedKafka } from '../../../test/log/kafka/proxied.ts';
import { openLog, prefixed, record, topic } from '../../../test/log/kafka/support.ts';

const used = useProxiedKafka();
let heartbeats = 0;
beforeAll(() => {
  // Counts heartbeats and drops no answer.
  used.proxy.dropAnswers((request) => {
    if (kafkaRequest(request) === KAFKA_API.heartbeat) heartbeats++;
    return false;
  });
});

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const values = (batch: Batch): string[] => batch.records.map(({ value }) => Buffer.from(value).toString());
const admin = (): kafkajs.Admin =>
  new kafkajs.Kafka({ brokers: used.kafka.brokers, logLevel: kafkajs.logLevel.NOTHING }).admin();

it('consumers that join and leave all the time miss no record, and none gets a partition out of order', async () => {
  const connection = await prefixed(used.kafka.brokers, [topic('t', { partitions: 8 })]);
  const log = await openLog(connection, { heartbeatIntervalMs: 100 });
  const seen = new Set<string>();
  const inFlight = new Set<number>();
  let overlaps = 0;
  const handle = async (batch: Batch): Promise<void> => {
    // All consumers are in this process, so the test sees a partition that two of them handle at once.
    if (inFlight.has(batch.partition) && batch.owned!()) overlaps++;
    inFlight.add(batch.partition);
    const offsets = batch.records.map(({ offset }) => offset);
    expect(offsets).toEqual(offsets.map((_, i) => offsets[0]! + i));
    // eslint-disable-next-line no-restricted-syntax -- a slow handler, so that consumers leave while it works
    await new Promise((resolve) => setTimeout(resolve, 2));
    for (const value of values(batch)) seen.add(value);
    inFlight.delete(batch.partition);
  };
  const join = () => log.subscribe({ group: 'g', topics: ['t'], maxRecords: 20, handle });
  const steady = await join();
  let storm = true;
  const coming = Promise.all(
    [0, 1].map(async () => {
      while (storm) await (await join()).stop();
    }),
  );
  for (const call of numbers(60))
    await log.append(
      't',
      numbers(40).map((i) => record(`${call}/${i}`, i % 8)),
    );
  await eventually(() => seen.size >= 1_600);
  storm = false;
  await coming;
  await eventually(() => seen.size === 2_400);
  await eventually(async () => reached(await log.committed('g', ['t']), await log.head(['t'])));
  expect(overlaps).toBe(0);
  await steady.stop();
  await log.close();
});

/** Fetches wait for ten minutes, so none of them ends by itself in this test. */
it('a fetch that waits holds up nothing: records, consumers that come and go, failing handlers, a stop', async () => {
  const connection = await prefixed(used.kafka.brokers, [topic('t', { partitions: 4 })]);
  const log = await openLog(connection, { pollMs: 600_000, heartbeatIntervalMs: 100 });
  const seen: string[] = [];
  let failing = false;
  const join = (name: string) =>
    log.subscribe({
      group: 'g',
      topics: ['t'],
      handle: async (batch) => {
        if (failing) throw new EngineUnavailable('not now');
        seen.push(...values(batch).map((value) => `${name}${value}`));
      },
    });
  const followed: string[] = [];
  const follower = await log.follow({ topics: ['t'], handle: (batch) => void followed.push(...values(batch)) });
  const a = await join('a');
  const say = async (value: string, by: (partition: number) => RegExp): Promise<void> => {
    await log.append(
      't',
      numbers(4).map((partition) => record(`${value}${partition}`, partition)),
    );
    await eventually(() =>
      numbers(4).every(
        (partition) =>
          seen.some((one) => by(partition).test(one) && one.endsWith(`${value}${partition}`)) &&
          followed.includes(`${value}${partition}`),
      ),
    );
  };
  await say('1/', () => /^a/);
  await say('2/', () => /^a/);
  const b = await join('b');
  // Each consumer has some of the partitions.
  await eventually(() => (a.position()['t']?.length ?? 0) > 0 && (b.position()['t']?.length ?? 0) > 0);
  await say('3/', () => /^[ab]/);
  failing = true;
  await log.append(
    't',
    numbers(4).map((partition) => record(`4/${partition}`, partition)),
  );
  await eventually(() => a.failure() !== undefined && b.failure() !== undefined);
  failing = false;
  await eventually(() => numbers(4).every((partition) => seen.some((one) => one.endsWith(`4/${partition}`))));
  await a.stop();
  await say('5/', () => /^b/);
  await b.stop();
  await follower.stop();
  expect(new Set(seen.map((one) => one.slice(1))).size).toBe(20);
  await log.close();
}, 120_000);

it(
  'a consumer that was stopped for longer than its session then owns no partition, and another has handled its ' +
    'batch',
  async () => {
    const connection = await prefixed(used.kafka.brokers, [topic('t', { partitions: 2 })]);
    const log = await openLog(connection, { sessionTimeoutMs: 2_000 });
    await log.append('t', [record('a', 0), record('b', 1)]);
    const child = spawn(
      process.execPath,
      [
        '--conditions=@provider-access/source',
        new URL('../../../test/log/kafka/consumer-of-group.ts', import.meta.url).pathname,
        used.kafka.brokers[0]!,
        connection.topicPrefix,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const lines: string[] = [];
    createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
    await eventually(() => ['has 0', 'has 1'].every((line) => lines.includes(line)) && lines.at(-1) === 'owned true');
    child.kill('SIGSTOP');
    const seen: string[] = [];
    const subscription = await log.subscribe({
      group: 'g',
      topics: ['t'],
      handle: async (batch) => void seen.push(...values(batch)),
    });
    await eventually(() => seen.length === 2);
    const before = lines.length;
    child.kill('SIGCONT');
    await eventually(() => lines.length > before);
    expect(new Set(lines.slice(before))).toEqual(new Set(['owned false']));
    child.kill('SIGKILL');
    await subscription.stop();
    await log.close();
  },
);

it('a handler that takes longer than a session keeps its partition while its process lives', async () => {
  const connection = await prefixed(used.kafka.brokers, [topic('t', { partitions: 1 })]);
  const [sessionTimeoutMs, heartbeatIntervalMs] = [6_000, 200];
  const log = await openLog(connection, { sessionTimeoutMs, heartbeatIntervalMs });
  await log.append('t', [record('a')]);
  let began = 0;
  let owned: boolean | undefined;
  const subscription = await log.subscribe({
    group: 'g',
    topics: ['t'],
    handle: async (batch) => {
      began++;
      // The handler takes longer than a session, as the number of heartbeats shows.
      const before = heartbeats;
      await eventually(() => heartbeats > before + sessionTimeoutMs / heartbeatIntervalMs);
      owned = batch.owned!();
    },
  });
  await eventually(async () => (await log.committed('g', ['t']))['t']![0] === 1);
  expect(began).toBe(1);
  expect(owned).toBe(true);
  await subscription.stop();
  await log.close();
});

it('a topic that does not exist is refused at once, by name', async () => {
  const connection = await prefixed(used.kafka.brokers, [topic('t')]);
  const log = await openLog(connection, { readTimeoutMs: 60_000, deliveryTimeoutMs: 60_000 });
  const name = new RegExp(`topic ${connection.topicPrefix}nowhere does not exist`);
  for (const attempt of [
    () => log.append('nowhere', [record('x')]),
    () => log.head(['t', 'nowhere']),
    () => log.read('nowhere', 0, 0, 1),
    () => log.partitions('nowhere'),
    () => log.committed('g', ['nowhere']),
    () => log.subscribe({ group: 'g', topics: ['t', 'nowhere'], handle: async () => undefined }),
    () => log.follow({ topics: ['nowhere'], handle: () => undefined }),
  ]) {
    await expect(attempt()).rejects.toThrow(name);
    await expect(attempt()).rejects.toThrow(EngineUnavailable);
  }
  await log.close();
});

it('followers and groups continue after the only broker was killed; followers leave no group behind', async () => {
  const connection = await prefixed(used.kafka.brokers, [topic('t')]);
  const log = await openLog(connection);
  const seen = { group: new Set<string>(), follower: [] as string[] };
  const subscription = await log.subscribe({
    group: 'g',
    topics: ['t'],
    handle: async (batch) => values(batch).forEach((value) => seen.group.add(value)),
  });
  const follower = await log.follow({ topics: ['t'], handle: (batch) => void seen.follower.push(...values(batch)) });
  await log.append(
    't',
    numbers(8).map((i) => record(`${i}`, i % 4)),
  );
  await eventually(() => seen.group.size === 8 && seen.follower.length === 8);
  await used.kafka.kill();
  await eventually(() => follower.failure() !== undefined);
  await used.kafka.startBroker();
  await log.append(
    't',
    numbers(8).map((i) => record(`${i + 8}`, i % 4)),
  );
  await eventually(() => seen.group.size === 16 && seen.follower.length === 16);
  await eventually(() => follower.failure() === undefined && subscription.failure() === undefined);
  expect(new Set(seen.follower).size).toBe(16);
  const listing = admin();
  await listing.connect();
  expect(
    (await listing.listGroups()).groups
      .map(({ groupId }) => groupId)
      .filter((id) => id.startsWith(connection.topicPrefix)),
  ).toEqual([`${connection.topicPrefix}g`]);
  await listing.disconnect();
  await Promise.all([subscription.stop(), follower.stop()]);
  await log.close();
});

/**
 * kafkajs drops the member id when the coordinator does not know it. If the next join fails, kafkajs goes on fetching,
 * sends no heartbeat, and never joins again.
 */
it.each([
  { what: 'when a record comes', records: ['meanwhile'], more: {} },
  { what: 'after a session and a rebalance, if none comes', records: [], more: { rebalanceTimeoutMs: 6_000 } },
])('a consumer that its group forgot, and whose next join fails, is replaced $what', async ({ records, more }) => {
  const connection = await prefixed(used.kafka.brokers, [topic('t', { partitions: 1 })]);
  const log = await openLog(connection, more);
  const seen: string[] = [];
  const subscription = await log.subscribe({
    group: 'g',
    topics: ['t'],
    handle: async (batch) => {
      if (!batch.owned!()) throw new EngineUnavailable('the partition may have another owner');
      seen.push(...values(batch));
    },
  });
  await log.append('t', [record('before')]);
  await eventually(() => seen.includes('before'));

  const groupId = `${connection.groupPrefix}g`;
  const asking = admin();
  await asking.connect();
  const { groups } = await asking.describeGroups([groupId]);
  const lost = used.proxy.lost();
  used.proxy.loseRequests((request) => kafkaRequest(request) === KAFKA_API.joinGroup);
  const cluster = new Cluster(settingsOf(connection));
  await cluster.leave('g', groups[0]!.members[0]!.memberId);
  cluster.close();
  await eventually(() => used.proxy.lost() > lost);
  for (const name of records) await log.append('t', [record(name)]);
  // kafkajs itself joins twice at most.
  await eventually(() => used.proxy.lost() > lost + 3);
  used.proxy.loseRequests();

  await log.append('t', [record('after')]);
  await eventually(() => seen.includes('after'));
  expect([...new Set(seen)]).toEqual(['before', ...records, 'after']);
  await asking.disconnect();
  await subscription.stop();
  await log.close();
});
