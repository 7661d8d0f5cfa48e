import { randomUUID } from 'node:crypto';
import { type Appended, type Backoff, backoffMs, type EventLog, type NewRecord, pause } from '../log/index.ts';
import type { StateEngine, Waiting } from './engine.ts';
import type { Lease, Leases } from './port.ts';

export interface RelayOptions {
  /** The log for decided events. Without it, events wait for a process that has one. */
  readonly log?: EventLog | undefined;
  /**
   * Topics to which this process may append decided events. Other events wait for another process, because a service
   * that shares the database may not write the topics of another service. Default: all.
   */
  readonly relayTopics?: readonly string[] | undefined;
  /**
   * How often the relay polls for decisions of other processes in the seconds after a decision. The pause grows to 8
   * times that while it finds none. Default 25 ms.
   */
  readonly relayPollMs?: number;
  /** How often an idle relay checks for events of a process that died before it published them. Default 15 s. */
  readonly relaySweepMs?: number;
  /** Another process replaces a relay that has not renewed its lease for this time. Default 3 s. */
  readonly relayTtlMs?: number;
}

const BATCH = 200;
const BACKOFF: Backoff = { firstMs: 50, maxMs: 1000 };
const LEASE = 'relay';
/** A standby relay requests the lease once in so many polls of the active relay. */
const STANDBY_POLLS = 10;
/** Growth of the pause between two polls that found nothing, and its most. */
const POLL_GROWTH = 1.5;
const POLL_MOST = 8;
/** How long a relay polls and keeps its lease after the last decision, because other processes may decide too. */
const BUSY_MS = 3000;

/**
 * Appends decided events to their topics in the order of the decisions, one append at a time. After a crash between an
 * append and the removal from the outbox, the relay appends again. So delivery is at least once, and readers drop a
 * version that they have.
 *
 * Of several processes, one relay has a lease. So a decision is published after every decision that was acknowledged
 * before. A relay that paused for longer than its lease may append events that the next relay has appended. A decision
 * of this process starts the relay. The relay polls for some seconds after the last event, because other processes
 * decide too. Then it releases the lease and is idle. A rare poll finds events of a process that died before it
 * published them. The only process of an engine needs neither a lease nor polls.
 */
export class Relay {
  readonly #engine: StateEngine;
  readonly #log: EventLog;
  readonly #leases: Leases;
  readonly #published: () => void;
  readonly #topics: readonly string[] | undefined;
  readonly #leaseName: string;
  readonly #holder = `relay/${randomUUID()}`;
  readonly #pollMs: number;
  readonly #sweepMs: number;
  readonly #ttlMs: number;
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;
  #again = false;
  #timer: NodeJS.Timeout | undefined;
  #busyUntil = -Infinity;
  #lease: Lease | undefined;
  /** The store renews or grants the lease at this moment. */
  #isAsking = false;
  /** Monotonic time before the request for the lease. */
  #leasedAt = -Infinity;
  #ticks = 0;
  /** The pause of the active relay, in `#pollMs`. */
  #pause = 1;

  /** Calls `published` when events are in the log. */
  constructor(engine: StateEngine, log: EventLog, leases: Leases, published: () => void, options: RelayOptions) {
    this.#engine = engine;
    this.#log = log;
    this.#leases = leases;
    this.#published = published;
    this.#topics = options.relayTopics;
    this.#leaseName = this.#topics === undefined ? LEASE : `${LEASE}/${this.#topics.toSorted().join(',')}`;
    this.#pollMs = options.relayPollMs ?? 25;
    this.#sweepMs = options.relaySweepMs ?? 15_000;
    this.#ttlMs = options.relayTtlMs ?? 3000;
    this.#next();
    this.#wake(); // publishes what a crash left in the outbox
  }

  /** Starts the relay for an event of this process, or for one that this process waits for. */
  decided(): void {
    this.#stayBusy();
    this.#wake();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    clearTimeout(this.#timer);
    await this.#running;
    await this.#rest();
  }

  #wake(): void {
    this.#again = true;
    if (this.#running !== undefined || this.#stopping.signal.aborted) return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      if (this.#again) this.#wake();
    });
  }

  async #run(): Promise<void> {
    for (let attempt = 0; !this.#stopping.signal.aborted;) {
      this.#again = false;
      try {
        const events = await this.#pending();
        const first = events[0];
        if (first === undefined) return;
        const end = events.findIndex(({ topic }) => topic !== first.topic);
        const run = end === -1 ? events : events.slice(0, end);
        const records = run.map(({ record, value }): NewRecord => ({
          ...(JSON.parse(record) as Omit<NewRecord, 'value'>),
          value,
        }));
        await this.#remove(run, await this.#log.append(first.topic, records));
        attempt = 0;
      } catch {
        await pause(backoffMs(BACKOFF, attempt++), this.#stopping.signal);
      }
    }
  }

  /** The oldest events. None while another relay is active. */
  async #pending(): Promise<readonly Waiting[]> {
    if (!this.#engine.isShared) return this.#waiting();
    const busy = this.#busy();
    if (!busy && this.#lease === undefined) {
      if ((await this.#waiting()).length === 0) return [];
      this.#stayBusy();
    }
    if (!(await this.#atWork())) return [];
    const events = await this.#waiting();
    this.#pause = events.length > 0 ? 1 : Math.min(this.#pause * POLL_GROWTH, POLL_MOST);
    if (events.length > 0) this.#stayBusy();
    else if (!busy) await this.#rest();
    return events;
  }

  #waiting(): Promise<readonly Waiting[]> {
    const where = this.#topics === undefined ? {} : { topic: { in: this.#topics } };
    return this.#engine.scan('outbox', where, { order: 'seq', limit: BATCH });
  }

  async #remove(events: readonly Waiting[], appended: readonly Appended[]): Promise<void> {
    const streams = new Map<string, { versions: number[]; positions: Record<string, Record<number, number>> }>();
    events.forEach(({ stream, version, topic }, i) => {
      const of = streams.get(stream) ?? { versions: [], positions: {} };
      streams.set(stream, of);
      of.versions.push(version);
      const { partition, offset } = appended[i]!;
      const next = (of.positions[topic] ??= {});
      next[partition] = Math.max(next[partition] ?? 0, offset + 1);
    });
    await this.#engine.update(
      'streams',
      [...streams].map(([_id, published]) => ({ where: { _id }, published })),
    );
    this.#published();
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
    if (this.#stopping.signal.aborted || !this.#engine.isShared) return;
    // A relay that rests while it gets the lease would keep the lease, and look at nothing.
    const often = this.#busy() || this.#lease !== undefined || this.#isAsking;
    this.#timer = setTimeout(
      () => {
        if (!often || this.#lease !== undefined || this.#ticks++ % STANDBY_POLLS === 0) this.#wake();
        this.#next();
      },
      often ? this.#pollMs * (this.#lease === undefined ? 1 : this.#pause) : this.#sweepMs,
    ).unref();
  }

  /** Releases the lease. If that fails, the lease expires. */
  async #rest(): Promise<void> {
    const lease = this.#lease;
    this.#lease = undefined;
    if (lease !== undefined) await this.#leases.release(lease).catch(() => {});
  }

  /** Acquires the lease, or renews it after a third of its time. */
  async #atWork(): Promise<boolean> {
    const now = performance.now();
    if (this.#lease !== undefined && now - this.#leasedAt < this.#ttlMs / 3) return true;
    const held = this.#lease;
    this.#lease = undefined; // until the store has renewed or granted it
    this.#isAsking = true;
    try {
      const kept = held !== undefined && (await this.#leases.renew(held, this.#ttlMs));
      this.#lease = kept ? held : await this.#leases.acquire(this.#leaseName, this.#holder, this.#ttlMs);
      this.#leasedAt = now;
    } finally {
      this.#isAsking = false;
    }
    return this.#lease !== undefined;
  }
}
