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
/** A standby relay requests the lease once in so many polls of the active relay. */
const STANDBY_POLLS = 10;
/** How long a relay polls and keeps its lease after the last decision, because other processes may decide too. */
const BUSY_MS = 3000;

export interface OutboxOptions {
  readonly pollMs: number;
  readonly sweepMs: number;
  readonly ttlMs: number;
  readonly topics?: readonly string[] | undefined;
  published(): void;
}

/**
 * The outboxes of all streams whose topics this process may append to. One relay with a lease publishes them in the
 * order of the decisions' numbers. So a decision is published after every decision that was acknowledged before. A
 * relay that paused for longer than its lease may append events again that the next relay has appended; readers drop
 * these.
 *
 * A decision of this process starts the relay. The relay polls for some seconds after the last event, because other
 * processes decide too. Then it releases the lease and is idle. A rare poll finds events of a process that died before
 * it published them.
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
  /** Monotonic time before the request for the lease. */
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
    this.relay.wake(); // publishes what a crash left in the outbox
  }

  /** Starts the relay for an event of this process, or for one that this process waits for. */
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
    // Streams beyond the page have no event before the last marker, which may be of a topic of another process.
    const known = more ? Math.max(page.at(-1)!.waiting!, entries[0]?.seq ?? 0) : Infinity;
    return entries.filter((e) => e.seq <= known).slice(0, limit);
  }

  /** Streams with entries for this process. An empty outbox has no topic, so any relay may remove its marker. */
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
   * While busy, the active relay often polls for events and a standby relay for the lease. The poll after that releases
   * the lease.
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

  /** Releases the lease. If that fails, the lease expires. */
  async #rest(): Promise<void> {
    const lease = this.#lease;
    this.#lease = undefined;
    if (lease !== undefined) await this.#leases.release(lease).catch(() => {});
  }

  /** The streams with the oldest events. If there are more, markers are made exact, so that none has an older event. */
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
   * Removes the marker of streams with an empty outbox. A stream with a new event keeps its marker, because the filter
   * does not match.
   */
  async #settle(ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    await guarded(() =>
      this.#streams.updateMany({ _id: { $in: [...ids] }, outbox: { $size: 0 } }, { $unset: { waiting: '' } }),
    );
  }

  /** Acquires the lease, or renews it after a third of its time. */
  async #atWork(): Promise<boolean> {
    const now = performance.now();
    if (this.#lease !== undefined && now - this.#leasedAt < this.#ttlMs / 3) return true;
    const held = this.#lease;
    this.#lease = undefined; // until the store has renewed or granted it
    const kept = held !== undefined && (await this.#leases.renew(held, this.#ttlMs));
    this.#lease = kept ? held : await this.#leases.acquire(this.#leaseName, this.#holder, this.#ttlMs);
    this.#leasedAt = now;
    return this.#lease !== undefined;
  }
}
