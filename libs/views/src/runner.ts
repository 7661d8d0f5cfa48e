import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import { EngineUnavailable } from '@provider-access/eventlog';
import type { Batch, EventLog, LogRecord, Position, Subscription } from '@provider-access/eventlog';
import { evolveBatch } from './evolve.ts';
import { collectionName } from './port.ts';
import type { Projection, ViewStatus } from './port.ts';
import { topicPosition, viewPosition, withProgress } from './progress.ts';
import type { Build, Checkpoint, Digest, ProgressEntry, ViewStore } from './store.ts';

/** pino's shape; messages and details are PHI-free. */
export interface ViewLogger {
  info(details: object, message: string): void;
  error(details: object, message: string): void;
}

/** An evolve cannot take a record: the projection stays in front of it and tries again. Never skipped. */
export class ProjectionStopped extends Error {
  override readonly name = 'ProjectionStopped';
}

export interface RebuildResult {
  readonly view: string;
  readonly build: number;
  /** Undefined when the live view was stopped, so that the two never stood at one position. */
  readonly live?: Digest;
  readonly rebuilt?: Digest;
  readonly equal?: boolean;
  /** Resolves when the replaced build is gone. */
  readonly dropped: Promise<void>;
}

interface BuildState { readonly build: Build; readonly checkpoints: Map<string, Checkpoint> }

const BACKOFF_MS = [100, 200, 500, 1000, 2000];
const keyOf = (topic: string, partition: number): string => `${topic}/${partition}`;

/**
 * Keeps one view up to date. The view's own checkpoint is the truth: records before it are passed over, and what the
 * group has committed but the store has lost is read again from the log. Batches of a view are handled one at a time.
 */
export class ProjectionRunner {
  readonly projection: Projection;
  readonly view: string;
  readonly #log: EventLog;
  readonly #store: ViewStore;
  readonly #logger: ViewLogger | undefined;
  readonly #maxRecords: number;
  readonly #failures = new Map<string, string>();
  readonly #stopping = new AbortController();
  readonly #background = new Set<Promise<void>>();
  #live: BuildState = { build: 'live', checkpoints: new Map() };
  #building: BuildState | undefined;
  #head: Position = {};
  #turn: Promise<unknown> = Promise.resolve();
  #subscription: Subscription | undefined;

  constructor(options: { log: EventLog; store: ViewStore; projection: Projection; logger?: ViewLogger | undefined; maxRecords: number }) {
    this.#log = options.log;
    this.#store = options.store;
    this.projection = options.projection;
    this.view = collectionName(options.projection);
    this.#logger = options.logger;
    this.#maxRecords = options.maxRecords;
  }

  get #topics(): readonly string[] {
    return Object.keys(this.projection.topics);
  }

  async start(): Promise<void> {
    await this.#store.ensure(this.projection);
    const builds = await this.#store.builds(this.projection);
    if (builds?.building !== undefined) await this.#store.dropBuild(this.projection, builds.building);
    await this.#reload();
    this.#subscription = await this.#log.subscribe({
      group: `view/${this.view}`,
      topics: this.#topics,
      from: this.#position(this.#live),
      maxRecords: this.#maxRecords,
      ...(this.projection.lingerMs !== undefined && { lingerMs: this.projection.lingerMs }),
      assigned: async (partitions) => {
        await this.#exclusive(() => this.#reload());
        for (const { topic, partition } of partitions) this.#inBackground(this.#catchUp(topic, partition));
      },
      handle: (batch) => this.#exclusive(() => this.#handle(batch)),
    });
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#subscription?.stop();
    await Promise.all(this.#background);
    await this.#turn;
  }

  failure(): string | undefined {
    return this.#failures.values().next().value ?? this.#subscription?.failure();
  }

  /** Time of the last successful poll of the log, 0 before the start. */
  lastPoll(): number {
    return this.#subscription?.lastPoll() ?? 0;
  }

  async status(): Promise<ViewStatus> {
    const builds = await this.#store.builds(this.projection);
    const failure = this.failure();
    return {
      view: this.view,
      version: builds?.live ?? 0,
      documents: await this.#store.count(this.projection, 'live'),
      position: viewPosition(this.#topics, [...this.#live.checkpoints.values()]),
      ...(this.#building && { rebuilding: { version: this.#building.build as number, position: this.#position(this.#building), head: this.#head } }),
      ...(failure !== undefined && { failure }),
    };
  }

  /**
   * Builds the view again from the log beside the live one, compares the two at one position, swaps, and drops the old
   * build after `graceMs`. The log is the truth: a difference is reported and the rebuilt view wins. Throws when a
   * rebuild is running, or when evolve refuses a record; then the live view stays as it is.
   */
  rebuild(graceMs: number): Promise<RebuildResult> {
    const run = this.#rebuild(graceMs);
    this.#inBackground(run.then(() => {})); // `stop` waits for it to be abandoned
    return run;
  }

  async #rebuild(graceMs: number): Promise<RebuildResult> {
    if (this.#building !== undefined) throw new Error(`${this.view} is being rebuilt already`);
    const state: BuildState = { build: -1, checkpoints: new Map() };
    this.#building = state;
    let build: number | undefined;
    try {
      build = await this.#store.startBuild(this.projection);
      const building: BuildState = { build, checkpoints: state.checkpoints };
      this.#building = building;
      await this.#buildTo(building, () => this.#target());
      const compared = await this.#compare(building, build);
      this.#stopping.signal.throwIfAborted();
      await this.#buildTo(building, () => this.#target());
      const old = await this.#exclusive(async () => {
        await this.#fillAll(building, this.#position(this.#live));
        const replaced = await this.#store.swap(this.projection, build!);
        this.#live = { build: 'live', checkpoints: building.checkpoints };
        this.#failures.clear();
        return replaced;
      });
      this.#building = undefined;
      this.#logger?.info({ view: this.view, build, equal: compared?.equal, before: compared?.live.count, after: compared?.rebuilt.count }, 'view rebuilt and swapped in');
      const dropped = this.#dropLater(old, graceMs);
      this.#inBackground(dropped);
      return { view: this.view, build, ...compared, dropped };
    } catch (error) {
      this.#building = undefined;
      if (build !== undefined) await this.#store.dropBuild(this.projection, build).catch(() => {}); // else the next start drops it
      throw error;
    }
  }

  async #dropLater(build: number, graceMs: number): Promise<void> {
    await delay(graceMs, undefined, { signal: this.#stopping.signal }).catch(() => {});
    if (!this.#stopping.signal.aborted) await this.#store.dropBuild(this.projection, build);
  }

  async #compare(building: BuildState, build: number): Promise<{ live: Digest; rebuilt: Digest; equal: boolean } | undefined> {
    const { live } = (await this.#store.builds(this.projection))!;
    const snapshot = await this.#exclusive(async () => {
      await this.#fillAll(building, this.#position(this.#live));
      return this.#store.snapshot(this.projection, [live, build]);
    });
    try {
      const [a, b] = [snapshot.positions(live), snapshot.positions(build)];
      if (this.#topics.some((t) => JSON.stringify(a[t]) !== JSON.stringify(b[t]))) return undefined;
      const [before, after] = [await snapshot.digest(live), await snapshot.digest(build)];
      return { live: before, rebuilt: after, equal: before.count === after.count && before.hash === after.hash };
    } finally {
      snapshot.close();
    }
  }

  /** Where a rebuild goes: to the live view, or to the head when the live view cannot get there. */
  async #target(): Promise<Position> {
    this.#head = await this.#log.head(this.#topics);
    return this.#failures.size > 0 ? this.#head : this.#position(this.#live);
  }

  async #buildTo(state: BuildState, target: () => Promise<Position>): Promise<void> {
    for (;;) {
      const goal = await target();
      if (!this.#topics.some((t) => (goal[t] ?? []).some((next, p) => next > this.#next(state, t, p)))) return;
      await this.#fillAll(state, goal);
    }
  }

  async #fillAll(state: BuildState, goal: Position): Promise<void> {
    for (const topic of this.#topics) {
      for (const [partition, until] of (goal[topic] ?? []).entries()) await this.#fill(state, topic, partition, until);
    }
  }

  /** Reads the log itself, from the checkpoint up to `until`. Offsets that compaction took are passed. */
  async #fill(state: BuildState, topic: string, partition: number, until: number): Promise<void> {
    while (this.#next(state, topic, partition) < until) {
      this.#stopping.signal.throwIfAborted();
      const records = (await this.#log.read(topic, partition, this.#next(state, topic, partition), this.#maxRecords)).filter((r) => r.offset < until);
      if (records.length === 0) await this.#process(state, topic, partition, [], until);
      else await this.#process(state, topic, partition, records, records.at(-1)!.offset + 1);
      await nextTurn();
    }
  }

  async #catchUp(topic: string, partition: number): Promise<void> {
    for (let attempt = 0; !this.#stopping.signal.aborted; attempt++) {
      try {
        const committed = await this.#log.committed(`view/${this.view}`, [topic]);
        await this.#exclusive(() => this.#fill(this.#live, topic, partition, committed[topic]?.[partition] ?? 0));
        return;
      } catch {
        await delay(BACKOFF_MS[Math.min(attempt, BACKOFF_MS.length - 1)], undefined, { signal: this.#stopping.signal }).catch(() => {});
      }
    }
  }

  async #handle({ topic, partition, records }: Batch): Promise<void> {
    const first = records[0];
    if (first === undefined) return;
    if (first.offset > this.#next(this.#live, topic, partition)) await this.#fill(this.#live, topic, partition, first.offset);
    const next = this.#next(this.#live, topic, partition);
    const news = first.offset >= next ? records : records.filter((r) => r.offset >= next);
    if (news.length > 0) await this.#process(this.#live, topic, partition, news, news.at(-1)!.offset + 1);
  }

  async #process(state: BuildState, topic: string, partition: number, records: readonly LogRecord[], until: number): Promise<void> {
    const evolve = this.projection.topics[topic]!;
    for (let attempt = 0; ; attempt++) {
      const { ops, progress, stop } = await evolveBatch(evolve, { topic, partition, records }, (ids) => this.#store.parts(this.projection, state.build, evolve.part, ids));
      const known = state.checkpoints.get(keyOf(topic, partition))?.progress ?? [];
      const next = stop?.offset ?? until;
      const checkpoint: Checkpoint = { topic, partition, next, progress: progress.length === 0 ? known : this.#withProgress(state, { topic, partition, next, progress: known }, progress) };
      const refused = await this.#store.apply(this.projection, state.build, ops, checkpoint);
      if (refused.length > 0) {
        // Another instance wrote the same part from another partition: load and evolve again.
        if (attempt < 20) continue;
        throw new EngineUnavailable(`${this.view}: ${refused.length} documents kept changing under the write`);
      }
      state.checkpoints.set(keyOf(topic, partition), checkpoint);
      if (stop !== undefined) this.#stop(state, topic, partition, stop.sentence);
      if (state === this.#live) this.#failures.delete(keyOf(topic, partition));
      return;
    }
  }

  #stop(state: BuildState, topic: string, partition: number, sentence: string): never {
    const message = `${this.view}: ${sentence}`;
    if (state === this.#live) {
      if (this.#failures.get(keyOf(topic, partition)) !== message) this.#logger?.error({ view: this.view, topic, partition }, message);
      this.#failures.set(keyOf(topic, partition), message);
    }
    throw new ProjectionStopped(message);
  }

  async #reload(): Promise<void> {
    const checkpoints = await this.#store.checkpoints(this.projection, 'live');
    this.#live = { build: 'live', checkpoints: new Map(checkpoints.map((c) => [keyOf(c.topic, c.partition), c])) };
  }

  #next(state: BuildState, topic: string, partition: number): number {
    return state.checkpoints.get(keyOf(topic, partition))?.next ?? 0;
  }

  #position(state: BuildState): Position {
    return topicPosition(this.#topics, [...state.checkpoints.values()]);
  }

  #withProgress(state: BuildState, ahead: Checkpoint, heard: readonly ProgressEntry[]): readonly ProgressEntry[] {
    const others = [...state.checkpoints.values()].filter((c) => c.topic !== ahead.topic || c.partition !== ahead.partition);
    return withProgress(ahead.progress, heard, topicPosition(this.#topics, [...others, ahead]), others.flatMap((c) => c.progress));
  }

  /** One at a time, in the order of the calls: a batch, a swap, a reload. */
  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const run = this.#turn.then(work);
    this.#turn = run.catch(() => {});
    return run;
  }

  #inBackground(work: Promise<void>): void {
    const tracked = work.catch(() => {}).finally(() => this.#background.delete(tracked));
    this.#background.add(tracked);
  }
}
