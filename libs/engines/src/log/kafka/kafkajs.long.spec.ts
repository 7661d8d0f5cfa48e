import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  eventually,
  type Kafka,
  KAFKA_API,
  kafkaRequest,
  LOOPBACK,
  startKafka,
  tcpProxy,
  type TcpProxy,
} from '@provider-access/testing';
import { naiveProducer, openLog, prefixed, topic, valuesOf } from '../../../test/log/kafka/support.ts';

/**
 * How kafkajs loses records when it is used as its documentation says. These specs test kafkajs and not the platform,
 * and some need a race. losses.engine.spec.ts and leaders.long.spec.ts prove that the adapter loses nothing in the
 * same situations. If a spec here fails, kafkajs has changed, and the adapter may need fewer precautions.
 */
let kafka: Kafka;
let proxy: TcpProxy;
let brokers: string[];
beforeAll(async () => {
  kafka = await startKafka({
    advertise: async (_, port) => (proxy = await tcpProxy({ target: { port }, protocol: 'kafka' })).port,
  });
  brokers = [`${LOOPBACK}:${proxy.port}`];
});
afterAll(async () => {
  await proxy.close();
  await kafka.stop();
});

/** Drops the answers to the next `n` produce requests, which the broker has written. */
const loseAnswers = (n: number): void => {
  let left = n;
  proxy.dropAnswers((request) => kafkaRequest(request) === KAFKA_API.produce && left-- > 0);
};
const missing = (acknowledged: readonly string[], found: readonly string[][]): string[] =>
  acknowledged.filter((value) => !found.flat().includes(value));
const numbers = (count: number): string[] => Array.from({ length: count }, (_, i) => String(i));

describe('a send that failed, and another after it', () => {
  it('the other is acknowledged and lost', async () => {
    const connection = await prefixed(brokers, [topic('t')]);
    const { send, close } = await naiveProducer(connection, 1);
    await send('t', [{ partition: 0, value: 'before' }]);
    loseAnswers(2);
    await expect(send('t', [{ partition: 0, value: 'failed' }])).rejects.toThrow();
    await send('t', [{ partition: 0, value: 'after' }]);
    await close();
    const log = await openLog(connection);
    expect(missing(['before', 'after'], await valuesOf(log, 't'))).toEqual(['after']);
    await log.close();
  });
});

describe('concurrent sends to one partition, the answer of one lost', () => {
  it('acknowledged and lost, or stuck', async () => {
    const lost: string[] = [];
    let stuck = 0;
    for (let round = 0; round < 10 && lost.length + stuck === 0; round++) {
      const connection = await prefixed(brokers, [topic('t')]);
      const { send, close } = await naiveProducer(connection);
      await send('t', [{ partition: 0, value: 'first' }]);
      loseAnswers(1);
      const values = numbers(20);
      const results = await Promise.allSettled(values.map((value) => send('t', [{ partition: 0, value }])));
      await close();
      const log = await openLog(connection);
      lost.push(
        ...missing(
          values.filter((_, i) => results[i]!.status === 'fulfilled'),
          await valuesOf(log, 't'),
        ),
      );
      stuck += results.filter(({ status }) => status === 'rejected').length;
      await log.close();
    }
    expect(lost.length + stuck).toBeGreaterThan(0);
  });
});

describe('sends that nobody awaits', () => {
  it('their order is lost without any fault', async () => {
    let disordered = false;
    for (let round = 0; round < 10 && !disordered; round++) {
      const connection = await prefixed(brokers, [topic('t', { partitions: 1 })]);
      const { send, close } = await naiveProducer(connection);
      const values = numbers(100);
      await Promise.all(values.map((value) => send('t', [{ partition: 0, value }])));
      await close();
      const log = await openLog(connection);
      disordered = (await valuesOf(log, 't'))[0]!.join() !== values.join();
      await log.close();
    }
    expect(disordered).toBe(true);
  });
});

describe('a send over two partitions of which one is too large for the broker', () => {
  it('the next send is acknowledged and lost, with no fault at all', async () => {
    const connection = await prefixed(brokers, [topic('t', { maxMessageBytes: 1 })]);
    const { send, close } = await naiveProducer(connection);
    await expect(
      send('t', [
        { partition: 0, value: 'small' },
        { partition: 1, value: 'x'.repeat(200_000) },
      ]),
    ).rejects.toThrow();
    await send('t', [{ partition: 0, value: 'next' }]);
    await close();
    const log = await openLog(connection);
    expect(missing(['next'], await valuesOf(log, 't'))).toEqual(['next']);
    await log.close();
  });
});

describe('a partition that does not exist', () => {
  it('resolves and writes nothing', async () => {
    const connection = await prefixed(brokers, [topic('t')]);
    const { send, close } = await naiveProducer(connection);
    expect(await send('t', [{ partition: 99, value: 'x' }])).toEqual([]);
    await close();
    const log = await openLog(connection);
    expect((await valuesOf(log, 't')).flat()).toEqual([]);
    await log.close();
  });
});

describe('a leader moves', () => {
  const PARTITIONS = 6;
  const ROUNDS = 6;

  it('sends over the partitions of several leaders are acknowledged and lost, or stuck', async () => {
    const three = await startKafka({ brokers: 3 });
    let lost = 0;
    let stuck = false;
    for (let round = 0; round < ROUNDS && lost === 0 && !stuck; round++) {
      const connection = await prefixed(three.brokers, [
        topic('t', { partitions: PARTITIONS, replication: 3, minInsyncReplicas: 2 }),
      ]);
      const acknowledged: string[] = [];
      const { send, close } = await naiveProducer(connection, 30);
      let going = true;
      const sending = (async () => {
        for (let call = 0; going; call++) {
          const messages = numbers(PARTITIONS * 20).map((i) => ({
            partition: Number(i) % PARTITIONS,
            value: `${call}/${i}`,
          }));
          const sent = await send('t', messages).then(
            () => true,
            () => false,
          );
          if (sent) acknowledged.push(...messages.map(({ value }) => value));
          else stuck = true;
          if (stuck) return;
        }
      })();
      await eventually(() => acknowledged.length > 1_000);
      const before = acknowledged.length;
      await three.kill(round % 3);
      await eventually(() => stuck || acknowledged.length > before + 3_000);
      await three.startBroker(round % 3);
      going = false;
      await sending;
      await close().catch(() => undefined);
      const log = await openLog(connection);
      const found = new Set((await valuesOf(log, 't')).flat());
      lost = acknowledged.filter((value) => !found.has(value)).length;
      await log.close();
    }
    await three.stop();
    expect(lost > 0 || stuck).toBe(true);
  }, 180_000);
});
