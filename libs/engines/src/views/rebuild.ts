import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type Backoff, backoffMs, EngineUnavailable, pause, type Position } from '../log/index.ts';
import { BuildWriter, ProjectionStopped, type ViewContext } from './build-writer.ts';
import { digestsOf } from './compare.ts';
import { collectionName } from './projection.ts';
import { topicPosition } from './progress.ts';
import { type Checkpoint, CheckpointMoved, type Digest } from './store.ts';

export interface RebuildResult {
  readonly view: string;
  readonly build: number;
  /** Undefined after a rollback, and if the live view could not advance to the position of the other build. */
  readonly live?: Digest;
  readonly rebuilt?: Digest;
  readonly equal?: boolean;
}

/** The part of the runner of the live view that a rebuild uses. */
export interface LiveView {
  /** Runs work while no batch is handled. */
  exclusive<T>(work: () => Promise<T>): Promise<T>;
  /** Whether the live view cannot advance in a partition. Then a rebuild goes to the head. */
  stopped(): boolean;
  /** Writes further batches to this build. */
  adopt(writer: BuildWriter): void;
  /** Work for whose end a stop waits. */
  inBackground(work: Promise<unknown>): void;
}

/** A rebuild, rollback or abandonment is not possible now. The message has the reason. */
export class RebuildRefused extends Error {
  override readonly name = 'RebuildRefused';
}

const LEASE_MS = 15_000;
export const BACKOFF: Backoff = { firstMs: 100, maxMs: 2000 };
/** The live view may advance as fast as the build. After this many rounds without a smaller gap it is sealed anyway. */
const PATIENCE = 2;

/**
 * Builds a view from the log beside the live one, and swaps it in. The next `rebuild` continues an unfinished build
 * from its checkpoints.
 *
 * The swap has three steps. First the live build is sealed, so that no instance moves its position. Then the new build
 * reads the log up to exactly that position. Then one change of the registry makes it live. So no reader sees the
 * position go back, and no batch of a writer is lost.
 */
export class Rebuild {
  readonly #context: ViewContext;
  readonly #live: LiveView;
  readonly #view: string;
  readonly #stopping: AbortSignal;
  readonly #holder = randomUUID();
  #running: { readonly abort: AbortController; readonly done: Promise<unknown> } | undefined;

  constructor(context: ViewContext, live: LiveView, stopping: AbortSignal) {
    this.#context = context;
    this.#live = live;
    this.#view = collectionName(context.projection);
    this.#stopping = stopping;
  }

  /** Continues an unfinished build, or starts one, which drops the kept previous build. */
  rebuild(graceMs: number): Promise<RebuildResult> {
    return this.#run(graceMs, true, async () => {
      const { store, projection } = this.#context;
      const { building, previous } = (await store.builds(projection, true))!;
      if (building !== undefined) return building;
      // The swap would drop it anyway. Now its space is free for the new build, so that no engine ever holds three.
      if (previous !== undefined) await store.dropBuild(projection, previous);
      return store.startBuild(projection);
    });
  }

  /** Brings the kept previous build up to date and swaps it in again. */
  rollback(graceMs: number): Promise<RebuildResult> {
    return this.#run(graceMs, false, async () => {
      const { store, projection } = this.#context;
      if ((await store.builds(projection, true))!.building !== undefined)
        throw new RebuildRefused(`${this.#view} is being rebuilt: abandon that first`);
      const build = await store.reopen(projection);
      if (build === undefined) throw new RebuildRefused(`${this.#view} has no previous build`);
      return build;
    });
  }

  /** Abandons the unfinished build, whichever process works on it. Returns false when there is none. */
  async abandon(): Promise<boolean> {
    const { store, projection } = this.#context;
    this.#running?.abort.abort(new RebuildRefused(`the rebuild of ${this.#view} was abandoned`));
    await this.#running?.done;
    const { building } = (await store.builds(projection, true)) ?? {};
    if (building === undefined) return false;
    await store.dropBuild(projection, building);
    return true;
  }

  #run(graceMs: number, compare: boolean, begin: () => Promise<number>): Promise<RebuildResult> {
    if (this.#running !== undefined)
      return Promise.reject(new RebuildRefused(`${this.#view} is being rebuilt already`));
    const abort = new AbortController();
    const run = begin().then((build) => this.#leased(build, graceMs, compare, abort));
    const done = run.catch(() => undefined).finally(() => (this.#running = undefined));
    this.#running = { abort, done };
    this.#live.inBackground(done);
    return done.then(() => run);
  }

  async #leased(build: number, graceMs: number, compare: boolean, abort: AbortController): Promise<RebuildResult> {
    const { store, projection } = this.#context;
    if (!(await store.lease(projection, build, this.#holder, LEASE_MS)))
      throw new RebuildRefused(`${this.#view} is being rebuilt by another instance`);
    const renewing = setInterval(() => {
      store.lease(projection, build, this.#holder, LEASE_MS).then(
        (held) => {
          if (!held) abort.abort(new RebuildRefused(`the rebuild of ${this.#view} was taken over or abandoned`));
        },
        () => undefined,
      ); // the store is unavailable, which the work itself notices
    }, LEASE_MS / 3);
    try {
      return await this.#build(build, graceMs, compare, AbortSignal.any([abort.signal, this.#stopping]));
    } catch (error) {
      // After an error of the projection itself, a retry would fail again. After any other error, the next `rebuild`
      // continues where this one stopped.
      if (error instanceof ProjectionStopped) await store.dropBuild(projection, build).catch(() => undefined);
      else await store.release(projection, build, this.#holder).catch(() => undefined);
      throw error;
    } finally {
      clearInterval(renewing);
    }
  }

  async #build(build: number, graceMs: number, compare: boolean, signal: AbortSignal): Promise<RebuildResult> {
    const { store, projection, logger } = this.#context;
    const writer = new BuildWriter(this.#context, build);
    await this.#approach(writer, signal);
    const compared = compare ? await this.#compare(writer, signal) : undefined;
    await store.announceSwap(projection);
    await this.#approach(writer, signal);
    signal.throwIfAborted();
    const older = (await store.builds(projection))!.previous;
    const replaced = await this.#live.exclusive(() =>
      this.#sealed(writer, signal, async () => {
        const was = await store.swap(projection, build, Date.now() + graceMs);
        this.#live.adopt(writer);
        return was;
      }),
    );
    // If this fails, the next start drops the older build.
    if (older !== undefined) await store.dropBuild(projection, older).catch(() => undefined);
    logger?.info(
      { view: this.#view, build, equal: compared?.equal, before: compared?.live.count, after: compared?.rebuilt.count },
      'view swapped in',
    );
    this.#live.inBackground(this.#dropLater(replaced, graceMs));
    return { view: this.#view, build, ...compared };
  }

  async #dropLater(build: number, graceMs: number): Promise<void> {
    const { store, projection } = this.#context;
    await pause(graceMs, this.#stopping);
    if (this.#stopping.aborted) return;
    if ((await store.builds(projection, true))?.previous === build) await store.dropBuild(projection, build);
  }

  /**
   * Runs `work` with the live build sealed at `last` and the new build at its position or behind it. Unseals unless
   * `work` has swapped.
   */
  async #sealed<T>(
    writer: BuildWriter,
    signal: AbortSignal,
    work: (last: Position) => Promise<T>,
    lift = false,
  ): Promise<T> {
    const { store, projection, log } = this.#context;
    const topics = Object.keys(projection.topics);
    const partitions = Object.entries(await log.head(topics)).flatMap(([topic, offsets]) =>
      offsets.map((_, partition) => ({ topic, partition })),
    );
    try {
      const starts = partitions.map((partition): Checkpoint => ({ ...partition, next: 0, progress: [] }));
      const last = topicPosition(topics, [...starts, ...(await store.seal(projection, partitions))]);
      await fillTo(writer, last, signal);
      const result = await work(last);
      if (lift) await store.unseal(projection);
      return result;
    } catch (error) {
      await store.unseal(projection).catch(() => undefined); // else it is lifted when the lease has run out
      throw error;
    }
  }

  /** Undefined if the live view could not advance to the position of the new build. */
  async #compare(
    writer: BuildWriter,
    signal: AbortSignal,
  ): Promise<{ live: Digest; rebuilt: Digest; equal: boolean } | undefined> {
    const { store, projection } = this.#context;
    const { live } = (await store.builds(projection))!;
    const last = await this.#live.exclusive(() => this.#sealed(writer, signal, async (at) => at, true));
    if (!samePosition(last, writer.position())) return undefined;
    const [before, after] = await digestsOf(store, projection, [live, writer.build], last);
    return { live: before!, rebuilt: after!, equal: before!.count === after!.count && before!.hash === after!.hash };
  }

  /**
   * Reads the log until the build is near the live view, or at the head when the live view cannot advance. Waits for an
   * engine that is away.
   */
  async #approach(writer: BuildWriter, signal: AbortSignal): Promise<void> {
    let gap = Infinity;
    for (let vain = 0, failures = 0; vain < PATIENCE;) {
      try {
        await writer.reload();
        const goal = await this.#target();
        const left = behind(writer.position(), goal);
        if (left <= (this.#live.stopped() ? 0 : this.#context.maxRecords)) return;
        vain = left < gap / 2 ? 0 : vain + 1;
        gap = left;
        await writer.fillAll(goal, signal);
        failures = 0;
      } catch (error) {
        if (!(error instanceof EngineUnavailable || error instanceof CheckpointMoved)) throw error;
        await delay(backoffMs(BACKOFF, failures++), undefined, { signal });
      }
    }
  }

  async #target(): Promise<Position> {
    const { log, store, projection } = this.#context;
    const topics = Object.keys(projection.topics);
    return this.#live.stopped() ? log.head(topics) : topicPosition(topics, await store.checkpoints(projection, 'live'));
  }
}

/** Continues after CheckpointMoved, because a new connection alone can cause it. */
async function fillTo(writer: BuildWriter, goal: Position, signal: AbortSignal): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await writer.fillAll(goal, signal);
    } catch (error) {
      if (!(error instanceof CheckpointMoved) || attempt === 20) throw error;
      await writer.reload();
    }
  }
}

/** Records between two positions, by offsets. Offsets that compaction removed count too. */
export function behind(at: Position, goal: Position): number {
  let sum = 0;
  for (const [topic, offsets] of Object.entries(goal))
    offsets.forEach((next, p) => (sum += Math.max(0, next - (at[topic]?.[p] ?? 0))));
  return sum;
}

const samePosition = (a: Position, b: Position): boolean => behind(a, b) === 0 && behind(b, a) === 0;
