import type { SubscribeOptions } from '../port.ts';
import type { Cluster } from './cluster.ts';

/**
 * Commits the start of a group without commits before it joins. Otherwise a restart would skip records that were
 * appended before the first batch. A group with consumers has already started. Throws EngineUnavailable, also for a
 * missing topic.
 */
export async function commitStarts(
  cluster: Cluster,
  group: string,
  topicPrefix: string,
  topics: readonly string[],
  from: NonNullable<SubscribeOptions['from']>,
): Promise<void> {
  const names = topics.map((topic) => topicPrefix + topic);
  const heads = await cluster.offsets(names);
  if (from === 'earliest') return;
  const committed = await cluster.committed(group, names);
  const starts = topics.flatMap((topic, i) =>
    heads.get(names[i]!)!.flatMap((head, partition) => {
      if (committed.get(names[i]!)![partition] !== undefined) return [];
      return [{ topic: names[i]!, partition, next: from === 'latest' ? head : (from[topic]?.[partition] ?? 0) }];
    }),
  );
  if (starts.length > 0) await cluster.commitStart(group, starts);
}
