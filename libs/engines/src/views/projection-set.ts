import type { EventLog } from '../log/index.ts';
import type { Projection } from './projection.ts';
import type { ViewLogger } from './build-writer.ts';
import type { ViewLag, Views, ViewStatus } from './port.ts';
import { checkProjection } from './query.ts';
import type { ViewStore } from './view-store.ts';
import { ProjectionRunner } from './runner.ts';
import type { RebuildResult } from './rebuild.ts';

export type { ViewLogger } from './build-writer.ts';
export { RebuildRefused } from './rebuild.ts';
export type { RebuildResult } from './rebuild.ts';

export interface ProjectionSetOptions {
  readonly log: EventLog;
  readonly views: Views;
  readonly projections: readonly Projection[];
  readonly logger?: ViewLogger;
  /** Most records in a batch, which is one transaction of the store. Default 1000. */
  readonly maxRecords?: number;
  /**
   * How often the runner checks that a store still has its data, ms; 0 means never. Default: never. For a store that
   * others share: each minute, and at once after a new connection.
   */
  readonly verifyMs?: number;
}

export interface RebuildOptions {
  /** How long the replaced build is kept, for `rollback` and for readers that still use it. Default 15 minutes. */
  readonly graceMs?: number;
}

const VERIFY_MS = 60_000;
/** How often readiness checks count the passed-over records in the store. */
const NOTICE_MS = 5_000;
const GRACE_MS = 15 * 60_000;

/** The projections of one service. Each keeps its view up to date with the consumer group `view/<collection>`. */
export class ProjectionSet {
  readonly #store: ViewStore;
  #runners: readonly ProjectionRunner[];
  #notice: string | undefined;
  #noticeAskedAt = -Infinity;

  constructor({ log, views: { store }, projections, logger, ...options }: ProjectionSetOptions) {
    const { maxRecords = 1000, verifyMs = store.shared ? VERIFY_MS : 0 } = options;
    this.#store = store;
    this.#runners = projections.map((projection) => {
      checkProjection(projection);
      return new ProjectionRunner({ log, store, projection, logger, maxRecords, verifyMs });
    });
    const names = this.#runners.map(({ view }) => view);
    const twice = names.find((name, i) => names.indexOf(name) < i);
    if (twice !== undefined) throw new Error(`two projections have the name ${twice}`);
  }

  /**
   * Creates or checks the views and follows the topics from their checkpoints. Resolves when the views have all records
   * that were in the log at the call, or when a view cannot advance (`failure` has the reason). An unfinished rebuild
   * stays for `rebuild` or `abandon`. Leaves out former views that nobody has made.
   */
  async start(): Promise<void> {
    const isWanted = await Promise.all(
      this.#runners.map(
        async ({ projection }) =>
          projection.former !== true || (await this.#store.builds(projection, true)) !== undefined,
      ),
    );
    this.#runners = this.#runners.filter((_, i) => isWanted[i]);
    for (const runner of this.#runners) await runner.start();
    await Promise.all(this.#runners.map((runner) => runner.caughtUp()));
  }

  /** Resolves when no batch is in flight any more. The next `rebuild` continues a running rebuild. */
  async stop(): Promise<void> {
    await Promise.all(this.#runners.map((r) => r.stop()));
  }

  async status(): Promise<readonly ViewStatus[]> {
    return Promise.all(this.#runners.map((r) => r.status()));
  }

  /** The first reason why a view cannot advance, for readiness. It has no protected data. */
  failure(): string | undefined {
    for (const runner of this.#runners) {
      const failure = runner.failure();
      if (failure !== undefined) return failure;
    }
    return undefined;
  }

  /**
   * For readiness: the reason why a view cannot advance, or a notice of passed-over records. It has no protected data.
   */
  async check(): Promise<{ readonly ready: boolean; readonly detail?: string }> {
    const failure = this.failure();
    if (failure !== undefined) return { ready: false, detail: failure };
    this.#lookForNotice();
    return { ready: true, ...(this.#notice !== undefined && { detail: this.#notice }) };
  }

  /** In the background, because readiness must not wait for a slow store. The next check returns the result. */
  #lookForNotice(): void {
    if (performance.now() - this.#noticeAskedAt < NOTICE_MS) return;
    this.#noticeAskedAt = performance.now();
    Promise.all(this.#runners.map(async (runner) => ({ view: runner.view, records: await runner.passedOver() }))).then(
      (counts) => {
        const lacking = counts
          .filter(({ records }) => records > 0)
          .map(({ view, records }) => `${view} passed over ${records} records at which its projection failed`);
        this.#notice = lacking.length === 0 ? undefined : `${lacking.join('; ')} (runbook ProviderAccessViewStuck)`;
      },
      () => undefined,
    ); // the store is unavailable, so the last notice stays
  }

  /** The oldest `lastPoll` of the projections (ms since the epoch); Infinity without projections. */
  lastPoll(): number {
    return Math.min(...this.#runners.map((r) => r.lastPoll()));
  }

  /** The lag by view and topic, for gauges. */
  async lag(): Promise<readonly ViewLag[]> {
    return (await Promise.all(this.#runners.map((r) => r.lag()))).flat();
  }

  /** Number of builds that are kept up to date, by view. */
  async builds(): Promise<readonly { readonly view: string; readonly builds: number }[]> {
    return Promise.all(this.#runners.map(async (r) => ({ view: r.view, builds: await r.builds() })));
  }

  /**
   * Builds the view again from the log beside the live build, or continues an unfinished build. Compares both builds at
   * one position, swaps them, and drops the old build after the grace period. It reports a difference, and the new
   * build wins, because it comes from the log. `name` is the name of the view or of its collection
   * (`<owner>_<name>_v<version>`). Throws RangeError for an unknown view, RebuildRefused while a rebuild runs, and
   * ProjectionStopped if the projection stops at a record. The live view does not change then.
   */
  async rebuild(name: string, options: RebuildOptions = {}): Promise<RebuildResult> {
    return this.#runner(name).rebuilds.rebuild(options.graceMs ?? GRACE_MS);
  }

  /** Swaps the previous build in again, once it has caught up from the log. Throws RebuildRefused if there is none. */
  async rollback(name: string, options: RebuildOptions = {}): Promise<RebuildResult> {
    return this.#runner(name).rebuilds.rollback(options.graceMs ?? GRACE_MS);
  }

  /** Abandons the unfinished build of this or another process. Returns false if there is none. */
  async abandon(name: string): Promise<boolean> {
    return this.#runner(name).rebuilds.abandon();
  }

  #runner(name: string): ProjectionRunner {
    const runner = this.#runners.find((r) => r.view === name) ?? this.#runners.find((r) => r.projection.name === name);
    if (runner === undefined) throw new RangeError('no such view');
    return runner;
  }
}
