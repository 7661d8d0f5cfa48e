import { type Progress, PROGRESS_TYPE } from '@provider-access/events';
import type { LogRecord, Position } from '@provider-access/eventlog';
import { dataOf, typeOfRecord } from './record.ts';

/**
 * Which inbound (payer) positions a follower of derived topics has passed. A progress event counts once the follower has
 * passed the outputs that it names in `after`, as far as they are in topics it follows.
 */
export class InboundProgress {
  private readonly passed = new Map<string, Record<string, number[]>>();
  private waiting: Progress[] = [];
  private readonly next: Record<string, number[]> = {};
  private readonly topics: ReadonlySet<string>;

  constructor(topics: readonly string[]) {
    this.topics = new Set(topics);
  }

  /** Call in order for each record handled. */
  handled(record: LogRecord): void {
    (this.next[record.topic] ??= [])[record.partition] = record.offset + 1;
    if (typeOfRecord(record) === PROGRESS_TYPE) this.waiting.push(dataOf<Progress>(record));
  }
  /** Call after a batch: counts what can be counted now. */
  settle(): void {
    if (this.waiting.length === 0) return;
    this.waiting = this.waiting.filter((p) => !this.count(p));
  }
  /** Positions of inbound topics by deriver. */
  positions(deriver: string): Position {
    return this.passed.get(deriver) ?? {};
  }

  private count(p: Progress): boolean {
    for (const [topic, offsets] of Object.entries(p.after ?? {})) {
      if (!this.topics.has(topic)) continue;
      for (const [partition, offset] of Object.entries(offsets)) if ((this.next[topic]?.[Number(partition)] ?? 0) < offset) return false;
    }
    let topics = this.passed.get(p.deriver);
    if (topics === undefined) this.passed.set(p.deriver, (topics = {}));
    const offsets = (topics[p.topic] ??= []);
    while (offsets.length <= p.partition) offsets.push(0);
    offsets[p.partition] = Math.max(offsets[p.partition]!, p.next);
    return true;
  }
}
