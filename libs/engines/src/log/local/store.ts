import type { Appended, LogRecord } from '../port.ts';

/** A record whose partition is chosen and whose size is checked. */
export interface PlacedRecord {
  readonly partition: number;
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly value: string | Uint8Array;
}

/**
 * What a log inside one process needs from its storage: everything about groups, delivery and waking is `LocalLog`.
 * All methods throw EngineUnavailable when the storage is away.
 */
export interface LocalStore {
  /** Another process writes: nothing that changes the storage is allowed. */
  readonly readonly?: boolean;
  /** Fixed when the topic is first used. */
  partitions(topic: string): number;
  /** Offsets the next records will get; they never run ahead of what is durable. */
  head(topic: string): readonly number[];
  /** Resolves when durable. */
  append(topic: string, records: readonly PlacedRecord[]): Promise<readonly Appended[]>;
  /** At least one record when there is one at or after `from`. */
  read(topic: string, partition: number, from: number, maxRecords: number, maxBytes: number): readonly LogRecord[];
  committed(group: string, topic: string, partition: number): number | undefined;
  /** Takes note of an offset; durable soon, at the latest after `flush`. */
  commit(group: string, topic: string, partition: number, next: number): void;
  flush(): Promise<void>;
  /** Offsets before which retention has removed everything, by partition. */
  start(topic: string): readonly number[];
  /** As `EventLog.trim`, of records below `upTo` alone. Between its steps appends and reads go on. */
  trim(topic: string, before: number, upTo: readonly number[]): Promise<number>;
  /** As `EventLog.compact`, of records below `upTo` alone. */
  compact?(topic: string, upTo: readonly number[]): Promise<number>;
  close(): void;
}

/** Called by a store after an append is durable; without a topic when anything may have changed. */
export type AppendListener = (topic?: string) => void;
