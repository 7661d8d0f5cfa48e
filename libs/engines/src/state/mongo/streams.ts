import { randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import type { AnyBulkWriteOperation, Collection, Db, Document, Filter, UpdateFilter } from 'mongodb';
import { EngineUnavailable } from '../../log/index.ts';
import type { Change, Stream, Waiting, Where } from '../engine.ts';
import { isDuplicate, isTooLarge } from '../../mongo/faults.ts';
import { guarded, repeated } from './client.ts';
import { nextNumbers } from './sequence.ts';

/** A decided event that may not be in the log yet. `seq` orders the decisions of all streams. */
type StoredEvent = Omit<Waiting, 'stream' | 'version'> & { readonly v: number };

/**
 * Head and outbox in one document, so that one write changes both. The marker `waiting` exists while the outbox is not
 * empty. It is at most the seq of the oldest event. `ops` has the ids of the last decisions, so that a repeated
 * decision recognises itself.
 */
interface StreamDocument {
  readonly _id: string;
  readonly version: number;
  /** JSON; gzipped if it is long. */
  readonly snapshot: string | Uint8Array;
  readonly outbox: readonly StoredEvent[];
  readonly ops: readonly { readonly id: string; readonly v: number }[];
  readonly waiting?: number;
  /** Next offset by topic (with `:` for `.`) and partition. */
  readonly positions?: Readonly<Record<string, Readonly<Record<string, number>>>>;
}
/** A new head. */
type Head = Pick<Stream, 'version' | 'snapshot' | 'outbox'>;

const OPS_KEPT = 16;
const GZIP_FROM = 64 * 1024;
/** The largest decision. A document has at most 16 MiB and also contains the waiting events. */
const MAX_DECISION_BYTES = 12 * 1024 * 1024;
const STREAMS_A_PAGE = 50;
const BYTES_A_PAGE = 8 * 1024 * 1024;

const pack = async (text: string): Promise<string | Uint8Array> =>
  text.length < GZIP_FROM ? text : promisify(gzip)(text, { level: 1 });
const unpack = async (packed: string | Uint8Array): Promise<string> =>
  typeof packed === 'string' ? packed : (await promisify(gunzip)(packed)).toString();

/** A new head with an empty outbox. */
export const replacing = async ({ version, snapshot }: Stream): Promise<UpdateFilter<Document>> => ({
  $set: { version, snapshot: await pack(snapshot), outbox: [], ops: [] },
  $unset: { waiting: '' },
});

/** The rows of streams and outboxes. Errors of reads are those of the driver. */
export class MongoStreams {
  readonly #db: Db;
  readonly #streams: Collection<StreamDocument>;

  constructor(db: Db) {
    this.#db = db;
    this.#streams = db.collection<StreamDocument>('state_streams');
  }

  async scan(_id: string, fields: readonly (keyof Stream)[] = []): Promise<readonly Stream[]> {
    const projection = Object.fromEntries(fields.map((field) => [field === 'unpublished' ? 'outbox.v' : field, 1]));
    const head = await this.#streams.findOne({ _id }, { projection });
    if (head === null) return [];
    const { version, snapshot, outbox, positions = {} } = head;
    return [
      {
        _id,
        version,
        snapshot: snapshot === undefined ? '' : await unpack(snapshot),
        unpublished: outbox?.[0]?.v ?? null,
        positions: Object.fromEntries(
          Object.entries(positions).map(([topic, offsets]) => {
            const partitions = Math.max(...Object.keys(offsets).map(Number)) + 1;
            return [topic.replaceAll(':', '.'), Array.from({ length: partitions }, (_, p) => offsets[p] ?? 0)];
          }),
        ),
      },
    ];
  }

  /** Returns false if the stream has another version than expected, where 0 is that of a missing stream. */
  async decide(stream: string, expected: number, { version, snapshot, outbox = [] }: Head): Promise<boolean> {
    const packed = await pack(snapshot);
    if (packed.length + outbox.reduce((sum, { value }) => sum + value.byteLength, 0) > MAX_DECISION_BYTES)
      throw new Error(`a decision is larger than ${MAX_DECISION_BYTES} bytes`);
    const seq = outbox.length === 0 ? 0 : await nextNumbers(this.#db, 'decisions');
    const events = outbox.map(({ version: v, ...event }): StoredEvent => ({ v, seq, ...event }));
    const op = { id: randomUUID(), v: version };
    return repeated(
      async () =>
        (await this.#compareAndSet(stream, expected, op, packed, events)) || (await this.#isDecided(stream, op)),
    );
  }

  async #compareAndSet(
    stream: string,
    expected: number,
    op: { id: string; v: number },
    snapshot: string | Uint8Array,
    outbox: readonly StoredEvent[],
  ): Promise<boolean> {
    const seq = outbox[0]?.seq;
    const head = { version: op.v, snapshot };
    try {
      if (expected === 0) {
        const waiting = seq === undefined ? {} : { waiting: seq };
        await this.#streams.insertOne({ _id: stream, ...head, outbox, ops: [op], ...waiting });
        return true;
      }
      const found = await this.#streams.findOneAndUpdate(
        { _id: stream, version: expected },
        {
          $set: head,
          $push: {
            ops: { $each: [op], $slice: -OPS_KEPT },
            ...(seq !== undefined && { outbox: { $each: [...outbox] } }),
          },
          ...(seq !== undefined && { $min: { waiting: seq } }),
        },
        { returnDocument: 'after', projection: { version: 1 } },
      );
      return found !== null;
    } catch (error) {
      if (isDuplicate(error)) return false;
      if (isTooLarge(error))
        throw new EngineUnavailable('the outbox of a stream is full: the log has not accepted its events');
      throw error;
    }
  }

  /** Whether an attempt whose answer was lost made this decision. */
  async #isDecided(stream: string, op: { id: string; v: number }): Promise<boolean> {
    const head = await this.#streams.findOne({ _id: stream }, { projection: { ops: 1 } });
    if (head === null) return false;
    if (head.ops.some((o) => o.id === op.id)) return true;
    // There were more later decisions than the document remembers, so it is unknown whether this one was made.
    if (head.ops.length >= OPS_KEPT && head.ops[0]!.v > op.v)
      throw new EngineUnavailable('the outcome of a decision is unknown');
    return false;
  }

  /** Either a new head, or events of several streams that are in the log. */
  async update(changes: readonly Change<Stream>[]): Promise<number> {
    const [{ where, set }] = changes as [Change<Stream>];
    if (set === undefined) return guarded(() => this.#publish(changes));
    return (await this.decide(where._id as string, where.version as number, set as Head)) ? 1 : 0;
  }

  async #publish(changes: readonly Change<Stream>[]): Promise<number> {
    await this.#streams.bulkWrite(
      changes.map(({ where, published }): AnyBulkWriteOperation<StreamDocument> => {
        const positions = Object.entries(published!.positions).flatMap(([topic, offsets]) =>
          Object.entries(offsets).map(([p, next]) => [`positions.${topic.replaceAll('.', ':')}.${p}`, next] as const),
        );
        const $pull = { outbox: { v: { $in: [...published!.versions] } } };
        return {
          updateOne: { filter: { _id: where._id as string }, update: { $pull, $max: Object.fromEntries(positions) } },
        };
      }),
    );
    await this.#settle(changes.map(({ where }) => where._id as string));
    return changes.length;
  }

  /**
   * The oldest events of the outboxes. If there are more streams than a page has, markers are made exact, so that none
   * has an older event.
   */
  async waiting(where: Where<Waiting>, limit: number): Promise<readonly Waiting[]> {
    const topics = (where.topic as { readonly in?: readonly string[] } | undefined)?.in;
    for (;;) {
      const page: StreamDocument[] = [];
      let bytes = 0;
      const found = this.#streams.find(havingEvents(topics), { projection: { outbox: 1, waiting: 1 } });
      for await (const stream of found.sort({ waiting: 1 }).limit(STREAMS_A_PAGE)) {
        page.push(stream);
        bytes += stream.outbox.reduce((sum, e) => sum + e.value.byteLength, 0);
        if (bytes > BYTES_A_PAGE) break;
      }
      await this.#settle(page.filter((s) => s.outbox.length === 0).map((s) => s._id));
      const stale = page.filter((s) => s.outbox.length === 0 || s.outbox[0]!.seq > s.waiting!);
      const more = page.length === STREAMS_A_PAGE || bytes > BYTES_A_PAGE;
      if (!more || stale.length === 0) return oldest(page, more, topics).slice(0, limit);
      const marks = stale
        .filter((s) => s.outbox.length > 0)
        .map(({ _id, outbox: [first] }) => ({
          updateOne: { filter: { _id, 'outbox.0.v': first!.v }, update: { $set: { waiting: first!.seq } } },
        }));
      if (marks.length > 0) await this.#streams.bulkWrite(marks);
    }
  }

  /**
   * Removes the marker of streams with an empty outbox. A stream with a new event keeps its marker, because the filter
   * does not match.
   */
  async #settle(ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    await this.#streams.updateMany({ _id: { $in: [...ids] }, outbox: { $size: 0 } }, { $unset: { waiting: '' } });
  }
}

/** An empty outbox has no topic, so any relay may remove its marker. */
const havingEvents = (topics: readonly string[] | undefined): Filter<StreamDocument> => ({
  waiting: { $gt: 0 },
  ...(topics && { $or: [{ 'outbox.topic': { $in: [...topics] } }, { outbox: { $size: 0 } }] }),
});

function oldest(
  page: readonly StreamDocument[],
  more: boolean,
  topics: readonly string[] | undefined,
): readonly Waiting[] {
  const events = page
    .flatMap(({ _id, outbox }) => outbox.map(({ v, ...event }): Waiting => ({ stream: _id, version: v, ...event })))
    .filter(({ topic }) => topics?.includes(topic) ?? true)
    .sort((a, b) => a.seq - b.seq || (a.stream < b.stream ? -1 : a.stream > b.stream ? 1 : a.version - b.version));
  // Streams beyond the page have no event before the last marker, which may be of a topic of another process.
  const known = more ? Math.max(page.at(-1)!.waiting!, events[0]?.seq ?? 0) : Infinity;
  return events.filter(({ seq }) => seq <= known);
}
