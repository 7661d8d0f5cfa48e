import { PROGRESS_TYPE, dataOf } from '@provider-access/events';
import { reached } from '@provider-access/engines/log';
import type { LogRecord, Position } from '@provider-access/engines/log';
import type { ViewPosition } from './port.ts';
import type { Checkpoint, ProgressEntry } from './store.ts';

/**
 * Progress of derivers as a view hears of it. Entries are kept with the checkpoint of the partition they came on; what
 * they mean (is `after` passed?) is decided when asked, over all partitions, so that several instances may share a
 * view.
 */

/** The entry of a `pa.progress.v1` record, undefined for any other record. */
export function progressOf(record: LogRecord): ProgressEntry | undefined {
  if (record.headers['ce_type'] !== PROGRESS_TYPE) return undefined;
  const p = dataOf<ProgressEntry>(record);
  return {
    deriver: p.deriver,
    topic: p.topic,
    partition: p.partition,
    next: p.next,
    ...(p.after !== undefined && { after: p.after }),
  };
}

const passed = (at: Position, entry: ProgressEntry): boolean => {
  for (const [topic, offsets] of Object.entries(entry.after ?? {})) {
    const mine = at[topic];
    if (mine === undefined) continue; // an output that this view does not read
    for (const [partition, next] of Object.entries(offsets)) if ((mine[Number(partition)] ?? 0) < next) return false;
  }
  return true;
};

const keyOf = (entry: ProgressEntry): string => `${entry.deriver}\n${entry.topic}\n${entry.partition}`;

function byKey(entries: readonly ProgressEntry[]): ProgressEntry[][] {
  const groups = new Map<string, ProgressEntry[]>();
  for (const entry of entries) {
    const group = groups.get(keyOf(entry));
    if (group) group.push(entry);
    else groups.set(keyOf(entry), [entry]);
  }
  return [...groups.values()].map((group) => group.sort((a, b) => a.next - b.next));
}

/**
 * How many of the entries of one deriver and inbound partition, in ascending order, hold. One that waits holds back
 * those behind it. `after` is cumulative, so this changes the answer only after a late append of an instance that lost
 * its partition, and then on the safe side (docs/architecture.md#progress).
 */
function holding(at: Position, entries: readonly ProgressEntry[]): number {
  const first = entries.findIndex((entry) => !passed(at, entry));
  return first === -1 ? entries.length : first;
}

/**
 * Adds entries to those of a partition; what holds is folded into one entry a deriver and inbound partition. `others`
 * are the entries of the view's other partitions: a deriver's progress may have come on them before.
 */
export function withProgress(
  entries: readonly ProgressEntry[],
  added: readonly ProgressEntry[],
  at: Position,
  others: readonly ProgressEntry[] = [],
): readonly ProgressEntry[] {
  // Folded first: an older entry that is delivered again must not hold back what was reached.
  const reached = new Map(entries.filter((e) => e.after === undefined).map((e) => [keyOf(e), e.next]));
  const news = added
    .filter((e) => e.next > (reached.get(keyOf(e)) ?? -1))
    .map((e) => (e.after === undefined ? { ...e, after: {} } : e));
  const mine = new Set([...entries, ...news]);
  return byKey([...others, ...mine]).flatMap((group) => {
    if (!group.some((e) => mine.has(e))) return [];
    const held = holding(at, group);
    const last = group[held - 1];
    return [
      ...(last ? [{ deriver: last.deriver, topic: last.topic, partition: last.partition, next: last.next }] : []),
      ...group.slice(held).filter((e) => mine.has(e)),
    ];
  });
}

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
  const derived: Record<string, Record<string, number[]>> = {};
  const waiting: ProgressEntry[] = [];
  for (const group of byKey(checkpoints.flatMap((c) => c.progress))) {
    const { deriver, topic, partition } = group[0]!;
    const offsets = ((derived[deriver] ??= {})[topic] ??= []);
    while (offsets.length <= partition) offsets.push(0);
    const held = holding(position, group);
    offsets[partition] = group[held - 1]?.next ?? 0;
    waiting.push(...group.slice(held));
  }
  return { topics: position, derived, ...(waiting.length > 0 && { waiting }) };
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
