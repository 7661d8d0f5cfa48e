import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { KAFKA_API, kafkaRequest, LOOPBACK, startKafka } from '@provider-access/testing';
import { EngineUnavailable, RecordTooLarge } from '../port.ts';
import { useProxiedKafka } from '../../../test/log/kafka/proxied.ts';
import { openLog, prefixed, record, topic, valuesOf, warmUp } from '../../../test/log/kafka/support.ts';

/** Losses of kafkajs that the adapter prevents. kafkajs.long.spec.ts shows how kafkajs alone loses records. */
const used = useProxiedKafka();
let brokers: string[];
beforeAll(async () => {
  brokers = [`${LOOPBACK}:${used.proxy.port}`];
  await warmUp(brokers);
});

/** Drops the answers to the next `n` produce requests, which the broker has written. */
const loseAnswers = (n: number): void => {
  let left = n;
  used.proxy.dropAnswers((request) => kafkaRequest(request) === KAFKA_API.produce && left-- > 0);
};
const missing = (acknowledged: readonly string[], found: readonly string[][]): string[] =>
  acknowledged.filter((value) => !found.flat().includes(value));
const numbers = (count: number): string[] => Array.from({ length: count }, (_, i) => String(i));

describe('a send that failed, and another after it', () => {
  it('adapter: nothing acknowledged is missing, and the failed one may be there', async () => {
    const connection = await prefixed(brokers, [topic('t')]);
    const log = await openLog(connection, { deliveryTimeoutMs: 5_000 });
    await log.append('t', [record('before')]);
    loseAnswers(1000);
    await expect(log.append('t', [record('failed')])).rejects.toThrow(EngineUnavailable);
    loseAnswers(0);
    await log.append('t', [record('after')]);
    expect(missing(['before', 'after'], await valuesOf(log, 't'))).toEqual([]);
    await log.close();
  });
});

describe('concurrent sends to one partition, the answer of one lost', () => {
  it('adapter: nothing is missing, nothing is there twice, in the order of the calls', async () => {
    const connection = await prefixed(brokers, [topic('t')]);
    const log = await openLog(connection);
    await log.append('t', [record('first')]);
    loseAnswers(3);
    const values = numbers(200);
    await Promise.all(values.map((value) => log.append('t', [record(value)])));
    expect((await valuesOf(log, 't'))[0]).toEqual(['first', ...values]);
    await log.close();
  });
});

describe('sends that nobody awaits', () => {
  it('adapter: the order is that of the calls', async () => {
    const connection = await prefixed(brokers, [topic('t')]);
    const log = await openLog(connection);
    const values = numbers(500);
    await Promise.all(values.map((value) => log.append('t', [record(value, 1), record(value, 2)])));
    expect(await valuesOf(log, 't')).toEqual([[], values, values, []]);
    await log.close();
  });
});

describe('a send over two partitions of which one is too large for the broker', () => {
  it('adapter: is refused by its index, and the next is there', async () => {
    const connection = await prefixed(brokers, [topic('t', { maxMessageBytes: 1 })]);
    const log = await openLog(connection);
    // Its compression saves a quarter at most.
    const large = randomBytes(150_000).toString('base64');
    const refused = log.append('t', [record('small', 0), record(large, 1)]);
    await expect(refused).rejects.toThrow(RecordTooLarge);
    await expect(refused).rejects.toMatchObject({ index: 1 });
    await log.append('t', [record('next', 0), record('next', 1)]);
    expect(missing(['next'], (await valuesOf(log, 't')).slice(0, 1))).toEqual([]);
    expect((await valuesOf(log, 't'))[1]).toEqual(['next']);
    await log.close();
  });

  it('adapter: records that fit alone are sent in smaller batches', async () => {
    const connection = await prefixed(brokers, [topic('t', { maxMessageBytes: 1 })]);
    const log = await openLog(connection);
    const values = numbers(60).map((i) => i + randomBytes(6_000).toString('base64'));
    const appended = await log.append(
      't',
      values.map((value) => record(value, 3)),
    );
    expect(appended.map(({ offset }) => offset)).toEqual(values.map((_, i) => i));
    expect((await valuesOf(log, 't'))[3]).toEqual(values);
    await log.close();
  });
});

describe('a partition that does not exist', () => {
  it('adapter: is refused before anything is sent', async () => {
    const connection = await prefixed(brokers, [topic('t')]);
    const log = await openLog(connection);
    await expect(log.append('t', [record('a', 0), record('b', 99)])).rejects.toThrow(RangeError);
    expect((await valuesOf(log, 't')).flat()).toEqual([]);
    await log.close();
  });
});

describe('a producer that the broker does not know any more', () => {
  it('adapter: nothing is missing after a pause longer than producer ids live', async () => {
    // A separate broker. In other tests, a broker that soon forgets producers would write a repeated batch twice.
    const forgetful = await startKafka({
      properties: { 'producer.id.expiration.ms': '1000', 'producer.id.expiration.check.interval.ms': '200' },
    });
    const connection = await prefixed(forgetful.brokers, [topic('t')]);
    const log = await openLog(connection);
    const acknowledged: string[] = [];
    for (const round of ['a', 'b', 'c']) {
      for (const i of numbers(5)) {
        const value = `${round}${i}`;
        // A failed append may have been written.
        while (
          !(await log.append('t', [record(value)]).then(
            () => true,
            () => false,
          ))
        );
        acknowledged.push(value);
      }
      // eslint-disable-next-line no-restricted-syntax -- the broker does not say when it forgets a producer id
      await new Promise((resolve) => setTimeout(resolve, 1_500));
    }
    const found = (await valuesOf(log, 't'))[0]!;
    expect(missing(acknowledged, [found])).toEqual([]);
    expect([...new Set(found)]).toEqual(acknowledged);
    await log.close();
    await forgetful.stop();
  });
});

describe('more than may wait', () => {
  it('is refused as busy, and accepted records are written', async () => {
    const connection = await prefixed(brokers, [topic('t')]);
    const log = await openLog(connection, { maxQueuedBytes: 10_000 });
    await log.append('t', [record('first')]);
    used.proxy.pause('answers');
    const waiting = numbers(9).map((value) => log.append('t', [record(value.padEnd(1_000, '.'))]));
    await expect(log.append('t', [record('x'.repeat(2_000))])).rejects.toThrow(/busy/);
    used.proxy.resume('answers');
    await Promise.all(waiting);
    expect((await valuesOf(log, 't'))[0]!.map((value) => value.replace(/\.+$/, ''))).toEqual(['first', ...numbers(9)]);
    await log.close();
  });

  it('reports an unavailable broker within the time of an append, also for waiting appends', async () => {
    const connection = await prefixed(brokers, [topic('t')]);
    const log = await openLog(connection, { deliveryTimeoutMs: 5_000 });
    await log.append('t', [record('first')]);
    await used.proxy.refuse();
    used.proxy.cut();
    const results = await Promise.allSettled(numbers(8).map((value, i) => log.append('t', [record(value, i % 4)])));
    expect(results.map((result) => result.status === 'rejected' && result.reason instanceof EngineUnavailable)).toEqual(
      results.map(() => true),
    );
    await used.proxy.accept();
    await log.append('t', [record('last')]);
    expect(missing(['first', 'last'], await valuesOf(log, 't'))).toEqual([]);
    await log.close();
  });
});
