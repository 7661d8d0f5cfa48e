import kafkajs from 'kafkajs';
import { beforeAll, describe, expect, it } from 'vitest';
import { eventually, sharedKafka } from '@provider-access/testing';
import type { Batch, Loss } from '../port.ts';
import { openLog, prefixed, record, topic } from '../../../test/log/kafka/support.ts';

let kafka: Awaited<ReturnType<typeof sharedKafka>>;
beforeAll(async () => {
  kafka = await sharedKafka();
});

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const values = (batch: Batch): string[] => batch.records.map(({ value }) => Buffer.from(value).toString());
const admin = (): kafkajs.Admin =>
  new kafkajs.Kafka({ brokers: kafka.brokers, logLevel: kafkajs.logLevel.NOTHING }).admin();

/** Removes records as retention does. */
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

const SILENT = { debug: () => {}, info: () => {}, warn: () => {} };

describe('retention that was faster than a reader', () => {
  it('is reported by the group, which stops until an operator accepts the loss, also after a restart', async () => {
    const connection = await prefixed(kafka.brokers, [topic('t', { partitions: 1 })]);
    const losses: string[] = [];
    const log = await openLog(connection, {
      logger: { ...SILENT, error: (_fields, message) => void losses.push(message) },
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
    expect(losses).toEqual([expect.stringContaining('retention removed records')]);
    await second.stop();
    second = await join('g');
    await log.append('t', [record('10')]);
    await eventually(() => second.failure()?.startsWith('t/0: retention removed') === true);
    // No record behind the loss was handled, before or after the restart.
    expect(seen).toEqual(['0', '1', '2']);
    accepts = true;
    await eventually(() => seen.includes('10'));
    expect(seen).toEqual(['0', '1', '2', '6', '7', '8', '9', '10']);
    await eventually(() => second.failure() === undefined);
    expect(await log.losses('g', ['t'])).toEqual([]);
    expect(losses.filter((message) => message.startsWith('retention removed records'))).toHaveLength(2);
    expect((await log.read('t', 0, 0, 100)).map(({ offset }) => offset)).toEqual([6, 7, 8, 9, 10]);
    const followed: string[] = [];
    const follower = await log.follow({ topics: ['t'], handle: (batch) => void followed.push(...values(batch)) });
    expect(followed).toEqual(['6', '7', '8', '9', '10']);
    await Promise.all([second.stop(), follower.stop()]);
    await log.close();
  });
});

describe('a group that Kafka has forgotten, or that is new, on a topic of which retention has taken a part', () => {
  it('asks for acceptance and shows the loss; without an operator it starts at the first record', async () => {
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

  it('a follower stops when retention removes unread records', async () => {
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
