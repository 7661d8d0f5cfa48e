import { PROGRESS_TYPE } from '@provider-access/events';
import { reached } from '@provider-access/eventlog';
import type { LogRecord, Position } from '@provider-access/eventlog';
import type { ViewPosition } from './port.ts';
import type { Checkpoint, ProgressEntry } from './store.ts';

/**
 * Progress of derivers as a view hears of it. Entries are kept with the checkpoint of the partition they came on; what
 * they mean (is `after` passed?) is decided when asked, over all partitions, so that several instances may share a view.
 */

/** The entry of a `pa.progress.v1` record, undefined for any other record. */
export function progressOf(record: LogRecord): ProgressEntry | undefined {
  if (record.headers['ce_type'] !== PROGRESS_TYPE) return undefined;
  const p = JSON.parse(Buffer.from(record.value.buffer, record.value.byteOffset, record.value.byteLength).toString('utf8')) as ProgressEntry;
  return { deriver: p.deriver, topic: p.topic, partition: p.partition, next: p.next, ...(p.after !== undefined && { after: p.after }) };
}

const same = (a: ProgressEntry, b: ProgressEntry): boolean => a.deriver === b.deriver && a.topic === b.topic && a.partition === b.partition;

const passed = (at: Position, entry: ProgressEntry): boolean => {
  for (const [topic, offsets] of Object.entries(entry.after ?? {})) {
    const mine = at[topic];
    if (mine === undefined) continue; // an output that this view does not read
    for (const [partition, next] of Object.entries(offsets)) if ((mine[Number(partition)] ?? 0) < next) return false;
  }
  return true;
};

/** Adds entries to those of a partition; keeps per deriver and inbound partition the newest that holds and those still waiting. */
export function withProgress(entries: readonly ProgressEntry[], added: readonly ProgressEntry[], at: Position): readonly ProgressEntry[] {
  const kept: ProgressEntry[] = [];
  const all = [...entries, ...added];
  for (let i = 0; i < all.length; i++) {
    const entry = all[i]!;
    const replaced = all.some((other, j) => j !== i && same(entry, other) && passed(at, other) && (other.next > entry.next || (other.next === entry.next && j > i)));
    if (!replaced) kept.push(entry);
  }
  return kept;
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

export function viewPosition(topics: readonly string[], checkpoints: readonly Checkpoint[]): ViewPosition {
  const position = topicPosition(topics, checkpoints);
  const derived: Record<string, Record<string, number[]>> = {};
  for (const { progress } of checkpoints) {
    for (const entry of progress) {
      const offsets = ((derived[entry.deriver] ??= {})[entry.topic] ??= []);
      while (offsets.length <= entry.partition) offsets.push(0);
      if (passed(position, entry) && entry.next > offsets[entry.partition]!) offsets[entry.partition] = entry.next;
    }
  }
  return { topics: position, derived };
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
