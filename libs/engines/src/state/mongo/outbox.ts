import { randomUUID } from 'node:crypto';
import type { AnyBulkWriteOperation, Collection, Db, Filter } from 'mongodb';
import type { Appended, EventLog, NewRecord } from '@provider-access/engines/log';
import type { Lease, Leases } from '../port.ts';
import { Relay } from '../relay.ts';
import type { Outbox, OutboxEntry } from '../relay.ts';
import { guarded } from './client.ts';
import { STREAMS } from './streams.ts';
import type { StreamDocument } from './streams.ts';

const LEASE = 'relay';
const STREAMS_A_PAGE = 50;
const BYTES_A_PAGE = 8 * 1024 * 1024;
/** How many polls of a working relay a standby relay waits before it asks for the lease again. */
const STANDBY_POLLS = 10;
/**
 * How long after the last decision a relay polls and keeps its lease, because other processes may be deciding as well.
 */
const BUSY_MS = 3000;

export interface OutboxOptions {
  readonly pollMs: number;
  readonly sweepMs: number;
  readonly ttlMs: number;
  readonly topics?: readonly string[] | undefined;
  published(): void;
}

/**
 * The outboxes of all streams, or of those whose topics this process may append to. One relay works on them, under a
 * lease. It publishes in the order in which the decisions were numbered, so a decision that was made after another one
 * was answered comes after it. A relay that was silent for longer than its lease may append events that the next relay
 * has appended; readers drop them.
 *
 * A decision of this process wakes the relay. For some seconds after the last event it polls, because other processes
 * decide too. Then it gives the lease back and rests. A slow sweep finds events of a process that died before its own
 * relay published them.
 */
export class MongoOutbox implements Outbox {
  readonly relay: Relay;
  readonly #streams: Collection<StreamDocument>;
  readonly #leases: Leases;
  readonly #ttlMs: number;
  readonly #topics: ReadonlySet<string> | undefined;
  readonly #leaseName: string;
  readonly #holder = `relay/${randomUUID()}`;
  readonly #published: () => void;
  readonly #pollMs: number;
  readonly #sweepMs: number;
  #timer: NodeJS.Timeout | undefined;
  #busyUntil = -Infinity;
  #stopped = false;
  #lease: Lease | undefined;
  /** By this process's monotonic clock, from before the lease was asked for. */
  #leasedAt = -Infinity;
  #ticks = 0;

  constructor(db: Db, log: EventLog, leases: Leases, options: OutboxOptions) {
    this.#streams = db.collection<StreamDocument>(STREAMS);
    this.#leases = leases;
    this.#ttlMs = options.ttlMs;
    this.#topics = options.topics && new Set(options.topics);
    this.#leaseName = options.topics === undefined ? LEASE : `${LEASE}/${options.topics.toSorted().join(',')}`;
    this.#published = options.published;
    this.relay = new Relay(this, log);
    this.#pollMs = options.pollMs;
    this.#sweepMs = options.sweepMs;
    this.#next();
    this.relay.wake(); // what a crash left between head and append
  }

  /** There is an event to publish: of this process, or one that this process waits for. */
  decided(): void {
    this.#stayBusy();
    this.relay.wake();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.relay.stop();
    await this.#rest();
  }

  async pending(limit: number): Promise<readonly OutboxEntry[]> {
    const busy = this.#busy();
    if (!busy && this.#lease === undefined) {
      if ((await guarded(() => this.#streams.findOne(this.#waiting(), { projection: { _id: 1 } }))) === null) return [];
      this.#stayBusy();
    }
    if (!(await this.#atWork())) return [];
    const { page, more } = await this.#page();
    if (page.length > 0) this.#stayBusy();
    else if (!busy) await this.#rest();
    const entries = page.flatMap(({ _id, outbox }) =>
      outbox
        .filter(({ topic }) => this.#topics?.has(topic) ?? true)
        .map(({ v, seq, topic, record, value }): OutboxEntry => ({
          seq,
          stream: _id,
          version: v,
          topic,
          record: { ...(JSON.parse(record) as Omit<NewRecord, 'value'>), value },
        })),
    );
    entries.sort(
      (a, b) => a.seq - b.seq || (a.stream < b.stream ? -1 : a.stream > b.stream ? 1 : a.version - b.version),
    );
    // The oldest streams in any case, because a stream may wait for a topic of another process too.
    const known = more ? Math.max(page.at(-1)!.waiting!, entries[0]?.seq ?? 0) : Infinity;
    return entries.filter((e) => e.seq <= known).slice(0, limit);
  }

  /** An empty outbox has no topic, so any relay that sees its mark removes it. */
  #waiting(): Filter<StreamDocument> {
    return {
      waiting: { $gt: 0 },
      ...(this.#topics && { $or: [{ 'outbox.topic': { $in: [...this.#topics] } }, { outbox: { $size: 0 } }] }),
    };
  }

  #busy(): boolean {
    return performance.now() < this.#busyUntil;
  }

  #stayBusy(): void {
    const resting = !this.#busy();
    this.#busyUntil = performance.now() + Math.max(BUSY_MS, this.#ttlMs);
    if (resting) this.#next();
  }

  /**
   * While the relay is busy, it polls often: for events when it works, for the lease when it stands by. The poll after
   * that gives the lease back.
   */
  #next(): void {
    clearTimeout(this.#timer);
    if (this.#stopped) return;
    const often = this.#busy() || this.#lease !== undefined;
    this.#timer = setTimeout(
      () => {
        if (!often || this.#lease !== undefined || this.#ticks++ % STANDBY_POLLS === 0) this.relay.wake();
        this.#next();
      },
      often ? this.#pollMs : this.#sweepMs,
    ).unref();
  }

  /** If the lease cannot be given back, it runs out. */
  async #rest(): Promise<void> {
    const lease = this.#lease;
    this.#lease = undefined;
    if (lease !== undefined) await this.#leases.release(lease).catch(() => {});
  }

  /**
   * Streams that wait longest, first. When there are more, the marks are exact, so that none behind has an older event.
   */
  async #page(): Promise<{ readonly page: readonly StreamDocument[]; readonly more: boolean }> {
    for (;;) {
      const page: StreamDocument[] = [];
      let bytes = 0;
      await guarded(async () => {
        for await (const stream of this.#streams
          .find(this.#waiting(), { projection: { outbox: 1, waiting: 1 } })
          .sort({ waiting: 1 })
          .limit(STREAMS_A_PAGE)) {
          page.push(stream);
          bytes += stream.outbox.reduce((sum, e) => sum + e.value.byteLength, 0);
          if (bytes > BYTES_A_PAGE) break;
        }
      });
      await this.#settle(page.filter((s) => s.outbox.length === 0).map((s) => s._id));
      const stale = page.filter((s) => s.outbox.length === 0 || s.outbox[0]!.seq > s.waiting!);
      const more = page.length === STREAMS_A_PAGE || bytes > BYTES_A_PAGE;
      if (!more || stale.length === 0) return { page, more };
      const marks = stale
        .filter((s) => s.outbox.length > 0)
        .map(({ _id, outbox: [first] }) => ({
          updateOne: { filter: { _id, 'outbox.0.v': first!.v }, update: { $set: { waiting: first!.seq } } },
        }));
      if (marks.length > 0) await guarded(() => this.#streams.bulkWrite(marks));
    }
  }

  async markPublished(entries: readonly OutboxEntry[], appended: readonly Appended[]): Promise<void> {
    const streams = new Map<string, { versions: number[]; positions: Record<string, number> }>();
    entries.forEach(({ stream, version, topic }, i) => {
      const of = streams.get(stream) ?? { versions: [], positions: {} };
      streams.set(stream, of);
      of.versions.push(version);
      const { partition, offset } = appended[i]!;
      const path = `positions.${topic.replaceAll('.', ':')}.${partition}`;
      of.positions[path] = Math.max(of.positions[path] ?? 0, offset + 1);
    });
    await guarded(() =>
      this.#streams.bulkWrite(
        [...streams].map(([_id, { versions, positions }]): AnyBulkWriteOperation<StreamDocument> => ({
          updateOne: { filter: { _id }, update: { $pull: { outbox: { v: { $in: versions } } }, $max: positions } },
        })),
      ),
    );
    this.#published();
    await this.#settle([...streams.keys()]);
  }

  /**
   * Removes the mark of streams whose outbox is empty. An append in between keeps its mark, because the filter sees its
   * event.
   */
  async #settle(ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    await guarded(() =>
      this.#streams.updateMany({ _id: { $in: [...ids] }, outbox: { $size: 0 } }, { $unset: { waiting: '' } }),
    );
  }

  /** Takes or renews the lease when a third of it is over. */
  async #atWork(): Promise<boolean> {
    const now = performance.now();
    if (this.#lease !== undefined && now - this.#leasedAt < this.#ttlMs / 3) return true;
    const held = this.#lease;
    this.#lease = undefined; // until the store says otherwise
    const kept = held !== undefined && (await this.#leases.renew(held, this.#ttlMs));
    this.#lease = kept ? held : await this.#leases.acquire(this.#leaseName, this.#holder, this.#ttlMs);
    this.#leasedAt = now;
    return this.#lease !== undefined;
  }
}
