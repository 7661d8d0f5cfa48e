import { partitionFor } from './murmur2.ts';
import { type NewRecord, RecordTooLarge } from './port.ts';

/** A record of a checked size, with its partition. */
export interface PlacedRecord {
  readonly record: NewRecord;
  readonly partition: number;
}

/**
 * The records of an append, each with its partition. @throws RangeError for a partition that does not exist, and
 * RecordTooLarge for a record above `limit` bytes
 */
export const placed = (
  records: readonly NewRecord[],
  topic: string,
  count: number,
  limit: number,
): readonly PlacedRecord[] =>
  records.map((record, index) => {
    const partition = record.partition ?? partitionFor(record.partitionKey, count);
    if (!Number.isInteger(partition) || partition < 0 || partition >= count)
      throw new RangeError(`${topic} has ${count} partitions`);
    const bytes = mostBytes(record) > limit ? recordBytes(record) : 0;
    if (bytes > limit) throw new RecordTooLarge(`a record of ${bytes} bytes; ${topic} takes ${limit}`, index);
    return { record, partition };
  });

/** At least the bytes of a record, without a look at its characters. Nearly all records are far below the limit. */
function mostBytes({ key, headers, value }: NewRecord): number {
  let most = 3 * key.length + (typeof value === 'string' ? 3 * value.length : value.byteLength);
  for (const name in headers) most += name.length + 3 * headers[name]!.length;
  return most;
}
/** The bytes that the limit bounds: value, key and headers. */
export function recordBytes(record: NewRecord): number {
  let bytes = Buffer.byteLength(record.value) + Buffer.byteLength(record.key);
  for (const name in record.headers) bytes += name.length + Buffer.byteLength(record.headers[name]!);
  return bytes;
}
