import { type Progress, PROGRESS_TYPE, dataOf } from '@provider-access/events';
import type { LogRecord, Position } from '@provider-access/engines/log';
import type { ViewPosition } from '@provider-access/engines/views';
import { typeOfRecord } from './record.ts';

type Waiting = Pick<Progress, 'deriver' | 'topic' | 'partition' | 'next'> & {
  readonly after?: Readonly<Record<string, Readonly<Record<string, number>>>> | undefined;
};

/**
 * Which inbound (payer) positions a follower of derived topics has passed. A progress event counts once the follower
 * has passed the outputs that it names in `after`, as far as they are in topics it follows. Each event counts by
 * itself, because `after` is cumulative (docs/architecture.md#progress).
 */
export class InboundProgress {
  private readonly passed = new Map<string, Record<string, number[]>>();
  private waiting: Waiting[] = [];
  private readonly next: Record<string, number[]> = {};
  private readonly topics: ReadonlySet<string>;

  constructor(topics: readonly string[]) {
    this.topics = new Set(topics);
  }

  /**
   * Call this before the first record if the topics are followed from the position of a view. Entries that the view
   * still waits for count later. Call `counted` for what the view has counted, once its outputs in other topics are
   * known here.
   */
  resume({ topics, waiting = [] }: Pick<ViewPosition, 'topics' | 'waiting'>): void {
    for (const [topic, offsets] of Object.entries(topics)) this.next[topic] = [...offsets];
    this.waiting.push(...waiting);
  }
  /** Positions of inbound topics by deriver that already hold. */
  counted(derived: ViewPosition['derived']): void {
    for (const [deriver, position] of Object.entries(derived)) {
      for (const [topic, offsets] of Object.entries(position))
        offsets.forEach((next, partition) => this.raise(deriver, topic, partition, next));
    }
  }
  /** Call this in order for each record that was handled. */
  handled(record: LogRecord): void {
    (this.next[record.topic] ??= [])[record.partition] = record.offset + 1;
    if (typeOfRecord(record) !== PROGRESS_TYPE) return;
    try {
      this.waiting.push(dataOf<Progress>(record));
    } catch {
      // This report does not count. The deriver's next report covers it as well.
    }
  }
  /** Call this after a batch: counts what can be counted now. */
  settle(): void {
    if (this.waiting.length === 0) return;
    this.waiting = this.waiting.filter((p) => !this.count(p));
  }
  /** Positions of inbound topics by deriver. */
  positions(deriver: string): Position {
    return this.passed.get(deriver) ?? {};
  }

  private count(p: Waiting): boolean {
    for (const [topic, offsets] of Object.entries(p.after ?? {})) {
      if (!this.topics.has(topic)) continue;
      for (const [partition, offset] of Object.entries(offsets))
        if ((this.next[topic]?.[Number(partition)] ?? 0) < offset) return false;
    }
    this.raise(p.deriver, p.topic, p.partition, p.next);
    return true;
  }
  private raise(deriver: string, topic: string, partition: number, next: number): void {
    let topics = this.passed.get(deriver);
    if (topics === undefined) this.passed.set(deriver, (topics = {}));
    const offsets = (topics[topic] ??= []);
    while (offsets.length <= partition) offsets.push(0);
    offsets[partition] = Math.max(offsets[partition]!, next);
  }
}
