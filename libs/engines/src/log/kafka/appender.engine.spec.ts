import { randomBytes } from 'node:crypto';
import { beforeAll, expect, it } from 'vitest';
import { KAFKA_API, kafkaRequest } from '@provider-access/testing';
import { useProxiedKafka } from '../../../test/log/kafka/proxied.ts';
import { openLog, prefixed, record, topic } from '../../../test/log/kafka/support.ts';
import { EngineUnavailable, type EventLog, type NewRecord, RecordTooLarge } from '../port.ts';

const used = useProxiedKafka();
let produced = 0;
/** What the sends ask for, by the wire: -1 is an answer when all replicas in sync have the records. */
const acks = new Set<number>();
function acksOf(request: Buffer): number {
  // https://kafka.apache.org/protocol: the id of the client, that of a transaction, and then the acks.
  const transaction = 14 + request.readInt16BE(12);
  return request.readInt16BE(transaction + 2 + Math.max(0, request.readInt16BE(transaction)));
}
beforeAll(() => {
  used.proxy.loseRequests((request) => {
    if (kafkaRequest(request) === KAFKA_API.produce) {
      produced++;
      acks.add(acksOf(request));
    }
    return false;
  });
});

const PARTITIONS = 4;
const numbers = (count: number, from = 0): number[] => Array.from({ length: count }, (_, i) => from + i);
const records = (count: number, from: number): NewRecord[] =>
  numbers(count, from).map((n) => record(`value-${n}`, n % PARTITIONS));
const valuesOf = async (log: EventLog, name: string, partition: number): Promise<readonly string[]> =>
  (await log.read(name, partition, 0, 10_000)).map(({ value }) => Buffer.from(value).toString());

it('sends an append to several partitions in one request, after each partition has accepted one', async () => {
  const log = await openLog(await prefixed(used.kafka.brokers, [topic('t', { partitions: PARTITIONS })]));
  await log.append('t', records(40, 0));
  const rounds = 10;
  produced = 0;
  for (let round = 1; round <= rounds; round++) {
    const appended = await log.append('t', records(40, 40 * round));
    expect(appended.map(({ partition, offset }) => [partition, offset])).toEqual(
      numbers(40).map((n) => [n % PARTITIONS, 10 * round + Math.floor(n / PARTITIONS)]),
    );
  }
  expect(produced).toBe(rounds);
  // `leaders.long.spec.ts` shows why, with brokers that are killed.
  expect([...acks]).toEqual([-1]);
  for (let partition = 0; partition < PARTITIONS; partition++)
    expect(await valuesOf(log, 't', partition)).toEqual(
      numbers(40 * (rounds + 1)).flatMap((n) => (n % PARTITIONS === partition ? [`value-${n}`] : [])),
    );
  await log.close();
});

it('gathers the appends of several callers, and keeps the order of each partition', async () => {
  const log = await openLog(await prefixed(used.kafka.brokers, [topic('t', { partitions: PARTITIONS })]));
  await log.append('t', records(PARTITIONS, 0));
  produced = 0;
  await Promise.all(numbers(200, PARTITIONS).map((n) => log.append('t', [record(`value-${n}`, n % PARTITIONS)])));
  expect(produced).toBeLessThan(20);
  for (let partition = 0; partition < PARTITIONS; partition++)
    expect(await valuesOf(log, 't', partition)).toEqual(
      numbers(PARTITIONS + 200).flatMap((n) => (n % PARTITIONS === partition ? [`value-${n}`] : [])),
    );
  await log.close();
});

it('sends a partition alone after a refusal of several, and says which record is too large', async () => {
  const log = await openLog(
    await prefixed(used.kafka.brokers, [topic('t'), topic('small', { maxMessageBytes: 20_000 })]),
  );
  for (const name of ['t', 'small']) await log.append(name, [record('first', 0)]);
  // The broker compresses what it can.
  const large = randomBytes(200_000).toString('base64');
  const together = (): Promise<PromiseSettledResult<unknown>[]> =>
    Promise.allSettled([log.append('t', [record('ordinary', 0)]), log.append('small', [record(large, 0)])]);
  const reasonOf = (result: PromiseSettledResult<unknown> | undefined): unknown =>
    result?.status === 'rejected' ? result.reason : undefined;
  const first = await together();
  for (const result of first) expect(reasonOf(result)).toBeInstanceOf(EngineUnavailable);
  const [ordinary, tooLarge] = await together();
  expect(reasonOf(ordinary)).toBeUndefined();
  expect(reasonOf(tooLarge)).toBeInstanceOf(RecordTooLarge);
  expect(new Set(await valuesOf(log, 't', 0))).toEqual(new Set(['first', 'ordinary']));
  expect(await valuesOf(log, 'small', 0)).toEqual(['first']);
  await log.append('small', [record('last', 0)]);
  expect(await valuesOf(log, 'small', 0)).toEqual(['first', 'last']);
  await log.close();
});
