import { createHash } from 'node:crypto';
import { unknownType } from '@provider-access/events';
import type { Batch, LogRecord } from '@provider-access/eventlog';
import { isNewer } from './encoding.ts';
import type { TopicEvolve } from './port.ts';
import { progressOf } from './progress.ts';
import type { ProgressEntry, StoredPart, ViewOp } from './store.ts';

/** Where a projection stopped: the record its evolve cannot take. PHI-free: the key only as a hash. */
export interface Stop { readonly offset: number; readonly sentence: string }

export interface Evolved {
  readonly ops: readonly ViewOp[];
  readonly progress: readonly ProgressEntry[];
  /** Records before it are in `ops`; the record itself and those behind it are not. */
  readonly stop?: Stop;
}

const hashed = (key: string): string => createHash('sha256').update(key).digest('hex').slice(0, 12);

const stopAt = (record: LogRecord, key: string, what: string, error: unknown): Stop => ({
  offset: record.offset,
  sentence: `${what} failed on ${record.topic}/${record.partition} at offset ${record.offset}, key sha256:${hashed(key)} (${error instanceof Error ? error.name : 'no error object'})`,
});

/** A newer version wrote it: this one cannot tell what it means, so it waits in front of it. The newer one reads it. */
const notKnown = ({ topic, partition, offset }: LogRecord, type: string): Stop => ({ offset, sentence: `${topic}/${partition} has ${type} at offset ${offset}, which this version does not know: a newer one wrote it` });

/**
 * A batch of one topic-partition into at most one operation a document: parts are loaded once, evolved in memory, and
 * written with the position of the last record that changed them. A record that a part has already seen is passed over.
 */
export async function evolveBatch(
  topic: TopicEvolve, batch: Batch, load: (ids: readonly string[]) => Promise<ReadonlyMap<string, StoredPart>>,
): Promise<Evolved> {
  const progress: ProgressEntry[] = [];
  const work: { record: LogRecord; keys: readonly string[] }[] = [];
  let stop: Stop | undefined;
  for (const record of batch.records) {
    const unknown = unknownType(record);
    if (unknown !== undefined) {
      stop = notKnown(record, unknown);
      break;
    }
    try {
      const entry = progressOf(record);
      if (entry !== undefined) progress.push(entry);
      if (entry === undefined || topic.progress === true) {
        const keys = topic.keys(record);
        if (keys.length > 0) work.push({ record, keys });
      }
    } catch (error) {
      stop = stopAt(record, record.key, 'keys', error);
      break;
    }
  }
  const ops = new Map<string, ViewOp>();
  if (work.length === 0) return { ops: [], progress, ...(stop && { stop }) };

  const loaded = topic.blind ? undefined : await load([...new Set(work.flatMap((w) => w.keys))]);
  for (const { record, keys } of work) {
    const { partition, offset } = record;
    const before = new Map(keys.map((id) => [id, ops.get(id)]));
    try {
      for (const id of keys) {
        const stored = loaded?.get(id);
        const base = stored?.position ?? {};
        if (loaded !== undefined && !isNewer(base, partition, offset)) continue;
        const current = ops.has(id) ? ops.get(id)!.value : stored?.value;
        const value = topic.evolve(topic.blind ? undefined : (current ?? undefined), record, id);
        if (value !== undefined) ops.set(id, { id, part: topic.part, partition, offset, value, ...(loaded !== undefined && { base }) });
      }
    } catch (error) {
      // All keys of the failed record stay as they were before it.
      for (const [id, op] of before) {
        if (op === undefined) ops.delete(id);
        else ops.set(id, op);
      }
      stop = stopAt(record, keys[0] ?? record.key, 'evolve', error);
      break;
    }
  }
  // Progress behind the stop must not count.
  const until = stop?.offset ?? Infinity;
  const heard = stop === undefined ? progress : batch.records.filter((r) => r.offset < until).flatMap((r) => progressOf(r) ?? []);
  return { ops: [...ops.values()], progress: heard, ...(stop && { stop }) };
}
