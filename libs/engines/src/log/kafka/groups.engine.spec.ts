import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import kafkajs from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, KAFKA_API, kafkaRequest, startKafka, tcpProxy } from '@provider-access/testing';
import type { Kafka, TcpProxy } from '@provider-access/testing';
import { EngineUnavailable, reached } from '../port.ts';
import type { Batch, Loss } from '../port.ts';
import { openLog, prefixed, record, topic } from '../../../test/log/kafka/support.ts';

let kafka: Kafka;
let proxy: TcpProxy;
let heartbeats = 0;
beforeAll(async () => {
  kafka = await startKafka({
    advertise: async (_, port) => (proxy = await tcpProxy({ target: { port }, protocol: 'kafka' })).port,
  });
  // Counts and drops nothing.
  proxy.dropAnswers((request) => {
    if (kafkaRequest(request) === KAFKA_API.heartbeat) heartbeats++;
    return false;
  });
});
afterAll(async () => {
  await proxy.close();
  await kafka.stop();
});

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const values = (batch: Batch): string[] => batch.records.map(({ value }) => Buffer.from(value).toString());
const admin = (): kafkajs.Admin =>
  new kafkajs.Kafka({ brokers: kafka.brokers, logLevel: kafkajs.logLevel.NOTHING }).admin();

it('members that join and leave all the time miss nothing, and nobody gets a partition out of order', async () => {
  const connection = await prefixed(kafka.brokers, [topic('t', { partitions: 8 })]);
  const log = await openLog(connection, { heartbeatIntervalMs: 100 });
  const seen = new Set<string>();
  const inFlight = new Set<number>();
  let overlaps = 0;
  const handle = async (batch: Batch): Promise<void> => {
    // Members of one process: a partition that is with two of them at a time is seen here.
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

/** With fetches that wait for ten minutes, nothing below can happen because a fetch has ended by itself. */
it('a fetch that waits holds up nothing: records, members that come and go, failing handlers, a stop', async () => {
  const connection = await prefixed(kafka.brokers, [topic('t', { partitions: 4 })]);
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
  // Each has some: both know of all partitions only together.
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
  'a member that was stopped for longer than its session owns nothing when it goes on, and another has handled its ' +
    'batch',
  async () => {
    const connection = await prefixed(kafka.brokers, [topic('t', { partitions: 2 })]);
    const log = await openLog(connection, { sessionTimeoutMs: 2_000 });
    await log.append('t', [record('a', 0), record('b', 1)]);
    const child = spawn(
      process.execPath,
      [
        '--conditions=@provider-access/source',
        new URL('../../../test/log/kafka/member-of-group.ts', import.meta.url).pathname,
        kafka.brokers[0]!,
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

it('a handler that takes longer than a session keeps its partition, for as long as its process lives', async () => {
  const connection = await prefixed(kafka.brokers, [topic('t', { partitions: 1 })]);
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
      // More heartbeats than a session has room for: the handler has taken longer than the session.
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

/** As retention does. */
async function deleteBefore({ topicPrefix }: { readonly topicPrefix: string }, offset: number): Promise<void> {
  const deleting = admin();
  await deleting.connect();
  await deleting.fetchTopicMetadata({ topics: [`${topicPrefix}t`] });
  await deleting.deleteTopicRecords({
    topic: `${topicPrefix}t`,
    partitions: [{ partition: 0, offset: String(offset) }],
  });
  await deleting.disconnect();
}

describe('retention that was faster than a reader', () => {
  it('is reported by the group, which stops until an operator accepts the loss, also after a restart', async () => {
    const connection = await prefixed(kafka.brokers, [topic('t', { partitions: 1 })]);
    const losses: string[] = [];
    const log = await openLog(connection, {
      metrics: { consumer: (group, what) => void losses.push(`${group} ${what}`) },
    });
    const seen: string[] = [];
    let accepts = false;
    const asked: Loss[] = [];
    const join = (group: string) =>
      log.subscribe({
        group,
        topics: ['t'],
        handle: async (batch) => void seen.push(...values(batch)),
        accepted: async (loss) => (asked.push(loss), accepts),
      });
    await log.append(
      't',
      numbers(3).map((i) => record(`${i}`)),
    );
    const first = await join('g');
    await eventually(async () => (await log.committed('g', ['t']))['t']![0] === 3);
    await first.stop();
    await log.append(
      't',
      numbers(7).map((i) => record(`${i + 3}`)),
    );
    await deleteBefore(connection, 6);
    const lost = { group: 'g', topic: 't', partition: 0, from: 3, to: 6, begun: true };
    expect(await log.losses('g', ['t'])).toEqual([lost]);
    let second = await join('g');
    await eventually(() => asked.length > 2);
    expect(asked).toEqual(asked.map(() => lost));
    expect(second.failure()).toMatch(/^t\/0: retention removed records 3 to 5 before this group had read them/);
    expect(losses).toEqual(expect.arrayContaining(['g retention-loss']));
    await second.stop();
    second = await join('g');
    await log.append('t', [record('10')]);
    await eventually(() => second.failure()?.startsWith('t/0: retention removed') === true);
    // Nothing behind the loss was handled, in either life.
    expect(seen).toEqual(['0', '1', '2']);
    accepts = true;
    await eventually(() => seen.includes('10'));
    expect(seen).toEqual(['0', '1', '2', '6', '7', '8', '9', '10']);
    await eventually(() => second.failure() === undefined);
    expect(await log.losses('g', ['t'])).toEqual([]);
    expect(losses.filter((what) => what === 'g retention-loss')).toHaveLength(2);
    expect((await log.read('t', 0, 0, 100)).map(({ offset }) => offset)).toEqual([6, 7, 8, 9, 10]);
    const followed: string[] = [];
    const follower = await log.follow({ topics: ['t'], handle: (batch) => void followed.push(...values(batch)) });
    expect(followed).toEqual(['6', '7', '8', '9', '10']);
    await Promise.all([second.stop(), follower.stop()]);
    await log.close();
  });
});

describe('a group that Kafka has forgotten, or that is new, on a topic of which retention has taken a part', () => {
  it('asks, and stands where others can see it; without anybody to ask it begins at what is left', async () => {
    const connection = await prefixed(kafka.brokers, [topic('t', { partitions: 1 })]);
    const log = await openLog(connection);
    await log.append(
      't',
      numbers(4).map((i) => record(`${i}`)),
    );
    await deleteBefore(connection, 2);
    const asked: Loss[] = [];
    const standing = await log.subscribe({
      group: 'forgotten',
      topics: ['t'],
      handle: () => Promise.reject(new Error('never')),
      accepted: async (loss) => (asked.push(loss), false),
    });
    await eventually(() => asked.length > 1);
    expect(asked[0]).toEqual({ group: 'forgotten', topic: 't', partition: 0, from: 0, to: 2, begun: false });
    await eventually(async () => expect(await log.losses('forgotten', ['t'])).toEqual([{ ...asked[0], begun: true }]));
    const seen: string[] = [];
    const begun = await log.subscribe({
      group: 'new',
      topics: ['t'],
      handle: async (batch) => void seen.push(...values(batch)),
    });
    await eventually(() => expect(seen).toEqual(['2', '3']));
    expect(await log.losses('new', ['t'])).toEqual([]);
    await Promise.all([standing.stop(), begun.stop()]);
    await log.close();
  });

  it('a follower that retention overtakes stands still', async () => {
    const connection = await prefixed(kafka.brokers, [topic('t', { partitions: 1 })]);
    const log = await openLog(connection);
    await log.append(
      't',
      numbers(6).map((i) => record(`${i}`)),
    );
    await deleteBefore(connection, 5);
    const after: string[] = [];
    const overtaken = log.follow({
      topics: ['t'],
      from: { t: [3] },
      handle: (batch) => void after.push(...values(batch)),
    });
    const ended = overtaken.then(
      () => 'caught up',
      () => 'stands still',
    );
    await log.close();
    expect([await ended, after]).toEqual(['stands still', []]);
  });
});

it("commits past the last transaction's marker, so that its removal is no loss, never past a record", async () => {
  const connection = await prefixed(kafka.brokers, [topic('t', { partitions: 1 })]);
  const name = `${connection.topicPrefix}t`;
  const client = new kafkajs.Kafka({
    brokers: [...kafka.brokers],
    clientId: 'payer',
    logLevel: kafkajs.logLevel.NOTHING,
  });
  const producer = client.producer({ transactionalId: name, idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  const transaction = await producer.transaction();
  await transaction.send({ topic: name, messages: ['0', '1'].map((value) => ({ partition: 0, key: 'k', value })) });
  await transaction.commit();
  await producer.disconnect();
  const log = await openLog(connection, { passEveryMs: 50 });
  const seen: string[] = [];
  let block = false;
  const subscription = await log.subscribe({
    group: 'g',
    topics: ['t'],
    handle: async (batch) => {
      if (block) throw new Error('not yet');
      seen.push(...values(batch));
    },
  });
  await eventually(() => seen.length === 2);
  // Two records and the marker.
  expect(await log.head(['t'])).toEqual({ t: [3] });
  await eventually(async () => expect(await log.committed('g', ['t'])).toEqual({ t: [3] }));
  block = true;
  await log.append('t', [record('2')]);
  await eventually(() => subscription.failure() !== undefined);
  expect(await log.committed('g', ['t'])).toEqual({ t: [3] });
  block = false;
  await eventually(() => seen.length === 3);
  await subscription.stop();
  await deleteBefore(connection, 4);
  expect(await log.losses('g', ['t'])).toEqual([]);
  await log.close();
});

it('a topic that does not exist is refused at once, by name', async () => {
  const connection = await prefixed(kafka.brokers, [topic('t')]);
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
  const connection = await prefixed(kafka.brokers, [topic('t')]);
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
  await kafka.kill();
  await eventually(() => follower.failure() !== undefined);
  await kafka.startBroker();
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
