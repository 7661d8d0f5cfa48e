import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  eventually,
  type Kafka,
  KAFKA_API,
  kafkaRequest,
  startKafka,
  tcpProxy,
  type TcpProxy,
} from '@provider-access/testing';
import { type Batch, EngineUnavailable, type EventLog } from '../port.ts';
import { openLog, prefixed, record, topic, valuesOf } from '../../../test/log/kafka/support.ts';

/** Three brokers are killed in turn, so that leaders and group coordinators move. */
let kafka: Kafka;
const proxies: TcpProxy[] = [];
beforeAll(async () => {
  kafka = await startKafka({
    brokers: 3,
    advertise: async (_, port) => {
      const proxy = await tcpProxy({ target: { port }, protocol: 'kafka' });
      proxies.push(proxy);
      return proxy.port;
    },
  });
});
afterAll(async () => {
  await kafka.stop();
  await Promise.all(proxies.map((proxy) => proxy.close()));
});

/** Each broker drops the answer to one produce request in so many. */
function loseAnswers(oneIn: number): void {
  let requests = 0;
  for (const proxy of proxies)
    proxy.dropAnswers(
      (request) => oneIn > 0 && kafkaRequest(request) === KAFKA_API.produce && ++requests % oneIn === 0,
    );
}

const PARTITIONS = 6;
const safe = topic('t', { partitions: PARTITIONS, replication: 3, minInsyncReplicas: 2 });
const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

async function killed<T>(i: number, meanwhile: () => Promise<T>): Promise<T> {
  await kafka.kill(i);
  try {
    return await meanwhile();
  } finally {
    await kafka.startBroker(i);
  }
}

describe('a leader moves', () => {
  it(
    'heads never go back, and are returned for all partitions or none, while two of three brokers are away and ' +
      'come back',
    async () => {
      const log = await openLog(await prefixed(kafka.brokers, [safe]), { readTimeoutMs: 2_000 });
      await log.append(
        't',
        numbers(60).map((i) => record(String(i), i % PARTITIONS)),
      );
      const { t: before } = await log.head(['t']);
      const wrong: unknown[] = [];
      let [asked, refused] = [0, 0];
      let going = true;
      const asking = (async () => {
        while (going) {
          const head = await log.head(['t']).then(
            ({ t }) => t!,
            () => undefined,
          );
          if (head === undefined) {
            refused++;
            continue;
          }
          asked++;
          if (head.length !== PARTITIONS || head.some((next, partition) => next !== before![partition]))
            wrong.push(head);
        }
      })();
      await eventually(() => asked > 20, { what: 'answers of three brokers' });
      for (const broker of [0, 1]) await kafka.kill(broker);
      await eventually(() => refused > 0, { what: 'a refusal while two brokers are away' });
      for (const broker of [0, 1]) await kafka.startBroker(broker);
      const returned = asked;
      await eventually(() => asked > returned + 20, { what: 'answers after they came back' });
      going = false;
      await asking;
      expect(wrong).toEqual([]);
      await log.close();
    },
    240_000,
  );

  it('names why a broker refuses an append for too long, and appends again when the broker accepts it', async () => {
    const strict = topic('t', { partitions: 1, replication: 3, minInsyncReplicas: 3 });
    const log = await openLog(await prefixed(kafka.brokers, [strict]), { deliveryTimeoutMs: 5_000 });
    await log.append('t', [record('before')]);
    await killed(2, async () => {
      const refused = (): Promise<string> =>
        log.append('t', [record('never')]).then(
          () => 'taken',
          (error: Error) => error.message,
        );
      const word = 'Kafka: appending to t/0: NOT_ENOUGH_REPLICAS';
      await eventually(async () => expect(await refused()).toBe(word), { timeout: 120_000 });
    });
    await eventually(() => log.append('t', [record('after')]), { timeout: 120_000 });
    await log.close();
  }, 300_000);

  it(
    'adapter: all that was acknowledged is there, in order, handled by a group and seen by a follower, whoever is ' +
      'killed and whichever answers are lost',
    async () => {
      const connection = await prefixed(kafka.brokers, [safe]);
      const log = await openLog(connection);
      const other = await openLog(connection);
      const acknowledged: string[] = [];
      const writers = numbers(12).map((writer) => write(log, writer, acknowledged));
      const handled = new Set<string>();
      const followed = new Set<string>();
      const ordered = { group: inOrder(), follower: inOrder() };
      const take =
        (seen: Set<string>, check: (batch: Batch) => void) =>
        async (batch: Batch): Promise<void> => {
          check(batch);
          for (const { value } of batch.records) seen.add(Buffer.from(value).toString());
        };
      const consumers = await Promise.all(
        [log, other].map((of) =>
          of.subscribe({ group: 'g', topics: ['t'], handle: take(handled, ordered.group.within) }),
        ),
      );
      const follower = await log.follow({ topics: ['t'], handle: take(followed, ordered.follower.across) });
      loseAnswers(20);
      for (const i of [0, 1, 2]) {
        const before = acknowledged.length;
        await killed(i, () =>
          eventually(() => acknowledged.length > before + 600, {
            what: '600 acknowledged while a broker is away',
            timeout: 180_000,
          }),
        );
      }
      loseAnswers(0);
      expect(proxies.reduce((sum, proxy) => sum + proxy.dropped(), 0)).toBeGreaterThan(10);
      for (const writer of writers) writer.stop();
      await Promise.all(writers.map(({ ended }) => ended));
      const values = await valuesOf(log, 't');
      const found = new Set(values.flat());
      expect(acknowledged.filter((value) => !found.has(value))).toEqual([]);
      for (const value of values) expectOrderOfFirsts(value);
      await eventually(() => [...found].every((value) => handled.has(value) && followed.has(value)));
      await eventually(() => [...consumers, follower].every((each) => each.failure() === undefined));
      await Promise.all([...consumers, follower].map((each) => each.stop()));
      await Promise.all([log.close(), other.close()]);
    },
    600_000,
  );
});

/** Repeats a failed append until it is acknowledged, as callers of the port do. */
function write(log: EventLog, writer: number, acknowledged: string[]): { stop(): void; ended: Promise<void> } {
  let going = true;
  const ended = (async () => {
    for (let call = 0; going;) {
      const values = numbers(8).map((i) => `${writer}/${call * 8 + i}`);
      try {
        await log.append(
          't',
          values.map((value) => record(value, writer % PARTITIONS, `k${writer}`)),
        );
        acknowledged.push(...values);
        call++;
      } catch (error) {
        if (!(error instanceof EngineUnavailable)) throw error;
      }
      // eslint-disable-next-line no-restricted-syntax -- paces the load
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  })();
  return { stop: () => (going = false), ended };
}

/** There may be duplicates, but the first ones are in order. */
function expectOrderOfFirsts(values: readonly string[]): void {
  const next = new Map<string, number>();
  for (const value of values) {
    const [writer, n] = value.split('/') as [string, string];
    const expected = next.get(writer) ?? 0;
    expect(Number(n)).toBeLessThanOrEqual(expected);
    next.set(writer, Math.max(expected, Number(n) + 1));
  }
}

/** `within`: offsets rise inside every batch. `across`: also from batch to batch, without a gap. */
function inOrder(): { within(batch: Batch): void; across(batch: Batch): void } {
  const next = new Map<number, number>();
  const within = ({ records }: Batch): void =>
    records.forEach(({ offset }, i) => expect(offset).toBe(records[0]!.offset + i));
  return {
    within,
    across: (batch) => {
      within(batch);
      expect(batch.records[0]!.offset).toBe(next.get(batch.partition) ?? 0);
      next.set(batch.partition, batch.records[0]!.offset + batch.records.length);
    },
  };
}
