import type { PartPosition } from '../store.ts';

/**
 * A part's position in one column: `partition * 2^43 + offset` for one partition, which is usual, so that one statement
 * can compare and write. For several partitions it is JSON text `{"partition":offset}`.
 */
const SHIFT = 43;
const STEP = 2 ** SHIFT;
const MAX_PARTITION = 1023;

/** SQL: there is no stored position, or it has the same partition as the given one and is older. */
export const isOlder = (stored: string, given: string): string =>
  `(${stored} IS NULL OR (${stored} < ${given} AND ${stored} >> ${SHIFT} = ${given} >> ${SHIFT}))`;

export const packed = (partition: number, offset: number): number | undefined =>
  partition <= MAX_PARTITION && offset < STEP ? partition * STEP + offset : undefined;

export function encodePosition(position: PartPosition): number | string {
  const entries = Object.entries(position);
  const one = entries.length === 1 ? packed(Number(entries[0]![0]), entries[0]![1]) : undefined;
  return one ?? JSON.stringify(position);
}

export function decodePosition(stored: unknown): PartPosition {
  if (stored === null || stored === undefined) return {};
  if (typeof stored === 'string') return JSON.parse(stored) as PartPosition;
  return { [Math.floor((stored as number) / STEP)]: (stored as number) % STEP };
}

/** See `DocumentVersion`. @param positions of the parts, as they are stored */
export const versionOf = (positions: readonly unknown[]): string => positions.join(' ');
