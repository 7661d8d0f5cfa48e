import { createRequire } from 'node:module';
import { KeptMemory } from './kept-memory.ts';
import { type At, type BatchContext, decodeRecord, encodeRecords, type RecordToEncode } from './record-batches.ts';

/**
 * Makes kafkajs 2.2.4 encode and decode the records of its batches with `record-batches.ts`. The frame of a batch stays
 * that of kafkajs. kafkajs loads the three modules at its first send and its first fetch.
 */

const require = createRequire(import.meta.url);

interface Encoder {
  readonly buffer: Buffer;
  writeInt8(value: number): this;
  writeInt16(value: number): this;
  writeInt32(value: number): this;
  writeUInt32(value: number): this;
  writeInt64(value: unknown): this;
  writeBuffer(value: Buffer): this;
  writeBytes(value: Buffer): this;
  writeEncoder(value: Encoder): this;
}
interface BatchToEncode {
  readonly compression?: number;
  readonly firstOffset?: unknown;
  readonly firstTimestamp?: number | string;
  readonly maxTimestamp?: number | string;
  readonly partitionLeaderEpoch?: number;
  readonly lastOffsetDelta?: number;
  readonly transactional?: boolean;
  readonly producerId?: unknown;
  readonly producerEpoch?: number;
  readonly firstSequence?: number;
  readonly records?: readonly RecordToEncode[];
}

interface Codec {
  compress(encoder: { readonly buffer: Buffer }): Promise<Buffer>;
}

const PLACE = 'kafkajs/src/protocol/recordBatch';
const NAMES = { record: `${PLACE}/record/v0`, batch: `${PLACE}/v0`, decoder: `${PLACE}/record/v0/decoder` };
/** Modules that keep what they have loaded. */
const USERS = [
  'kafkajs/src/protocol/requests/produce/v3/request',
  'kafkajs/src/protocol/requests/fetch/v4/decodeMessages',
];
const MAGIC_BYTE = 2;
const TRANSACTIONAL = 16;
/** Marks the functions of this file, because specs may load it again in one process. */
const OURS = Symbol.for('provider-access.kafka.record-batches');

function batchEncoder(): (batch: BatchToEncode) => Promise<Encoder> {
  const Encoder = require('kafkajs/src/protocol/encoder') as new () => Encoder;
  const crc32C = require(`${PLACE}/crc32C`) as (buffer: Buffer) => number;
  const compressions = require('kafkajs/src/protocol/message/compression') as {
    readonly COMPRESSION_CODEC_MASK: number;
    lookupCodec(compression: number): Codec;
  };
  const memory = new KeptMemory();
  const compressed = async (records: readonly RecordToEncode[], codec: Codec): Promise<Buffer> => {
    const plain = encodeRecords(records, (bytes) => memory.take(bytes));
    const bytes = await codec.compress({ buffer: plain });
    memory.give(plain);
    return bytes;
  };
  return async (batch) => {
    const { compression = 0, records = [], firstTimestamp = Date.now(), maxTimestamp = Date.now() } = batch;
    const codec = compression & compressions.COMPRESSION_CODEC_MASK;
    const bytes =
      codec === 0 ? encodeRecords(records) : await compressed(records, compressions.lookupCodec(compression));
    const body = new Encoder()
      .writeInt16(codec | (batch.transactional === true ? TRANSACTIONAL : 0))
      .writeInt32(batch.lastOffsetDelta ?? 0)
      .writeInt64(firstTimestamp)
      .writeInt64(maxTimestamp)
      .writeInt64(batch.producerId ?? -1)
      .writeInt16(batch.producerEpoch ?? 0)
      .writeInt32(batch.firstSequence ?? 0)
      .writeInt32(records.length)
      .writeBuffer(bytes);
    const framed = new Encoder()
      .writeInt32(batch.partitionLeaderEpoch ?? 0)
      .writeInt8(MAGIC_BYTE)
      .writeUInt32(crc32C(body.buffer))
      .writeEncoder(body);
    return new Encoder().writeInt64(batch.firstOffset ?? 0).writeBytes(framed.buffer);
  };
}

/** Replaces the exports of a module of kafkajs that nothing has loaded yet. */
function replace(name: string, by: (exports: unknown) => object): void {
  const before: unknown = require(name);
  const loaded = require.cache[require.resolve(name)];
  if (loaded === undefined) throw new Error(`this adapter needs kafkajs 2.2.4: ${name} is not found`);
  loaded.exports = Object.assign(by(before), { [OURS]: true });
}

/**
 * Whether kafkajs uses the functions of `record-batches.ts`. Not in a process that has sent or fetched with kafkajs
 * before it loads this file, as a spec may: then kafkajs's own functions do the same, and take longer.
 */
export const isFaster = (): boolean => OURS in (require(NAMES.record) as object);

if (!isFaster() && USERS.every((name) => require.cache[require.resolve(name)] === undefined)) {
  const RecordBatch = batchEncoder();
  replace(NAMES.record, () => (record: RecordToEncode) => record);
  replace(NAMES.batch, (before) => ({ ...(before as object), RecordBatch }));
  replace(NAMES.decoder, (before) => {
    const decode = before as (at: At, context: BatchContext) => object;
    return (at: At, context: BatchContext) => decodeRecord(at, context) ?? decode(at, context);
  });
}
