import { bufferOf } from '@provider-access/events';
import type { Batch, EventLog, NewRecord } from '../port.ts';

/** The hooks of an adapter for the contract suite. Each harness has a storage of its own. */
export interface LogHarness {
  /** Opens the storage, again after a close. New topics get `partitions` of `create`. */
  open(): Promise<EventLog>;
  /** Makes the engine refuse writes (and reads, if possible), or accept them again. */
  away(yes: boolean): Promise<void> | void;
  /** Closes open logs and removes the storage. */
  destroy(): Promise<void>;
}

export type CreateHarness = (options: {
  readonly partitions: number;
  readonly maxRecordBytes: number;
  /** What the test uses, for an adapter whose topics somebody must create. */
  readonly topics: readonly string[];
}) => Promise<LogHarness>;

export const record = (
  partitionKey: string,
  value: string | Uint8Array = partitionKey,
  more: Partial<NewRecord> = {},
): NewRecord => ({ key: partitionKey, partitionKey, headers: { ce_type: 'test.happened.v1' }, value, ...more });
export const records = (count: number, keys = 16, from = 0): NewRecord[] =>
  Array.from({ length: count }, (_, i) => record(`member-${(from + i) % keys}`, String(from + i)));
export const text = (value: Uint8Array): string => bufferOf(value).toString();
export const texts = (batch: Pick<Batch, 'records'>): string[] => batch.records.map((r) => text(r.value));

export const sum = (offsets: readonly number[] | undefined): number => (offsets ?? []).reduce((a, b) => a + b, 0);
