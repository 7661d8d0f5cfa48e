import { createHash } from 'node:crypto';
import { unknownType } from '@provider-access/events';
import { type Batch, type LogRecord, type ProgressEntry, progressOf } from '../log/index.ts';
import { isNewer } from './encoding.ts';
import type { TopicEvolve } from './projection.ts';
import type { PartPosition, StoredPart, ViewOp } from './store.ts';

/**
 * Where a projection stopped: at a record that this version does not know, or that it cannot even pass over. It has the
 * key only as a hash.
 */
interface Stop {
  readonly offset: number;
  readonly sentence: string;
}

/** A record at which the projection failed, and which the view passed over. It has the key only as a hash. */
interface PassedOver {
  readonly offset: number;
  /** Append time, ms since the epoch. */
  readonly timestamp: number;
  readonly sentence: string;
}

export interface Evolved {
  readonly ops: readonly ViewOp[];
  readonly progress: readonly ProgressEntry[];
  readonly passedOver: readonly PassedOver[];
  /** `ops` has only the records before the stop. */
  readonly stop?: Stop;
}

/** For texts, which must not have the key itself. */
export const hashed = (key: string): string => createHash('sha256').update(key).digest('hex').slice(0, 12);

const failure = (record: LogRecord, key: string, what: string, error: unknown): string =>
  `${what} failed on ${record.topic}/${record.partition} at offset ${record.offset}, key sha256:${hashed(key)} ` +
  `(${error instanceof Error ? error.name : 'no error object'})`;

/**
 * A newer version wrote a record of a type that this version does not know. This version waits at the record, and the
 * newer version handles it.
 */
const notKnown = ({ topic, partition, offset }: LogRecord, type: string): Stop => ({
  offset,
  sentence:
    `${topic}/${partition} has ${type} at offset ${offset}, ` +
    'which this version does not know: a newer one wrote it',
});

/** The document with a view's passed-over records, a part for each topic. No projection has a key of this form. */
export const PASSED_OVER_ID = '~passed-over';
/**
 * The part of one topic: the number of passed-over records, and the append time of the oldest (ms since the epoch). It
 * does not depend on their order.
 */
export interface PassedOverNote {
  readonly passedOver: { readonly records: number; readonly since: number };
}

function noted(known: unknown, news: readonly PassedOver[]): PassedOverNote {
  const { records, since } = (known as PassedOverNote | null | undefined)?.passedOver ?? {
    records: 0,
    since: Infinity,
  };
  return {
    passedOver: { records: records + news.length, since: Math.min(since, ...news.map(({ timestamp }) => timestamp)) },
  };
}

/**
 * How to pass over a record whose documents cannot be written. `with-part`: `failed` gets the existing parts. `afresh`:
 * it gets no part, because the existing parts cannot be written either.
 */
export type Failing = 'with-part' | 'afresh';

/**
 * Turns a batch of one topic-partition into at most one operation for each document. Parts are loaded once, evolved in
 * memory, and written with the position of the last record that changed them. A record that a part has already seen is
 * skipped.
 *
 * A record at which `keys` or `evolve` throws is passed over. The topic's `failed` returns its parts, and the view
 * notes the record in `PASSED_OVER_ID`. `failing` names the only record of a batch whose documents could not be
 * written.
 * @param guess whether the documents of records that `begins` are taken for new ones and not loaded
 * @param only ids of the documents to work out; undefined for all
 */
export async function evolveBatch(
  topic: TopicEvolve,
  batch: Batch,
  load: (ids: readonly string[]) => Promise<ReadonlyMap<string, StoredPart>>,
  failing?: Failing,
  guess = false,
  only?: ReadonlySet<string>,
): Promise<Evolved> {
  const { work, progress, passedOver, stop: unknown } = sorted(topic, batch, guess, only);
  let stop = unknown;
  const known = new Set<string>();
  for (const { keys, begins } of work) if (!begins) for (const id of keys) known.add(id);
  const loaded = topic.blind || work.length === 0 ? undefined : await load([...known]);
  const changes = new Changes(topic, loaded, known);
  for (const one of work) {
    const { record, keys } = one;
    let failed: unknown;
    try {
      if (failing === undefined) {
        changes.apply(one);
        continue;
      }
    } catch (error) {
      failed = error;
      changes.unsure ||= !keys.every((id) => known.has(id));
    }
    const [what, key] = [failing === undefined ? 'evolve' : 'writing', keys[0] ?? record.key];
    try {
      if (changes.apply(one, failing ?? 'with-part')) passedOver.push(passOver(record, key, what, failed));
    } catch {
      stop = { offset: record.offset, sentence: failure(record, key, what, failed) };
      break;
    }
  }
  if (changes.unsure) return evolveBatch(topic, batch, load, failing, false, only);
  // Progress behind the stop must not count.
  const until = stop?.offset ?? Infinity;
  const heard = progress.filter(({ offset }) => offset < until).map(({ entry }) => entry);
  const passed = passedOver.filter(({ offset }) => offset < until);
  const note = passed.length === 0 ? undefined : await noteOf(topic, batch.partition, passed, load);
  return {
    ops: [...changes.ops.values(), ...(note === undefined ? [] : [note])],
    progress: heard,
    passedOver: passed,
    ...(stop && { stop }),
  };
}

/**
 * What a batch makes of its documents. This is a class and not closures of `evolveBatch`: under load, V8 compiled such
 * a closure again every two seconds.
 */
class Changes {
  readonly ops = new Map<string, ViewOp>();
  /**
   * Whether a part that was taken for missing stays as it is, or a record fails with it. A stored part might change, or
   * the record might not fail, and then no refused write tells that the part was there.
   */
  unsure = false;
  readonly #topic: TopicEvolve;
  readonly #loaded: ReadonlyMap<string, StoredPart> | undefined;
  readonly #known: ReadonlySet<string>;

  /**
   * @param loaded the stored parts; undefined if none is read
   * @param known ids of the documents that are not taken for new ones
   */
  constructor(topic: TopicEvolve, loaded: ReadonlyMap<string, StoredPart> | undefined, known: ReadonlySet<string>) {
    this.#topic = topic;
    this.#loaded = loaded;
    this.#known = known;
  }

  /**
   * Returns whether the record changes one of its documents. If it fails, none of its documents changes.
   * @param failing what the documents get if the record is passed over; undefined if it is not
   */
  apply({ record, keys }: Work, failing?: Failing): boolean {
    const { partition, offset } = record;
    const { ops } = this;
    const topic = this.#topic;
    const loaded = this.#loaded;
    // Of one document nothing is to be put back, because setting it comes last.
    const before = keys.length > 1 ? keys.map((id) => [id, ops.get(id)] as const) : [];
    let news = false;
    try {
      for (const id of keys) {
        const stored = loaded?.get(id);
        const base = stored?.position ?? NOWHERE;
        if (loaded !== undefined && !isNewer(base, partition, offset)) continue;
        news = true;
        const op = ops.get(id);
        const current = topic.blind ? undefined : ((op === undefined ? stored?.value : op.value) ?? undefined);
        const value =
          failing === undefined ? topic.evolve(current, record, id) : partOfFailed(topic, current, record, id, failing);
        const begins = !this.#known.has(id);
        if (value === undefined) this.unsure ||= begins;
        else ops.set(id, { id, part: topic.part, partition, offset, value, base: loaded && base, begins });
      }
    } catch (error) {
      putBack(ops, before);
      throw error;
    }
    return news;
  }
}

function putBack(ops: Map<string, ViewOp>, before: readonly (readonly [id: string, op: ViewOp | undefined])[]): void {
  for (const [id, op] of before) {
    if (op === undefined) ops.delete(id);
    else ops.set(id, op);
  }
}

/** A record that concerns documents. */
interface Work {
  readonly record: LogRecord;
  readonly keys: readonly string[];
  /** Whether its documents are taken for new ones. */
  readonly begins: boolean;
}
/** The position of a part that is not stored. */
const NOWHERE: PartPosition = {};

interface Sorted {
  readonly work: readonly Work[];
  readonly progress: readonly { readonly offset: number; readonly entry: ProgressEntry }[];
  readonly passedOver: PassedOver[];
  readonly stop?: Stop;
}

/** The records of a batch that concern documents, and those that report progress. It ends at an unknown type. */
function sorted(topic: TopicEvolve, batch: Batch, guess: boolean, only: ReadonlySet<string> | undefined): Sorted {
  const progress: Sorted['progress'][number][] = [];
  const work: Work[] = [];
  const passedOver: PassedOver[] = [];
  for (const record of batch.records) {
    const unknown = unknownType(record);
    if (unknown !== undefined) return { work, progress, passedOver, stop: notKnown(record, unknown) };
    try {
      const entry = progressOf(record);
      if (entry !== undefined) progress.push({ offset: record.offset, entry });
      if (entry === undefined || topic.progress === true) {
        const all = topic.keys(record);
        const keys = only === undefined ? all : all.filter((id) => only.has(id));
        if (keys.length > 0) work.push({ record, keys, begins: guess && topic.begins?.(record) === true });
      }
    } catch (error) {
      // `keys` threw, so the documents that the record concerns are unknown.
      passedOver.push(passOver(record, record.key, 'keys', error));
    }
  }
  return { work, progress, passedOver };
}

const passOver = (record: LogRecord, key: string, what: string, error: unknown): PassedOver => ({
  offset: record.offset,
  timestamp: record.timestamp,
  sentence: failure(record, key, what, error),
});

/** The part of a document after a record at which the projection failed. */
function partOfFailed(topic: TopicEvolve, part: unknown, record: LogRecord, id: string, failing: Failing): unknown {
  if (topic.failed === undefined) return null;
  if (failing === 'afresh') return topic.failed(undefined, record, id);
  try {
    return topic.failed(part, record, id);
  } catch {
    return topic.failed(undefined, record, id);
  }
}

/** Undefined if the view has already noted these records. */
async function noteOf(
  topic: TopicEvolve,
  partition: number,
  passed: readonly PassedOver[],
  load: (ids: readonly string[]) => Promise<ReadonlyMap<string, StoredPart>>,
): Promise<ViewOp | undefined> {
  const stored = (await load([PASSED_OVER_ID])).get(PASSED_OVER_ID);
  const base = stored?.position ?? {};
  const news = passed.filter(({ offset }) => isNewer(base, partition, offset));
  const last = news.at(-1);
  return (
    last && {
      id: PASSED_OVER_ID,
      part: topic.part,
      partition,
      offset: last.offset,
      value: noted(stored?.value, news),
      base,
    }
  );
}
