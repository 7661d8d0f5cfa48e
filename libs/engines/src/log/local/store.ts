import type { PlacedRecord } from '../placing.ts';
import type { Appended, LogRecord } from '../port.ts';

/**
 * The storage of a log inside one process; `LocalLog` does groups and delivery. All methods throw EngineUnavailable
 * when the storage is unavailable.
 */
export interface LocalStore {
  /** Another process writes, so methods that change the storage must not be called. */
  readonly readonly?: boolean;
  /** Fixed when the topic is first used. */
  partitions(topic: string): number;
  /** Offsets of the next records, by partition. Only durable records count. */
  head(topic: string): readonly number[];
  /** Resolves when durable. */
  append(topic: string, records: readonly PlacedRecord[]): Promise<readonly Appended[]>;
  /** Returns at least one record if there is one at or after `from`. */
  read(topic: string, partition: number, from: number, maxRecords: number, maxBytes: number): readonly LogRecord[];
  committed(group: string, topic: string, partition: number): number | undefined;
  /** Commits an offset, which is durable soon, and at the latest after `flush`. */
  commit(group: string, topic: string, partition: number, next: number): void;
  flush(): Promise<void>;
  /** Offsets before which retention has removed all records, by partition. */
  start(topic: string): readonly number[];
  /** As `EventLog.trim`, for records below `upTo` only. Appends and reads run between its steps. */
  trim(topic: string, before: number, upTo: readonly number[]): Promise<number>;
  /** As `EventLog.compact`, for records below `upTo` only. */
  compact?(topic: string, upTo: readonly number[]): Promise<number>;
  close(): void;
}

/** A store calls it after a durable append, without a topic if any topic may have changed. */
export type AppendListener = (topic?: string) => void;
