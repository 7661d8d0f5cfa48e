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

/**
 * By the headers of the record, which a log in this process hands on as they are (`EventLog.handsOnHeaders`). Ten views
 * and followers of facts read each progress record of attribution and consent.
 */
const parsed = new WeakMap<LogRecord['headers'], ProgressEntry>();

/**
 * The entry of a progress record, undefined for any other record. All readers of a record in this process get the same
 * entry, which nobody changes. @throws if the record cannot be read
 */
export function progressOf(record: LogRecord): ProgressEntry | undefined {
  const { headers } = record;
  if (headers['ce_type'] !== PROGRESS_TYPE) return undefined;
  let entry = parsed.get(headers);
  if (entry === undefined) {
    const { deriver, topic, partition, next, after } = dataOf<ProgressEntry>(record);
    parsed.set(headers, (entry = { deriver, topic, partition, next, ...(after !== undefined && { after }) }));
  }
  return entry;
}

/** Whether the reader has passed `after` in each of its topics. */
function holds(at: Position, { after }: ProgressEntry): boolean {
  if (after === undefined) return true;
  return Object.entries(after).every(([topic, offsets]) => {
    const mine = at[topic];
    return mine === undefined || Object.entries(offsets).every(([p, next]) => (mine[Number(p)] ?? 0) >= next);
  });
}

/** The entry with the highest `next` that holds, of one deriver and inbound partition. */
interface Highest {
  entry: ProgressEntry | undefined;
}

/** Finds the same object for the same deriver and inbound partition. Texts joined for a key would cost more. */
function highestOf(): (entry: ProgressEntry) => Highest {
  const derivers = new Map<string, Map<string, Highest[]>>();
  return ({ deriver, topic, partition }) => {
    let topics = derivers.get(deriver);
    if (topics === undefined) derivers.set(deriver, (topics = new Map()));
    let partitions = topics.get(topic);
    if (partitions === undefined) topics.set(topic, (partitions = []));
    return (partitions[partition] ??= { entry: undefined });
  };
}

/**
 * Reduces the entries of a reader at a position. For each deriver and inbound partition it keeps an entry without
 * `after` for the highest `next` that holds, and all entries beyond. `after` is cumulative, so an entry that holds
 * implies all entries before it.
 */
export function settledProgress(at: Position, entries: readonly ProgressEntry[]): readonly ProgressEntry[] {
  const find = highestOf();
  const found: Highest[] = [];
  const ofEntries: Highest[] = [];
  for (const entry of entries) {
    const highest = find(entry);
    ofEntries.push(highest);
    if (entry.next <= (highest.entry?.next ?? -1) || !holds(at, entry)) continue;
    if (highest.entry === undefined) found.push(highest);
    highest.entry = entry;
  }
  const settled: ProgressEntry[] = [];
  for (const { entry } of found) settled.push(withoutAfter(entry!));
  // By index, because an iterator of pairs makes a list for each entry.
  for (let i = 0; i < entries.length; i++)
    if (entries[i]!.next > (ofEntries[i]!.entry?.next ?? -1)) settled.push(entries[i]!);
  return settled;
}

function withoutAfter(entry: ProgressEntry): ProgressEntry {
  if (entry.after === undefined) return entry;
  const { deriver, topic, partition, next } = entry;
  return { deriver, topic, partition, next };
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
