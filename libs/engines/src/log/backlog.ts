import type { EventLog, Position } from './port.ts';

/** What lies between a position and the head of a topic. */
export interface Behind {
  /** Records, over all partitions. */
  readonly records: number;
  /** Append time of the oldest of them, ms since the epoch; undefined when there is none. */
  readonly since: number | undefined;
}

/** Partitions of a topic that are read in one call at most. */
const READS = 4;
interface Oldest {
  readonly offset: number;
  readonly first: number | undefined;
  readonly timestamp: number;
  readonly readAt: number;
}

/**
 * How many records, and for how long, a reader is behind on a topic. The next record of a partition is read once for
 * each position, a few partitions in a call. Until their turn, the other partitions keep their last result, which may
 * be older than the truth and never younger.
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
      // A payer's transactions leave markers and aborted records that no reader is given; compaction and retention
      // leave gaps.
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
