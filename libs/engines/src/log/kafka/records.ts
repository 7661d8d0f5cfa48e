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

/** What kafkajs gives a consumer: its types leave the context of the batch out. */
type Fetched = Pick<FetchedMessage, 'offset' | 'timestamp' | 'key' | 'value'> & {
  readonly headers?: object | undefined;
  readonly batchContext?: Partial<FetchedMessage['batchContext']>;
};

/**
 * A record as a handler sees it. What a foreign producer left out is empty; of a header given twice the last counts.
 */
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

/** Bytes that count against the limit: value, key and headers, as the embedded log counts them. */
export function recordBytes(record: NewRecord): number {
  let bytes = Buffer.byteLength(record.value) + Buffer.byteLength(record.key);
  for (const name in record.headers) bytes += name.length + Buffer.byteLength(record.headers[name]!);
  return bytes;
}

/** Lengths, offset and timestamp deltas of one record and of its headers in a record batch: at most so much. */
const RECORD_OVERHEAD = 30;
const HEADER_OVERHEAD = 10;

/** Bytes in a record batch, not less than they are. */
export function wireBytes(record: NewRecord): number {
  return recordBytes(record) + RECORD_OVERHEAD + HEADER_OVERHEAD * Object.keys(record.headers).length;
}

/** The first records of a list that make one batch: at least one. */
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
