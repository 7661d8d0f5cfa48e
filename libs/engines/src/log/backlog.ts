import type { EventLog, Position } from './port.ts';

/** The records between a position and the head of a topic. */
export interface Behind {
  /** Number of records over all partitions. */
  readonly records: number;
  /** Append time of the oldest record, ms since the epoch. */
  readonly since: number | undefined;
}

/** Most partitions of a topic that one call reads. */
const READS = 4;
interface Oldest {
  readonly offset: number;
  readonly first: number | undefined;
  readonly timestamp: number;
  readonly readAt: number;
}

/**
 * The lag of a reader on a topic, in records and in time. Each call reads the next record of a few partitions, once for
 * each position. The other partitions keep their last result, whose record may already be handled, so the lag is never
 * too small.
 */
export class Backlog {
  readonly #log: Pick<EventLog, 'read'>;
  readonly #oldest = new Map<string, Oldest>();
  #turn = 0;

  constructor(log: Pick<EventLog, 'read'>) {
    this.#log = log;
  }

  /** @throws EngineUnavailable */
  async behind(topic: string, position: Position, head: Position): Promise<Behind> {
    const turn = ++this.#turn;
    const open = (head[topic] ?? []).flatMap((end, partition) => {
      const at = position[topic]?.[partition] ?? 0;
      const key = `${topic}/${partition}`;
      if (at < end) return [{ partition, key, at, end, known: this.#oldest.get(key) }];
      this.#oldest.delete(key);
      return [];
    });
    const moved = open
      .filter(({ at, known }) => known?.offset !== at)
      .toSorted((a, b) => (a.known?.readAt ?? 0) - (b.known?.readAt ?? 0));
    await Promise.all(
      moved.slice(0, READS).map(async ({ key, partition, at }) => {
        const [next] = await this.#log.read(topic, partition, at, 1);
        this.#oldest.set(key, { offset: at, first: next?.offset, timestamp: next?.timestamp ?? 0, readAt: turn });
      }),
    );
    let records = 0;
    let since: number | undefined;
    for (const { key, at, end } of open) {
      const oldest = this.#oldest.get(key);
      const exact = oldest?.offset === at;
      // No reader gets the markers and aborted records of a payer's transactions, and compaction and retention leave
      // gaps.
      if (exact && (oldest.first === undefined || oldest.first >= end)) {
        this.#oldest.delete(key);
        continue;
      }
      records += end - (exact ? oldest.first! : at);
      if (oldest?.first !== undefined) since = Math.min(since ?? oldest.timestamp, oldest.timestamp);
    }
    return { records, since };
  }
}
