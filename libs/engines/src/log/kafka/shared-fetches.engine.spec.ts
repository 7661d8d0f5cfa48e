import kafkajs from 'kafkajs';
import { beforeAll, expect, it } from 'vitest';
import { BUDGETS } from '@provider-access/testing/budgets';
import { eventually, KAFKA_API, kafkaRequest } from '@provider-access/testing';
import { EngineUnavailable, type Batch, type EventLog, type LogRecord, type Subscription } from '../port.ts';
import { useProxiedKafka } from '../../../test/log/kafka/proxied.ts';
import { openLog, prefixed, record, topic } from '../../../test/log/kafka/support.ts';
import { KafkaLog } from './kafka-log.ts';
import { settingsOf } from './options.ts';

const used = useProxiedKafka();
/** Whole requests on the wire. */
const sent = { fetch: 0, commit: 0 };
beforeAll(() => {
  used.proxy.loseRequests((request) => {
    if (kafkaRequest(request) === KAFKA_API.fetch) sent.fetch++;
    if (kafkaRequest(request) === KAFKA_API.offsetCommit) sent.commit++;
    return false;
  });
});

const GROUPS = ['records', 'locators', 'search', 'directory', 'authorizations', 'receipts'];
const PARTITIONS = 4;
const place = ({ topic: name, partition, offset }: LogRecord): string => `${name}/${partition}/${offset}`;

/** The records that each group got, in the order of their arrival. */
class Seen {
  readonly byGroup = new Map<string, LogRecord[]>(GROUPS.map((group) => [group, []]));

  add(group: string, { records }: Batch): void {
    this.byGroup.get(group)!.push(...records);
  }
  count(group: string): number {
    return this.byGroup.get(group)!.length;
  }
  /** Objects by record: each decoding makes one. */
  decodings(): Map<string, Set<LogRecord>> {
    const all = new Map<string, Set<LogRecord>>();
    for (const found of [...this.byGroup.values()].flat())
      all.set(place(found), (all.get(place(found)) ?? new Set()).add(found));
    return all;
  }
  expectAll(count: number): void {
    for (const [group, found] of this.byGroup) {
      expect(new Set(found.map(place)).size, group).toBe(count);
      for (let p = 0; p < PARTITIONS; p++) {
        const offsets = found.filter(({ partition }) => partition === p).map(({ offset }) => offset);
        expect(offsets, group).toEqual(offsets.toSorted((a, b) => a - b));
      }
    }
  }
}

const topics = () =>
  prefixed(used.kafka.brokers, [topic('t', { partitions: PARTITIONS }), topic('other', { partitions: 2 })]);
const open = async (): Promise<EventLog> =>
  openLog(await topics(), { pollMs: 5_000, heartbeatIntervalMs: 1_500, sessionTimeoutMs: 10_000 });
/** Longer than this spec takes, so that nothing happens because of the time but what `now` says. */
const NEVER_MS = 600_000;
async function openAt(now: () => number): Promise<EventLog> {
  const never = { pollMs: NEVER_MS, requestTimeoutMs: 2 * NEVER_MS, sessionTimeoutMs: NEVER_MS };
  const log = new KafkaLog(settingsOf({ ...(await topics()), ...never, heartbeatIntervalMs: 1_500 }), now);
  await log.reach();
  return log;
}
const records = (count: number, from: number) =>
  Array.from({ length: count }, (_, i) => record(`value-${from + i}`, (from + i) % PARTITIONS));

it('decodes a record once for every group of the process, and fetches it once', async () => {
  const log = await openAt(() => 0);
  const seen = new Seen();
  // The last one reads another topic too, as the view of receipts does.
  const subscriptions = await Promise.all(
    GROUPS.map((group, i) =>
      log.subscribe({
        group,
        topics: i === GROUPS.length - 1 ? ['t', 'other'] : ['t'],
        commitMs: NEVER_MS,
        handle: async (batch) => seen.add(group, batch),
      }),
    ),
  );
  await log.append('t', records(50, 0));
  await eventually(() => GROUPS.every((group) => seen.count(group) === 50));
  Object.assign(sent, { fetch: 0, commit: 0 });
  const rounds = 20;
  for (let round = 1; round <= rounds; round++) {
    await log.append('t', records(50, 50 * round));
    await eventually(() => GROUPS.every((group) => seen.count(group) === 50 * (round + 1)));
  }
  const { fetch, commit } = sent;
  seen.expectAll(50 * (rounds + 1));
  const decodings = [...seen.decodings().values()].map(({ size }) => size);
  expect(decodings).toHaveLength(50 * (rounds + 1));
  const late = decodings.filter((size) => size > BUDGETS.decodingsOfARecord.most);
  expect(late).toEqual([]);
  // An append makes four sends, one for each partition, and a fetch may find them apart.
  expect(fetch).toBeLessThanOrEqual(rounds * (PARTITIONS + 2));
  expect(commit).toBe(0);
  await Promise.all(subscriptions.map((subscription) => subscription.stop()));
  const head = await log.head(['t']);
  for (const group of GROUPS) expect(await log.committed(group, ['t'])).toEqual(head);
  await log.close();
});

it.each([
  [4_999, 1],
  [5_000, 2],
])('decodes the records of a group that comes %i ms later %i times', async (later, times) => {
  let now = 1_000;
  const log = await openAt(() => now);
  const seen = new Seen();
  const subscribe = (group: string): Promise<Subscription> =>
    log.subscribe({ group, topics: ['t'], commitMs: NEVER_MS, handle: async (batch) => seen.add(group, batch) });
  await subscribe('records');
  await log.append('t', records(50, 0));
  await eventually(() => seen.count('records') === 50);
  now += later;
  await subscribe('search');
  await eventually(() => seen.count('search') === 50);
  expect(new Set([...seen.decodings().values()].map(({ size }) => size))).toEqual(new Set([times]));
  await log.close();
});

it('lets a group that fails, or that is slow, stay behind alone, and gives it every record in order', async () => {
  const log = await open();
  const seen = new Seen();
  let failing = true;
  const subscriptions: Subscription[] = [];
  for (const group of GROUPS)
    subscriptions.push(
      await log.subscribe({
        group,
        topics: ['t'],
        maxRecords: group === 'search' ? 3 : 500,
        handle: async (batch) => {
          if (group === 'records' && failing) throw new EngineUnavailable('the view stops');
          // eslint-disable-next-line no-restricted-syntax -- a slow view
          if (group === 'search') await new Promise((resolve) => setTimeout(resolve, 1));
          seen.add(group, batch);
        },
      }),
    );
  const others = GROUPS.filter((group) => group !== 'records');
  for (let round = 0; round < 10; round++) await log.append('t', records(40, 40 * round));
  await eventually(() => others.every((group) => seen.count(group) === 400));
  expect(seen.count('records')).toBe(0);
  expect(subscriptions[0]!.failure()).toMatch(/the view stops|EngineUnavailable/);
  for (const subscription of subscriptions.slice(1)) expect(subscription.failure()).toBeUndefined();
  failing = false;
  await eventually(() => seen.count('records') >= 400);
  await log.append('t', records(40, 400));
  await eventually(() => GROUPS.every((group) => seen.count(group) >= 440));
  seen.expectAll(440);
  await log.close();
});

it('gets the next record of each topic at once, however many requests are open', async () => {
  const topics = Array.from({ length: 16 }, (_, n) => `many-${n}`);
  const connection = await prefixed(
    used.kafka.brokers,
    topics.map((name) => topic(name, { partitions: 1 })),
  );
  // Longer than this spec takes, so that no request ends without a record.
  const log = await openLog(connection, { pollMs: 600_000, requestTimeoutMs: 700_000 });
  const seen = new Set<string>();
  for (const name of topics)
    await log.subscribe({
      group: name,
      topics: [name],
      handle: async ({ records: found }) => found.forEach(({ value }) => seen.add(Buffer.from(value).toString())),
    });
  for (const name of topics)
    for (let round = 0; round < 3; round++) {
      await log.append(name, [record(`${round}/${name}`)]);
      await eventually(() => seen.has(`${round}/${name}`));
    }
  await log.close();
});

it('takes no committed record for one of an aborted transaction, whichever record a handler fails at', async () => {
  const connection = await prefixed(used.kafka.brokers, [topic('t', { partitions: 1 })]);
  const name = `${connection.topicPrefix}t`;
  const client = new kafkajs.Kafka({ brokers: [...used.kafka.brokers], logLevel: kafkajs.logLevel.NOTHING });
  const producer = client.producer({ transactionalId: name, idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  for (const end of ['abort', 'commit'] as const) {
    const transaction = await producer.transaction();
    const messages = Array.from({ length: 4 }, (_, n) => ({ partition: 0, key: 'k', value: `${end}-${n}` }));
    await transaction.send({ topic: name, messages });
    await transaction[end]();
  }
  await producer.disconnect();
  const log = await openLog(connection);
  const seen: string[] = [];
  const failed = new Set<string>();
  await log.subscribe({
    group: 'g',
    topics: ['t'],
    maxRecords: 1,
    handle: async ({ records: [found] }) => {
      const value = Buffer.from(found!.value).toString();
      if (!failed.has(value)) {
        failed.add(value);
        throw new EngineUnavailable('away');
      }
      seen.push(value);
    },
  });
  await eventually(() => expect(seen).toEqual(['commit-0', 'commit-1', 'commit-2', 'commit-3']));
  await log.close();
});

it('goes on with all groups after every connection was cut', async () => {
  const log = await open();
  const seen = new Seen();
  for (const group of GROUPS)
    await log.subscribe({ group, topics: ['t'], handle: async (batch) => seen.add(group, batch) });
  for (let round = 0; round < 6; round++) {
    await log.append('t', records(30, 30 * round));
    used.proxy.cut();
  }
  await eventually(() => GROUPS.every((group) => new Set(seen.byGroup.get(group)!.map(place)).size === 180));
  await log.close();
});
