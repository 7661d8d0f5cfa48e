import { bufferOf } from '@provider-access/events';
import type { Message } from 'kafkajs';
import type { LogRecord, NewRecord } from '../port.ts';
import type { FetchedMessage } from './low-level.ts';

export function toMessage(record: NewRecord, partition: number): Message {
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

/** The bytes that the limit bounds: value, key and headers, as in the embedded log. */
export function recordBytes(record: NewRecord): number {
  let bytes = Buffer.byteLength(record.value) + Buffer.byteLength(record.key);
  for (const name in record.headers) bytes += name.length + Buffer.byteLength(record.headers[name]!);
  return bytes;
}

/** Most bytes of lengths and deltas for one record, and for each header. */
const RECORD_OVERHEAD = 30;
const HEADER_OVERHEAD = 10;

/** An upper bound of the bytes in a record batch. */
export function wireBytes(record: NewRecord): number {
  return recordBytes(record) + RECORD_OVERHEAD + HEADER_OVERHEAD * Object.keys(record.headers).length;
}

/** The first records of a list that fit into one batch, at least one. */
export function cut(
  records: readonly LogRecord[],
  from: number,
  maxRecords: number,
  maxBytes: number,
): readonly LogRecord[] {
  let bytes = 0;
  let to = from;
  while (to < records.length && to - from < maxRecords) {
    bytes += records[to]!.value.byteLength;
    if (to > from && bytes > maxBytes) break;
    to++;
  }
  return records.slice(from, to);
}
