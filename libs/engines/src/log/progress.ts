import { dataOf, PROGRESS_TYPE } from '@provider-access/events';
import type { LogRecord, Position, TopicPartition } from './port.ts';

/**
 * A progress record (docs/architecture.md#progress). The deriver has handled its inbound partition up to `next`, and a
 * reader that has passed `after` has all its outputs. Without `after` this holds for every reader.
 */
export interface ProgressEntry extends TopicPartition {
  readonly deriver: string;
  readonly next: number;
  readonly after?: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** Positions of inbound topics by deriver. */
export type Derived = Readonly<Record<string, Position>>;

/** The entry of a progress record, undefined for any other record. */
export function progressOf(record: LogRecord): ProgressEntry | undefined {
  if (record.headers['ce_type'] !== PROGRESS_TYPE) return undefined;
  const { deriver, topic, partition, next, after } = dataOf<ProgressEntry>(record);
  return { deriver, topic, partition, next, ...(after !== undefined && { after }) };
}

/** Whether the reader has passed `after` in each of its topics. */
const holds = (at: Position, { after = {} }: ProgressEntry): boolean =>
  Object.entries(after).every(([topic, offsets]) => {
    const mine = at[topic];
    return mine === undefined || Object.entries(offsets).every(([p, next]) => (mine[Number(p)] ?? 0) >= next);
  });

const keyOf = ({ deriver, topic, partition }: ProgressEntry): string => `${deriver}\n${topic}\n${partition}`;

/**
 * Reduces the entries of a reader at a position. For each deriver and inbound partition it keeps an entry without
 * `after` for the highest `next` that holds, and all entries beyond. `after` is cumulative, so an entry that holds
 * implies all entries before it.
 */
export function settledProgress(at: Position, entries: readonly ProgressEntry[]): readonly ProgressEntry[] {
  const highest = new Map<string, ProgressEntry>();
  for (const entry of entries) {
    const key = keyOf(entry);
    if (entry.next > (highest.get(key)?.next ?? -1) && holds(at, entry)) highest.set(key, entry);
  }
  return [
    ...[...highest.values()].map(({ after: _, ...entry }) => entry),
    ...entries.filter((entry) => entry.next > (highest.get(keyOf(entry))?.next ?? -1)),
  ];
}

/** The positions of settled entries. A deriver without an entry that holds is at 0. */
export function derivedOf(entries: readonly ProgressEntry[]): Derived {
  const derived: Record<string, Record<string, number[]>> = {};
  for (const { deriver, topic, partition, next, after } of entries) {
    const offsets = ((derived[deriver] ??= {})[topic] ??= []);
    while (offsets.length <= partition) offsets.push(0);
    if (after === undefined) offsets[partition] = next;
  }
  return derived;
}

/** The progress of derivers, for a process that reads all partitions of its topics. */
export class InboundProgress {
  readonly #at: Record<string, number[]>;
  #entries: readonly ProgressEntry[] = [];
  #derived: Derived = {};
  #changed = false;

  constructor(topics: readonly string[]) {
    this.#at = Object.fromEntries(topics.map((topic) => [topic, []]));
  }

  /**
   * Call this before the first record if the process follows the topics from the position of a view. `waiting` has the
   * entries for which the view still waits. Call `counted` for the progress of the view, once this process knows its
   * outputs in other topics.
   */
  resume(topics: Position, waiting: readonly ProgressEntry[] = []): void {
    for (const [topic, offsets] of Object.entries(topics)) this.#at[topic] = [...offsets];
    this.#add(...waiting);
  }

  /** Adds positions that already hold. */
  counted(derived: Derived): void {
    for (const [deriver, position] of Object.entries(derived))
      for (const [topic, offsets] of Object.entries(position))
        this.#add(...offsets.map((next, partition) => ({ deriver, topic, partition, next })));
  }

  /** Call this for each handled record, in order. */
  handled(record: LogRecord): void {
    (this.#at[record.topic] ??= [])[record.partition] = record.offset + 1;
    try {
      const entry = progressOf(record);
      if (entry !== undefined) this.#add(entry);
    } catch {
      // An unreadable progress record is ignored, because the next one of its deriver covers the same events.
    }
  }

  /** Call this after a batch. It counts the entries that now hold. */
  settle(): void {
    if (!this.#changed && this.#entries.every(({ after }) => after === undefined)) return;
    this.#entries = settledProgress(this.#at, this.#entries);
    this.#derived = derivedOf(this.#entries);
    this.#changed = false;
  }

  /** Inbound positions of a deriver whose outputs this process has read. */
  positions(deriver: string): Position {
    return this.#derived[deriver] ?? {};
  }

  #add(...entries: readonly ProgressEntry[]): void {
    this.#entries = [...this.#entries, ...entries];
    this.#changed = true;
  }
}
