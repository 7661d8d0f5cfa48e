import type { LogRecord, TopicPartition } from '../port.ts';
import type { Cluster } from './cluster.ts';
import { boundDecoding } from './compression.ts';
import { errorType } from './errors.ts';
import { committedMessages, type FetchedPartition, type RawCluster, READ_COMMITTED } from './low-level.ts';
import { toRecord } from './records.ts';

/** Records of one partition from an offset on, and the next offset. */
export interface Range {
  readonly records: readonly LogRecord[];
  readonly next: number;
}

/** A partition and the next offset to read. */
interface From extends TopicPartition {
  readonly next: number;
}

interface Limits {
  /** How long the broker waits for records, ms. */
  readonly maxWaitTime: number;
  readonly maxBytes: number;
  /** A larger record batch is returned whole, so a limit of one byte fetches one batch. */
  readonly partitionBytes: number;
}

/** The places by the node that leads their partition, without those that have no leader. */
export function byLeader<P extends From>(cluster: Cluster, raw: RawCluster, places: readonly P[]): Map<string, P[]> {
  const nodes = new Map<string, P[]>();
  for (const place of places) {
    const [leader] = Object.keys(raw.findLeaderForPartitions(cluster.name(place.topic), [place.partition]));
    if (leader !== undefined) nodes.set(leader, [...(nodes.get(leader) ?? []), place]);
  }
  return nodes;
}

/** One fetch of partitions from their leader; undefined if an offset is out of range. */
export async function fetchRanges<P extends From>(
  cluster: Cluster,
  raw: RawCluster,
  [nodeId, places]: readonly [string, readonly P[]],
  { maxWaitTime, maxBytes, partitionBytes }: Limits,
): Promise<readonly (readonly [P, Range])[] | undefined> {
  const broker = await raw.findBroker({ nodeId });
  const topics = [...new Set(places.map(({ topic }) => topic))].map((topic) => ({
    topic: cluster.name(topic),
    partitions: places
      .filter((place) => place.topic === topic)
      .map(({ partition, next }) => ({ partition, fetchOffset: String(next), maxBytes: partitionBytes })),
  }));
  try {
    const { responses } = await boundDecoding(() =>
      broker.fetch({ isolationLevel: READ_COMMITTED, maxWaitTime, minBytes: 1, maxBytes, topics }),
    );
    return responses.flatMap(({ topicName, partitions }) =>
      partitions.flatMap((fetched) => {
        const topic = cluster.topic(topicName);
        const place = places.find((each) => each.topic === topic && each.partition === fetched.partition);
        return place === undefined ? [] : [[place, rangeOf(place, fetched)] as const];
      }),
    );
  } catch (error) {
    if (errorType(error) === 'OFFSET_OUT_OF_RANGE') return undefined;
    throw error;
  }
}

/**
 * The records at or after `next`, and the offset behind the last record batch. Compaction leaves gaps, also at the end
 * of a batch, and a fetch returns the whole batch around `next`.
 */
function rangeOf(from: From, fetched: FetchedPartition): Range {
  let next = from.next;
  for (const { batchContext } of fetched.messages.slice(-1))
    next = Math.max(next, Number(batchContext.firstOffset) + batchContext.lastOffsetDelta + 1);
  const records: LogRecord[] = [];
  for (const message of committedMessages(fetched))
    if (Number(message.offset) >= from.next) records.push(toRecord(from.topic, fetched.partition, message));
  return { records, next };
}
