import { bufferOf } from '@provider-access/events';
import type { Message } from 'kafkajs';
import { recordBytes } from '../placing.ts';
import type { LogRecord, NewRecord } from '../port.ts';
import type { FetchedMessage } from './low-level.ts';

export function toMessage(record: Pick<NewRecord, 'key' | 'headers' | 'value'>, partition: number): Message {
  return {
    partition,
    key: record.key,
    headers: record.headers,
    value: typeof record.value === 'string' ? record.value : bufferOf(record.value),
  };
}

const EMPTY = new Uint8Array(0);
/** The broker set the timestamp (`message.timestamp.type=LogAppendTime`). */
const LOG_APPEND_TIME = 1;

/** A message of a kafkajs consumer, whose types omit `batchContext`. */
type Fetched = Pick<FetchedMessage, 'offset' | 'timestamp' | 'key' | 'value'> & {
  readonly headers?: object | undefined;
  readonly batchContext?: Partial<FetchedMessage['batchContext']>;
};

/** A record for a handler. Parts that a producer omitted are empty. The last of several equal headers counts. */
export function toRecord(topic: string, partition: number, message: Fetched): LogRecord {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(message.headers ?? {})) {
    const last: unknown = Array.isArray(value) ? value[value.length - 1] : value;
    if (last !== undefined && last !== null) headers[name] = String(last);
  }
  const byProducer = message.batchContext?.timestampType !== LOG_APPEND_TIME;
  return {
    topic,
    partition,
    offset: Number(message.offset),
    key: message.key?.toString() ?? '',
    headers,
    value: message.value ?? EMPTY,
    timestamp: Number(message.timestamp),
    ...(byProducer && { timestampBy: 'producer' as const }),
  };
}

const known = new WeakMap<object, LogRecord>();

/** The same record for each consumer that gets this message, so that their handlers can share what they make of it. */
export function toRecordOnce(topic: string, partition: number, message: Fetched): LogRecord {
  let record = known.get(message);
  if (record === undefined) known.set(message, (record = toRecord(topic, partition, message)));
  return record;
}

/** Most bytes of lengths and deltas for one record, and for each header. */
const RECORD_OVERHEAD = 30;
const HEADER_OVERHEAD = 10;

/** An upper bound of the bytes in a record batch. */
export function wireBytes(record: NewRecord): number {
  return recordBytes(record) + RECORD_OVERHEAD + HEADER_OVERHEAD * Object.keys(record.headers).length;
}
