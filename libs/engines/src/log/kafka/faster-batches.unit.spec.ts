import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { installCompressions } from './compression.ts';
import { isFaster } from './faster-batches.ts';
import type { FetchedMessage } from './low-level.ts';
import { toRecord } from './records.ts';

const require = createRequire(import.meta.url);
const PLACE = 'kafkajs/src/protocol';
const MODULES = ['record/v0', 'v0', 'record/v0/decoder', 'v0/decoder'].map((name) => `${PLACE}/recordBatch/${name}`);
const USERS = [`${PLACE}/requests/produce/v3/request`, `${PLACE}/requests/fetch/v4/decodeMessages`];

interface Encoded {
  readonly buffer: Buffer;
}
interface Kafkajs {
  produce(options: object): { encode(): Promise<Encoded> };
  fetched(decoder: object): Promise<readonly FetchedMessage[]>;
}
const Decoder = require(`${PLACE}/decoder`) as new (buffer: Buffer) => object;
const usersOf = (): Kafkajs => ({
  produce: require(USERS[0]!) as Kafkajs['produce'],
  fetched: require(USERS[1]!) as Kafkajs['fetched'],
});

/** kafkajs as the adapter uses it, and then as it was installed. */
const wasFaster = isFaster();
const ours = usersOf();
for (const name of [...MODULES, ...USERS]) delete require.cache[require.resolve(name)];
const theirs = usersOf();
installCompressions();

const bytes = fc.oneof(
  fc.constant(null),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.uint8Array({ maxLength: 200 }).map((all) => Buffer.from(all)),
);
const present = bytes.filter((each) => each !== null);
/** Names of an object's own members are no words of the protocol. */
const name = fc.oneof(
  fc.constantFrom('ce_id', 'ce_type', '', 'é', '__proto__', 'valueOf', 'constructor'),
  fc.string({ maxLength: 9 }),
);
/** So far apart that their difference needs more than a double, as kafkajs reads it. */
const FAR = ['5', '999999999999999'];
const message = fc.record(
  {
    key: bytes,
    value: bytes,
    headers: fc.dictionary(name, fc.oneof(present, fc.array(present, { maxLength: 3 })), { maxKeys: 9 }),
    timestamp: fc.oneof(
      { weight: 9, arbitrary: fc.integer({ min: 1_000_000_000_000, max: 4_000_000_000_000 }).map(String) },
      { weight: 1, arbitrary: fc.constantFrom(...FAR) },
    ),
  },
  { requiredKeys: ['key', 'value'] },
);
interface Sent {
  readonly messages: readonly object[];
  readonly compression: number;
  readonly producerId: string;
  readonly firstSequence: number;
}
const batch: fc.Arbitrary<Sent> = fc.record({
  messages: fc.array(message, { minLength: 1, maxLength: 8 }),
  compression: fc.constantFrom(0, 4),
  producerId: fc.constantFrom('-1', '7', '9007199254740993'),
  firstSequence: fc.nat(2 ** 31 - 1),
});
const NOW = 1_796_136_598_973;

/** A send of one batch as kafkajs puts it on the wire. */
async function sent(kafkajs: Kafkajs, { messages, compression, ...producer }: Sent): Promise<Buffer> {
  const data = { partition: 3, firstSequence: producer.firstSequence, messages };
  const stamped = messages.map((each) => ({ timestamp: String(NOW), ...each }));
  const request = kafkajs.produce({
    acks: -1,
    timeout: 1000,
    compression,
    producerId: producer.producerId,
    producerEpoch: 2,
    topicData: [{ topic: 't', partitions: [{ ...data, messages: stamped }] }],
  });
  return (await request.encode()).buffer;
}

/** The record set of a send: the bytes behind its head, with their length. */
const recordSet = (buffer: Buffer): Buffer => buffer.subarray(2 + 2 + 4 + 4 + 3 + 4 + 4);

const read = async (kafkajs: Kafkajs, buffer: Buffer): Promise<readonly object[]> =>
  (await kafkajs.fetched(new Decoder(recordSet(buffer)))).map((message) => ({
    record: toRecord('t', 3, message),
    context: message.batchContext,
    isControlRecord: message.isControlRecord,
    isAbsent: [message.key === null, message.value === null],
  }));

describe('records of kafkajs', () => {
  it('go through the faster functions in a process that opens a log', () => {
    expect(wasFaster).toBe(true);
    expect(ours.produce).not.toBe(theirs.produce);
    expect(isFaster()).toBe(false);
  });

  it('have the bytes that kafkajs itself writes, and are what kafkajs itself reads', async () => {
    await fc.assert(
      fc.asyncProperty(batch, async (all) => {
        const [mine, other] = [await sent(ours, all), await sent(theirs, all)];
        expect(mine.equals(other)).toBe(true);
        const found = await read(ours, mine);
        expect(found).toHaveLength(all.messages.length);
        expect(found).toEqual(await read(theirs, other));
      }),
      { numRuns: 100 },
    );
  });
});
