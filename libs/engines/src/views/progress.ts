import { derivedOf, reached, settledProgress } from '@provider-access/engines/log';
import type { Position } from '@provider-access/engines/log';
import type { ViewPosition } from './port.ts';
import type { Checkpoint } from './store.ts';

/*
 * Progress as a view counts it (docs/architecture.md#progress). Each entry is kept with the checkpoint of the partition
 * that carried it. Which entries hold is decided over all partitions, because several processes may share a view.
 */

/** Topics of the projection from its checkpoints (partitions not begun are 0). */
export function topicPosition(topics: readonly string[], checkpoints: readonly Checkpoint[]): Position {
  const position: Record<string, number[]> = Object.fromEntries(topics.map((topic) => [topic, []]));
  for (const { topic, partition, next } of checkpoints) {
    const offsets = (position[topic] ??= []);
    while (offsets.length <= partition) offsets.push(0);
    offsets[partition] = next;
  }
  return position;
}

/**
 * Where a position names more than the log has, of topics whose head is given: asked for after the position was known.
 */
export function beyond(
  at: Position,
  head: Position,
): { readonly topic: string; readonly partition: number; readonly at: number; readonly head: number } | undefined {
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
 * Has the view passed a position? Its own topics by checkpoint; any other topic by progress: of every deriver heard of
 * for it and of the named ones. An inbound topic that nobody was heard of for is passed only at its very beginning.
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
