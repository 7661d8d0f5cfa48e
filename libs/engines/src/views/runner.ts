import { setTimeout as delay } from 'node:timers/promises';
import { Backlog, backoffMs, type Batch, EngineUnavailable, pause, type Subscription } from '../log/index.ts';
import { BatchTurns } from './batch-turns.ts';
import { BuildWriter, keyOf, ProjectionStopped, type ViewContext } from './build-writer.ts';
import { DocumentCount } from './document-count.ts';
import { PASSED_OVER_ID, type PassedOverNote } from './evolve.ts';
import { collectionName, type Projection } from './projection.ts';
import type { ViewLag, ViewStatus } from './port.ts';
import { beyond, topicPosition, viewPosition } from './progress.ts';
import { BACKOFF, behind, type LiveView, Rebuild } from './rebuild.ts';
import { planLoad } from './query.ts';
import { CheckpointMoved, EnsureError } from './store.ts';
import { untilNext } from './ticks.ts';

/**
 * How often the runner tries a batch whose checkpoint moves or whose build is being replaced, and the longest wait
 * between two attempts.
 */
const ATTEMPTS = 60;
const WAIT_MS = 50;
/**
 * How often, and how many ms apart, the runner checks a log that seems too short before it concludes that it is another
 * log. A broker that has just restarted may answer with an old head.
 */
const LOOKS_AT_THE_LOG = 6;
const LOOK_AT_THE_LOG_MS = 500;
/** How often a start checks whether the view has caught up, and how often it logs the progress. */
const CATCH_UP_MS = 50;
const TELL_EVERY_MS = 10_000;

/** How long the group's offset may stay behind the checkpoint, which decides, ms. */
const COMMIT_MS = 15_000;

/** How often the runner compares the incarnation of the store. */
const LOOK_MS = 1000;

/**
 * Keeps one view up to date. The checkpoints in the store decide: records before them are skipped, and records that the
 * group has committed but the store has lost are read again from the log. Several instances may run for one view, each
 * for its partitions of the group. Two instances with the same partition for a moment do no harm. Of each partition a
 * process handles one batch at a time.
 */
export class ProjectionRunner implements LiveView {
  readonly projection: Projection;
  readonly view: string;
  readonly rebuilds: Rebuild;
  readonly #context: ViewContext;
  readonly #verifyMs: number;
  readonly #failures = new Map<string, string>();
  readonly #stopping = new AbortController();
  readonly #background = new Set<Promise<unknown>>();
  readonly #backlog: Backlog;
  readonly #documents: DocumentCount;
  #live: BuildWriter | undefined;
  /** The incarnation of the store at the last successful check of the view. */
  #ensuredIn: number | undefined;
  /** The live build at the last successful check of its indexes. */
  #ensuredBuild: number | undefined;
  /** What the live build lacks, for example an index. Until it exists, the build is neither written nor read. */
  #unfit: string | undefined;
  /** Set when the log ends before the position of the view. This process then reads no more from the log. */
  #foreign: string | undefined;
  readonly #turns: BatchTurns<BuildWriter>;
  #turn: Promise<unknown> = Promise.resolve();
  #subscription: Subscription | undefined;

  constructor(context: ViewContext & { readonly verifyMs: number }) {
    this.#context = context;
    this.#verifyMs = context.verifyMs;
    this.#backlog = new Backlog(context.log);
    this.#documents = new DocumentCount(context.store, context.projection);
    this.projection = context.projection;
    this.view = collectionName(context.projection);
    this.rebuilds = new Rebuild(context, this, this.#stopping.signal);
    this.#turns = new BatchTurns({
      exclusive: (work) => this.exclusive(work),
      writerFor: ({ topic, partition }) => this.#current(topic, partition),
      once: (batch, writer) => this.#once(batch, writer),
      alone: (batch) => this.#handle(batch),
    });
  }

  get #topics(): readonly string[] {
    return Object.keys(this.projection.topics);
  }

  async start(): Promise<void> {
    await this.#reload();
    await this.#sameLog();
    await this.#dropExpired();
    this.#subscription = await this.#context.log.subscribe({
      group: `view/${this.view}`,
      topics: this.#topics,
      from: this.#live!.position(),
      maxRecords: this.#context.maxRecords,
      lingerMs: this.projection.lingerMs,
      commitMs: COMMIT_MS,
      assigned: async (partitions) => {
        await this.exclusive(() => this.#reload());
        for (const { topic, partition } of partitions) this.inBackground(this.#catchUp(topic, partition, 0));
      },
      // A store of this process has no commands to save, and parts of one document would get in each other's way.
      handle: (batch) =>
        this.#context.store.shared ? this.#turns.handle(batch) : this.exclusive(() => this.#handle(batch)),
    });
    if (this.#verifyMs > 0) this.inBackground(this.#verify());
  }

  /**
   * Resolves when this or another instance has brought the view to the heads of the log at the call, or when the view
   * cannot advance. So a new view, or one that was not kept up to date, gives no stale answers. Throws
   * EngineUnavailable.
   */
  async caughtUp(): Promise<void> {
    const { store, log, logger } = this.#context;
    const goal = await log.head(this.#topics);
    for (
      let loggedAt = performance.now();
      !this.#stopping.signal.aborted && this.#failures.size === 0 && this.#foreign === undefined;
    ) {
      const left = behind(topicPosition(this.#topics, await store.checkpoints(this.projection, 'live')), goal);
      if (left === 0) return;
      if (performance.now() - loggedAt > TELL_EVERY_MS) {
        loggedAt = performance.now();
        logger?.info({ view: this.view, behind: left }, 'a view reads the log up to its head');
      }
      await pause(CATCH_UP_MS, this.#stopping.signal);
    }
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#subscription?.stop();
    await Promise.all(this.#background);
    await this.#turn;
  }

  failure(): string | undefined {
    return this.#foreign ?? this.#unfit ?? this.#failures.values().next().value ?? this.#subscription?.failure();
  }

  /** Time of the last successful poll of the log, 0 before the start. */
  lastPoll(): number {
    return this.#subscription?.lastPoll() ?? 0;
  }

  async status(): Promise<ViewStatus> {
    const { store, log } = this.#context;
    const builds = await store.builds(this.projection, true);
    const checkpoints = await store.checkpoints(this.projection, 'live');
    const failure = this.failure();
    const head = await log.head(this.#topics);
    const passedOver = await this.passedOver();
    const position = viewPosition(this.#topics, checkpoints);
    const documents = await this.#documents.of(builds?.live, behind(position.topics, head) > 0);
    return {
      view: this.view,
      version: builds?.live ?? 0,
      documents: documents - (passedOver > 0 ? 1 : 0),
      position,
      head,
      ...(builds?.previous !== undefined && { previous: builds.previous }),
      ...(builds?.building !== undefined && {
        rebuilding: {
          version: builds.building,
          position: topicPosition(this.#topics, await store.checkpoints(this.projection, builds.building)),
          head,
        },
      }),
      ...(failure !== undefined && { failure }),
      ...(passedOver > 0 && { passedOver }),
    };
  }

  /** Records that the live build passed over. */
  async passedOver(): Promise<number> {
    return [...(await this.#notes()).values()].reduce((sum, { records }) => sum + records, 0);
  }

  /** The notes of the live build about passed-over records, by topic. */
  async #notes(): Promise<ReadonlyMap<string, PassedOverNote['passedOver']>> {
    const [document] = await this.#context.store.getMany(this.projection, [PASSED_OVER_ID], planLoad(this.projection));
    return new Map(
      this.#topics.flatMap((topic) => {
        const note = document?.[this.projection.topics[topic]!.part] as PassedOverNote | undefined;
        return note === undefined ? [] : [[topic, note.passedOver] as const];
      }),
    );
  }

  /** The lag by topic over all partitions, of all instances. The age counts passed-over records. */
  async lag(): Promise<readonly ViewLag[]> {
    const { store, log } = this.#context;
    const position = topicPosition(this.#topics, await store.checkpoints(this.projection, 'live'));
    const head = await log.head(this.#topics);
    const notes = await this.#notes();
    return Promise.all(
      this.#topics.map(async (topic) => {
        const { records, since: waiting = Infinity } = await this.#backlog.behind(topic, position, head);
        const since = Math.min(waiting, notes.get(topic)?.since ?? Infinity);
        return { view: this.view, topic, behind: records, ...(since !== Infinity && { since }) };
      }),
    );
  }

  /** Number of builds that are kept up to date: the live one, and an unfinished one. */
  async builds(): Promise<number> {
    return (await this.#context.store.builds(this.projection))?.building === undefined ? 1 : 2;
  }

  stopped(): boolean {
    return this.#failures.size > 0;
  }

  adopt(writer: BuildWriter): void {
    this.#live = writer;
    this.#failures.clear();
  }

  async #handle(batch: Batch): Promise<void> {
    const { topic, partition } = batch;
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#once(batch, await this.#current(topic, partition));
        return;
      } catch (error) {
        if (!(error instanceof CheckpointMoved)) throw error;
        if (attempt >= ATTEMPTS || this.#stopping.signal.aborted)
          throw new EngineUnavailable(`${this.view}: the checkpoint of ${topic}/${partition} keeps moving`);
        await this.#reload();
        if (attempt > 1) await pause(Math.min(2 ** attempt, WAIT_MS), this.#stopping.signal);
      }
    }
  }

  async #once(batch: Batch, writer: BuildWriter): Promise<void> {
    const { topic, partition } = batch;
    if (this.#foreign !== undefined) throw new EngineUnavailable(this.#foreign);
    try {
      // A record before the checkpoint is a redelivery, or a sign that an older copy of the log was restored.
      if (batch.records.length > 0 && batch.records.at(-1)!.offset < writer.next(topic, partition))
        await this.#sameLog();
      await writer.handle(batch, this.#stopping.signal);
      this.#failures.delete(keyOf(topic, partition));
    } catch (error) {
      if (error instanceof ProjectionStopped) this.#note(topic, partition, error);
      throw error;
    }
  }

  /**
   * A log that ends before the position of the view is another log. Its next records would be skipped as duplicates.
   * Throws EngineUnavailable.
   */
  async #sameLog(): Promise<void> {
    const position = topicPosition(this.#topics, await this.#context.store.checkpoints(this.projection, 'live'));
    let place = beyond(position, await this.#context.log.head(this.#topics));
    for (let look = 1; look < LOOKS_AT_THE_LOG && place !== undefined; look++) {
      await delay(LOOK_AT_THE_LOG_MS, undefined, { signal: this.#stopping.signal });
      place = beyond(position, await this.#context.log.head(this.#topics));
    }
    if (place === undefined) return;
    this.#foreign =
      `${this.view} has read ${place.topic}/${place.partition} up to ${place.at}, and the log ends at ` +
      `${place.head}: an older copy of the log was restored (/docs/backup.html)`;
    this.#context.logger?.error({ view: this.view, topic: place.topic, partition: place.partition }, this.#foreign);
    throw new EngineUnavailable(this.#foreign);
  }

  #note(topic: string, partition: number, { message }: ProjectionStopped): void {
    if (this.#failures.get(keyOf(topic, partition)) !== message)
      this.#context.logger?.error({ view: this.view, topic, partition }, message);
    this.#failures.set(keyOf(topic, partition), message);
  }

  /**
   * The live build that this process knows. Noticing a swap late does no harm, because the replaced build is sealed. If
   * it was dropped since, a checkpoint that exists in memory cannot be moved any more. Only a first checkpoint could
   * begin a dropped build again, so the runner asks which build is live before it.
   */
  async #current(topic: string, partition: number): Promise<BuildWriter> {
    if (this.#live !== undefined && this.#live.next(topic, partition) > 0) return this.#live;
    const builds = await this.#context.store.builds(this.projection);
    if (builds === undefined || builds.live !== this.#live?.build) await this.#reload();
    return this.#live!;
  }

  /**
   * Asks the store which build is live and what its position is. Records that the store has lost are read again from
   * the log.
   */
  async #reload(): Promise<void> {
    const { store } = this.#context;
    const incarnation = store.incarnation();
    let builds = await store.builds(this.projection, true);
    // The engine may have lost the view or one of its indexes, and a build of another process may lack an index.
    while (builds === undefined || incarnation !== this.#ensuredIn || builds.live !== this.#ensuredBuild) {
      this.#ensuredBuild = await this.#ensure();
      this.#ensuredIn = incarnation;
      builds = await store.builds(this.projection, true);
    }
    const writer = this.#live?.build === builds.live ? this.#live : new BuildWriter(this.#context, builds.live);
    const lost = await writer.reload();
    this.#live = writer;
    for (const { topic, partition, until } of lost) {
      this.#context.logger?.error(
        { view: this.view, topic, partition, until, next: writer.next(topic, partition) },
        'the view store lost data: reading it again from the log',
      );
      this.inBackground(this.#catchUp(topic, partition, until));
    }
  }

  async #ensure(): Promise<number> {
    try {
      const build = await this.#context.store.ensure(this.projection);
      this.#unfit = undefined;
      return build;
    } catch (error) {
      if (error instanceof EnsureError && this.#unfit !== error.message) {
        this.#unfit = error.message;
        this.#context.logger?.error({ view: this.view }, error.message);
      }
      throw error;
    }
  }

  /**
   * Reads up to the committed offset of the group, because those records are not delivered again, and at least to
   * `until`.
   */
  async #catchUp(topic: string, partition: number, until: number): Promise<void> {
    for (let attempt = 0; !this.#stopping.signal.aborted; attempt++) {
      try {
        const committed = await this.#context.log.committed(`view/${this.view}`, [topic]);
        const goal = Math.max(committed[topic]?.[partition] ?? 0, until);
        await this.exclusive(async () =>
          (await this.#current(topic, partition)).fill(topic, partition, goal, this.#stopping.signal),
        );
        this.#failures.delete(keyOf(topic, partition));
        return;
      } catch (error) {
        if (error instanceof ProjectionStopped) this.#note(topic, partition, error);
        await pause(backoffMs(BACKOFF, attempt), this.#stopping.signal);
        if (error instanceof CheckpointMoved) await this.exclusive(() => this.#reload()).catch(() => undefined);
      }
    }
  }

  /**
   * A shared store may lose data while no batch arrives. So the runner checks the view after a change of the store's
   * incarnation, while the view lacks something, and at intervals.
   */
  async #verify(): Promise<void> {
    for (let asked = performance.now(), incarnation: number | undefined; !this.#stopping.signal.aborted;) {
      const everyMs = Math.min(this.#verifyMs, LOOK_MS);
      await pause(untilNext(everyMs, performance.now()), this.#stopping.signal, false);
      if (this.#stopping.signal.aborted) return;
      const now = this.#context.store.incarnation();
      if (now === incarnation && this.#unfit === undefined && performance.now() - asked < this.#verifyMs) continue;
      asked = performance.now();
      incarnation = await this.exclusive(() => this.#reload()).then(
        () => now,
        () => undefined,
      ); // unavailable; the next check tries again
      await this.#dropExpired().catch(() => undefined);
    }
  }

  async #dropExpired(): Promise<void> {
    const { store } = this.#context;
    const { previous, keepUntil } = (await store.builds(this.projection)) ?? {};
    if (previous !== undefined && keepUntil !== undefined && keepUntil < Date.now())
      await store.dropBuild(this.projection, previous);
  }

  /** Runs batches, swaps and reloads one at a time, in the order of the calls. */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    const run = this.#turn.then(work);
    this.#turn = run.catch(() => {});
    return run;
  }

  inBackground(work: Promise<unknown>): void {
    const tracked: Promise<unknown> = work.catch(() => {}).finally(() => this.#background.delete(tracked));
    this.#background.add(tracked);
  }
}
