import { derivedOf, type Position, positionOf, reached, settledProgress, type TopicPartition } from '../log/index.ts';
import type { ViewPosition } from './port.ts';
import type { Checkpoint } from './store.ts';

/**
 * The progress of a view (docs/architecture.md#progress). Each entry is stored with the checkpoint of its partition.
 * Whether an entry holds depends on all partitions, because several processes may share a view.
 */

/** The position of a view from its checkpoints; a partition without a checkpoint is at 0. */
export const topicPosition = (topics: readonly string[], checkpoints: readonly Checkpoint[]): Position =>
  positionOf(checkpoints, topics);

/** The first partition whose position is past the head of the log. Read the heads after the position. */
export function beyond(
  at: Position,
  head: Position,
): (TopicPartition & { readonly at: number; readonly head: number }) | undefined {
  for (const [topic, offsets] of Object.entries(at)) {
    const ends = head[topic];
    const partition = ends === undefined ? -1 : offsets.findIndex((next, p) => next > (ends[p] ?? 0));
    if (partition >= 0) return { topic, partition, at: offsets[partition]!, head: ends![partition] ?? 0 };
  }
  return undefined;
}

export function viewPosition(topics: readonly string[], checkpoints: readonly Checkpoint[]): ViewPosition {
  const position = topicPosition(topics, checkpoints);
  const entries = settledProgress(
    position,
    checkpoints.flatMap((c) => c.progress),
  );
  const waiting = entries.filter(({ after }) => after !== undefined);
  return { topics: position, derived: derivedOf(entries), ...(waiting.length > 0 && { waiting }) };
}

/**
 * Whether the view has passed a position. For its own topics the checkpoints decide, for others the progress of all
 * known derivers of the topic and of the named ones. Without a known deriver only the position 0 of a topic is passed.
 */
export function hasPassed(at: ViewPosition, target: Position, derivers: readonly string[] = []): boolean {
  for (const [topic, offsets] of Object.entries(target)) {
    const wanted = { [topic]: offsets };
    if (at.topics[topic] !== undefined) {
      if (!reached(at.topics, wanted)) return false;
      continue;
    }
    const heard = Object.keys(at.derived).filter((deriver) => at.derived[deriver]![topic] !== undefined);
    const who = new Set([...heard, ...derivers]);
    if (who.size === 0 && !reached({}, wanted)) return false;
    for (const deriver of who) if (!reached(at.derived[deriver] ?? {}, wanted)) return false;
  }
  return true;
}
