import { setTimeout as sleep } from 'node:timers/promises';
import type { EachBatchPayload } from 'kafkajs';
import type { Batch, LogRecord, Position, SubscribeOptions, Subscription } from '../port.ts';
import { DEFAULT_MAX_BYTES, DEFAULT_MAX_RECORDS } from '../local/group.ts';
import type { Cluster } from './cluster.ts';
import { errorType } from './errors.ts';
import { Member } from './member.ts';
import type { Settings } from './options.ts';
import { Place, positionOf } from './place.ts';
import { cut, toRecord } from './records.ts';
import { commitStarts } from './starts.ts';

/** A consumer that lived for so long crashed for a new reason, ms. */
const STEADY_MS = 60_000;

/** A member of a consumer group: kafkajs's consumer by its recipe, built anew after every crash. */
export class Subscriber implements Subscription {
  readonly #settings: Settings;
  readonly #options: SubscribeOptions;
  readonly #cluster: Cluster;
  readonly #places = new Map<string, Place>();
  readonly #wake = new AbortController();
  #member: Member | undefined;
  #running: Promise<void> | undefined;
  #failure: string | undefined;
  #assignFailure: string | undefined;
  #lastPoll = Date.now();
  #joinedOnce: (() => void) | undefined;

  constructor(settings: Settings, options: SubscribeOptions, cluster: Cluster) {
    this.#settings = settings;
    this.#options = options;
    this.#cluster = cluster;
  }

  /**
   * Resolves when it has joined its group, or after the read timeout: from then on `failure` says what is the matter. It does not wait for a group
   * that has members already: those handle the records, and make room at their next heartbeats.
   */
  async start(): Promise<void> {
    const { topicPrefix, groupPrefix, readTimeoutMs } = this.#settings;
    const topics = [...new Set(this.#options.topics)];
    const names = topics.map((topic) => topicPrefix + topic);
    const group = groupPrefix + this.#options.group;
    await commitStarts(this.#cluster, group, topicPrefix, topics, this.#options.from ?? 'earliest');
    let concurrency = 0;
    for (const name of names) concurrency += await this.#cluster.partitions(name);
    const joined = new Promise<void>((resolve) => (this.#joinedOnce = resolve));
    const alone = await this.#cluster.isEmpty(group);
    this.#running = this.#run(group, names, concurrency);
    if (alone) await Promise.race([joined, sleep(readTimeoutMs, undefined, { signal: this.#wake.signal, ref: false }).catch(() => undefined)]);
  }

  async stop(): Promise<void> {
    this.#wake.abort();
    for (const { timer } of this.#places.values()) clearTimeout(timer);
    await Promise.all([...this.#places.values()].map(({ handling }) => handling));
    await this.#member?.stop();
    await this.#running;
  }

  position(): Position {
    return positionOf(this.#places.values());
  }

  failure(): string | undefined {
    const places = [...this.#places.values()].filter(({ mine }) => mine);
    const loss = places.find((place) => place.loss !== undefined)?.loss;
    return loss ?? this.#failure ?? this.#assignFailure ?? places.find(({ failure }) => failure !== undefined)?.failure;
  }

  lastPoll(): number {
    return this.#lastPoll;
  }

  get #stopping(): boolean {
    return this.#wake.signal.aborted;
  }

  async #run(group: string, topics: readonly string[], concurrency: number): Promise<void> {
    let former: string | undefined;
    for (let failures = 0; !this.#stopping; failures++) {
      if (former !== undefined && !(await this.#cluster.leave(group, former).then(() => true, () => false))) {
        await this.#pause(failures);
        continue;
      }
      const began = performance.now();
      const member = (this.#member = new Member({
        settings: this.#settings, group, topics, concurrency,
        each: (of, payload) => this.#each(of, payload),
        joined: (of, assignment, kept) => this.#joined(of, assignment, kept),
        polled: () => (this.#lastPoll = Date.now()),
        holding: () => [...this.#places.values()].some(({ mine, ready, timer }) => mine && (!ready || timer !== undefined)),
        outOfRange: (name, partition) => this.#lost(this.#place(name, partition)),
      }));
      const stopped = new Promise<undefined>((resolve) => this.#wake.signal.addEventListener('abort', () => resolve(undefined), { once: true }));
      const error = await Promise.race([member.run(), stopped]);
      if (error === undefined) return;
      former = member.memberId;
      member.discard();
      for (const place of this.#places.values()) place.release();
      this.#failure = `the consumer ended and is built anew: ${errorType(error)}`;
      this.#settings.metrics.consumer?.(this.#options.group, 'rebuilt');
      this.#settings.logger?.warn({ group, errorType: errorType(error) }, 'a consumer is built anew');
      if (performance.now() - began > STEADY_MS) failures = 0;
      await this.#pause(failures);
    }
  }

  #place(name: string, partition: number): Place {
    const key = `${name}/${partition}`;
    let place = this.#places.get(key);
    if (place === undefined) this.#places.set(key, (place = new Place(name.slice(this.#settings.topicPrefix.length), name, partition)));
    return place;
  }

  #lost(place: Place): void {
    place.lost();
    this.#settings.metrics.consumer?.(this.#options.group, 'retention-loss');
    this.#settings.logger?.error({ group: this.#options.group, topic: place.topic, partition: place.partition }, 'retention removed records before this group had read them: it goes on at the earliest that is left');
  }

  #joined(member: Member, assignment: Readonly<Record<string, readonly number[]>>, kept: boolean): void {
    this.#settings.metrics.consumer?.(this.#options.group, kept ? 'rebalanced' : 'joined');
    this.#failure = undefined;
    this.#assignFailure = undefined;
    const now = new Set(Object.entries(assignment).flatMap(([name, partitions]) => partitions.map((partition) => this.#place(name, partition))));
    for (const place of this.#places.values()) if (place.mine && (!kept || !now.has(place))) place.release();
    const gained = [...now].filter(({ mine }) => !mine);
    const claim = {};
    for (const place of gained) place.gain(claim);
    // Pauses belong to the consumer, not to a generation.
    for (const place of now) if (place.timer === undefined) member.resume(place.name, place.partition);
    void this.#find(gained);
    void this.#assign(member, claim, gained);
    this.#joinedOnce?.();
  }

  /** Where the group is in what it got: for `position`, which has to know partitions without records too. */
  async #find(gained: readonly Place[]): Promise<void> {
    const names = [...new Set(gained.map(({ name }) => name))];
    if (names.length === 0) return;
    try {
      const [committed, earliest] = await Promise.all([this.#cluster.committed(this.#settings.groupPrefix + this.#options.group, names), this.#cluster.offsets(names, true)]);
      for (const place of gained) {
        const [at, first] = [committed.get(place.name)?.[place.partition], earliest.get(place.name)?.[place.partition] ?? 0];
        if (at !== undefined && at < first) this.#lost(place);
        place.next = Math.max(place.next, at ?? 0, first);
      }
    } catch {
      // Their first batch tells it as well.
    }
  }

  async #assign(member: Member, claim: object, gained: readonly Place[]): Promise<void> {
    const current = (): Place[] => (this.#stopping || member !== this.#member ? [] : gained.filter((place) => place.claim === claim && !place.ready));
    for (let failures = 0; current().length > 0; failures++) {
      try {
        await this.#options.assigned?.(current().map(({ topic, partition }) => ({ topic, partition })));
        this.#assignFailure = undefined;
        for (const place of current()) {
          place.ready = true;
          member.resume(place.name, place.partition);
        }
      } catch (error) {
        this.#assignFailure = `assigned: ${error instanceof Error ? error.name : 'an unknown error'}`;
        await this.#pause(failures);
      }
    }
  }

  async #each(member: Member, payload: EachBatchPayload): Promise<void> {
    const place = this.#place(payload.batch.topic, payload.batch.partition);
    // A consumer that crashed has waited for its handlers; a stop that came too late for it has not.
    await place.handling;
    if (this.#stopping || member !== this.#member || !place.mine) return;
    if (!place.ready) return member.pause(place.name, place.partition);
    const lingerMs = this.#options.lingerMs ?? 0;
    if (lingerMs > 0 && !place.ripe && payload.batch.messages.length < (this.#options.maxRecords ?? DEFAULT_MAX_RECORDS)) {
      place.ripe = true;
      return this.#hold(member, place, lingerMs);
    }
    place.ripe = false;
    const handling = this.#handle(member, place, payload);
    place.handling = handling.catch(() => undefined);
    return handling;
  }

  async #handle(member: Member, place: Place, payload: EachBatchPayload): Promise<void> {
    const records = payload.batch.messages.map((message) => toRecord(place.topic, place.partition, message));
    for (let at = 0; at < records.length; ) {
      if (this.#stopping || payload.isStale() || !payload.isRunning()) return;
      // Before the first record and between handlers that are each too short for one: on an error nothing is in flight.
      await member.heartbeat(payload);
      const part = cut(records, at, this.#options.maxRecords ?? DEFAULT_MAX_RECORDS, this.#options.maxBytes ?? DEFAULT_MAX_BYTES);
      at += part.length;
      const lost = await this.#deliver(member, place, part, payload);
      if (place.failures > 0) {
        if (lost !== undefined) throw lost;
        return this.#hold(member, place, Math.min(this.#settings.backoff.maxMs, this.#settings.backoff.firstMs * 2 ** (place.failures - 1)));
      }
      await this.#commit(place, payload, part, at === records.length);
      if (lost !== undefined) throw lost;
    }
  }

  /** A commit that fails brings the same records again, so that no offset stays uncommitted behind the last record of a quiet partition. */
  async #commit(place: Place, payload: EachBatchPayload, handled: readonly LogRecord[], all: boolean): Promise<void> {
    const { offset } = handled[handled.length - 1]!;
    const before = place.next;
    // What compaction and transactions left behind the last record belongs to it.
    place.next = (all ? Number(payload.batch.lastOffset()) : offset) + 1;
    try {
      await payload.commitOffsetsIfNecessary({ topics: [{ topic: place.name, partitions: [{ partition: place.partition, offset: String(place.next) }] }] });
    } catch (error) {
      place.next = before;
      throw error;
    }
    payload.resolveOffset(String(offset));
  }

  /** Gives one batch to the handler, with heartbeats. Returns the first heartbeat that failed; `place.failures` says how the handler fared. */
  async #deliver(member: Member, place: Place, records: readonly LogRecord[], payload: EachBatchPayload): Promise<unknown> {
    const { ownership } = member;
    const batch: Batch = { topic: place.topic, partition: place.partition, records, owned: () => place.mine && ownership.held() };
    let lost: unknown;
    const beat = setInterval(() => {
      member.heartbeat(payload).catch((error: unknown) => (lost ??= error));
    }, this.#settings.heartbeatIntervalMs / 2);
    try {
      await this.#options.handle(batch);
      place.handled();
    } catch (error) {
      place.failed(error);
    } finally {
      clearInterval(beat);
    }
    return lost;
  }

  /** Leaves a partition alone for a while: kafkajs fetches the same records again, and the others meanwhile. */
  #hold(member: Member, place: Place, ms: number): void {
    member.pause(place.name, place.partition);
    clearTimeout(place.timer);
    place.timer = setTimeout(() => {
      place.timer = undefined;
      if (member === this.#member) member.resume(place.name, place.partition);
    }, ms);
  }

  async #pause(failures: number): Promise<void> {
    const { firstMs, maxMs } = this.#settings.backoff;
    await sleep(Math.min(maxMs, firstMs * 2 ** Math.min(failures, 16)), undefined, { signal: this.#wake.signal }).catch(() => undefined);
  }
}
