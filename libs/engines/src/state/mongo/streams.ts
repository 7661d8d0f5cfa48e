import { bufferOf } from '@provider-access/events';
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import type { Collection, Db } from 'mongodb';
import { EngineUnavailable } from '@provider-access/engines/log';
import type { AppendResult, StreamEvent, StreamHead, Streams } from '../port.ts';
import { guarded, isDuplicate, isTooLarge, repeated } from './client.ts';
import { nextNumbers } from './sequence.ts';

/** A decided event that may not be in the log yet. `seq` orders the decisions of all streams. */
export interface Waiting {
  readonly v: number;
  readonly seq: number;
  readonly topic: string;
  readonly record: string;
  readonly value: Uint8Array;
}

/**
 * Head and outbox in one document, so that one write changes both. The marker `waiting` exists while the outbox is not
 * empty. It is at most the seq of the oldest event. `ops` has the ids of the last decisions, so that a repeated
 * decision recognises itself.
 */
export interface StreamDocument {
  readonly _id: string;
  readonly version: number;
  /** JSON; gzipped if it is long. */
  readonly snapshot: string | Uint8Array;
  readonly outbox: readonly Waiting[];
  readonly ops: readonly { readonly id: string; readonly v: number }[];
  readonly waiting?: number;
  /** Next offset by topic (with `:` for `.`) and partition. */
  readonly positions?: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

export const STREAMS = 'state_streams';
const OPS_KEPT = 16;
const GZIP_FROM = 64 * 1024;
/** The largest decision. A document has at most 16 MiB and also contains the waiting events. */
const MAX_DECISION_BYTES = 12 * 1024 * 1024;

async function pack(snapshot: unknown): Promise<string | Uint8Array> {
  const text = JSON.stringify(snapshot ?? null);
  return text.length < GZIP_FROM ? text : promisify(gzip)(text, { level: 1 });
}
async function unpack<S>(packed: string | Uint8Array): Promise<S> {
  return JSON.parse(typeof packed === 'string' ? packed : (await promisify(gunzip)(packed)).toString()) as S;
}

export class MongoStreams implements Streams {
  readonly #db: Db;
  readonly #streams: Collection<StreamDocument>;
  readonly #decided: () => void;
  readonly #waiters = new Set<() => void>();

  /** Calls `decided` when there may be an event to publish. */
  constructor(db: Db, decided: () => void) {
    this.#db = db;
    this.#streams = db.collection<StreamDocument>(STREAMS);
    this.#decided = decided;
  }

  async load<S>(stream: string): Promise<StreamHead<S> | undefined> {
    const head = await guarded(() =>
      this.#streams.findOne({ _id: stream }, { projection: { version: 1, snapshot: 1 } }),
    );
    return head === null ? undefined : { version: head.version, snapshot: await unpack<S>(head.snapshot) };
  }

  /** After EngineUnavailable the decision may have been made. Load the stream before you decide again. */
  async append<S>(
    stream: string,
    expectedVersion: number,
    events: readonly StreamEvent[],
    snapshot: S,
  ): Promise<AppendResult> {
    const packed = await pack(snapshot);
    const values = events.map(({ record }) => bufferOf(record.value));
    if (packed.length + values.reduce((sum, v) => sum + v.byteLength, 0) > MAX_DECISION_BYTES)
      throw new Error(`a decision is larger than ${MAX_DECISION_BYTES} bytes`);
    const version = expectedVersion + Math.max(events.length, 1);
    const seq = events.length === 0 ? 0 : await nextNumbers(this.#db, 'decisions');
    const waiting = events.map(({ topic, record: { value: _, ...record } }, i): Waiting => {
      const v = expectedVersion + 1 + i;
      return {
        v,
        seq,
        topic,
        record: JSON.stringify({ ...record, headers: { ...record.headers, pa_stream: stream, pa_version: String(v) } }),
        value: values[i]!,
      };
    });
    const op = { id: randomUUID(), v: version };
    const result = await repeated(async (): Promise<AppendResult> => {
      if (await this.#compareAndSet(stream, expectedVersion, op, packed, waiting)) return { ok: true, version };
      return this.#outcome(stream, op);
    });
    if (result.ok && events.length > 0) this.#decided();
    return result;
  }

  async #compareAndSet(
    stream: string,
    expected: number,
    op: { id: string; v: number },
    snapshot: string | Uint8Array,
    outbox: readonly Waiting[],
  ): Promise<boolean> {
    const seq = outbox[0]?.seq;
    try {
      if (expected === 0) {
        await guarded(
          () =>
            this.#streams.insertOne({
              _id: stream,
              version: op.v,
              snapshot,
              outbox,
              ops: [op],
              ...(seq !== undefined && { waiting: seq }),
            }),
          isDuplicate,
        );
        return true;
      }
      const found = await guarded(
        () =>
          this.#streams.findOneAndUpdate(
            { _id: stream, version: expected },
            {
              $set: { version: op.v, snapshot },
              $push: {
                ops: { $each: [op], $slice: -OPS_KEPT },
                ...(seq !== undefined && { outbox: { $each: [...outbox] } }),
              },
              ...(seq !== undefined && { $min: { waiting: seq } }),
            },
            { returnDocument: 'after', projection: { version: 1 } },
          ),
        isTooLarge,
      );
      return found !== null;
    } catch (error) {
      if (isDuplicate(error)) return false;
      if (isTooLarge(error))
        throw new EngineUnavailable('the outbox of a stream is full: the log has not accepted its events');
      throw error;
    }
  }

  /** The head has another version, because of another decision or an attempt of this one whose answer was lost. */
  async #outcome(stream: string, op: { id: string; v: number }): Promise<AppendResult> {
    const head = await guarded(() => this.#streams.findOne({ _id: stream }, { projection: { version: 1, ops: 1 } }));
    if (head === null) return { ok: false, actual: 0 };
    if (head.ops.some((o) => o.id === op.id)) return { ok: true, version: op.v };
    // There were more later decisions than the document remembers, so it is unknown whether this one was made.
    if (head.ops.length >= OPS_KEPT && head.ops[0]!.v > op.v)
      throw new EngineUnavailable('the outcome of a decision is unknown');
    return { ok: false, actual: head.version };
  }

  async restore<S>(stream: string, version: number, snapshot: S): Promise<boolean> {
    const packed = await pack(snapshot);
    try {
      const { matchedCount, upsertedCount } = await guarded(
        () =>
          this.#streams.updateOne(
            { _id: stream, version: { $lt: version } },
            { $set: { version, snapshot: packed, outbox: [], ops: [] }, $unset: { waiting: '' } },
            { upsert: true },
          ),
        isDuplicate,
      );
      return matchedCount + upsertedCount === 1;
    } catch (error) {
      if (isDuplicate(error)) return false;
      throw error;
    }
  }

  async published(
    stream: string,
    version: number,
    timeoutMs: number,
  ): Promise<Readonly<Record<string, readonly number[]>> | undefined> {
    const deadline = performance.now() + timeoutMs;
    for (let pause = 10, first = true; ; pause = Math.min(pause * 1.5, 100), first = false) {
      let away: unknown;
      try {
        const head = await guarded(() =>
          this.#streams.findOne({ _id: stream }, { projection: { version: 1, 'outbox.v': 1, positions: 1 } }),
        );
        if (head !== null && head.version >= version && !head.outbox.some((e) => e.v <= version))
          return positionsOf(head);
        // The process that decided may have died, so this relay must publish its event.
        if (first && head !== null) this.#decided();
      } catch (error) {
        away = error;
      }
      const left = deadline - performance.now();
      if (left <= 0 && away !== undefined) throw away;
      if (left <= 0) return undefined;
      await this.#woken(Math.min(left, pause));
    }
  }

  /** Notifies callers of `published`, because this process's relay has published events. */
  wake(): void {
    for (const wake of [...this.#waiters]) wake();
  }

  #woken(ms: number): Promise<void> {
    const ended = new AbortController();
    const wake = (): void => ended.abort();
    this.#waiters.add(wake);
    return delay(ms, undefined, { signal: ended.signal })
      .catch(() => {})
      .finally(() => this.#waiters.delete(wake));
  }
}

function positionsOf({ positions = {} }: Pick<StreamDocument, 'positions'>): Record<string, number[]> {
  return Object.fromEntries(
    Object.entries(positions).map(([topic, offsets]) => {
      const partitions = Math.max(...Object.keys(offsets).map(Number)) + 1;
      return [topic.replaceAll(':', '.'), Array.from({ length: partitions }, (_, p) => offsets[p] ?? 0)];
    }),
  );
}
