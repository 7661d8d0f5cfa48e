import { createHash } from 'node:crypto';
import { type AuditSealed, bufferOf, isGap } from '@provider-access/events';
import type { LogRecord } from '@provider-access/engines/log';

/** What a seal says of one partition. */
export type SealedRange = AuditSealed['ranges'][number];

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** The digest of no records, from which that of a range of this partition grows. */
export const emptyDigest = (partition: number, from: number): string => sha256(JSON.stringify([partition, from]));

/**
 * The digest after one more record: of its place, key, headers and bytes as they are in the log. The time of the append
 * is not in it, because the value has the time of the entry. It grows by single records, so that a long range can be
 * checked in pages.
 */
export function digestAfter(digest: string, record: LogRecord): string {
  const { offset, key, headers, value } = record;
  const bytes = bufferOf(value);
  const named = Object.entries(headers).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256')
    .update(Buffer.from(digest, 'hex'))
    .update(JSON.stringify([offset, key, named, bytes.byteLength]))
    .update(bytes)
    .digest('hex');
}

/** A record that only keeps a place, where a restore found none. */
export const isPlace = (record: LogRecord): boolean => isGap(record);

export const sealDigest = ({ n, day, previous, ranges, at }: Omit<AuditSealed, 'digest'>): string =>
  sha256(
    JSON.stringify([n, day, previous ?? null, ranges.map((r) => [r.partition, r.from, r.to, r.records, r.digest]), at]),
  );

/** The UTC day of a time in ms. */
export const dayOf = (time: number): string => new Date(time).toISOString().slice(0, 10);
