import type { EventLog } from '@provider-access/engines/log';
import { collectionName } from './projection.ts';
import type { ViewLogger } from './build-writer.ts';
import type { ViewLag, ViewReader, Views, ViewStatus } from './port.ts';
import type { Projection } from './projection.ts';
import { checkProjection } from './query.ts';
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
  /** Records a batch at most: one transaction of the store each. Default 1000. */
  readonly maxRecords?: number;
  /**
   * How often the runner checks that a store which several processes write still has its data, ms; 0: never. Default:
   * each minute, and at once after a new connection.
   */
  readonly verifyMs?: number;
}

export interface RebuildOptions {
  /** How long the replaced build is kept, for `rollback` and for readers that just looked it up. Default 15 minutes. */
  readonly graceMs?: number;
}

const VERIFY_MS = 60_000;
/** How often readiness checks make the store count the records that views passed over. */
const NOTICE_MS = 5_000;
const GRACE_MS = 15 * 60_000;

/** The projections of one service: each keeps its view up to date under the group `view/<collection>`. */
export class ProjectionSet {
  readonly #views: Views;
  readonly #runners: ReadonlyMap<string, ProjectionRunner>;
  #notice: string | undefined;
  #noticeAskedAt = -Infinity;

  constructor(options: ProjectionSetOptions) {
    this.#views = options.views;
    const runners = new Map<string, ProjectionRunner>();
    for (const projection of options.projections) {
      checkProjection(projection);
      const name = collectionName(projection);
      if (runners.has(name)) throw new Error(`${name} is there twice`);
      runners.set(
        name,
        new ProjectionRunner({
          log: options.log,
          store: options.views.store,
          projection,
          logger: options.logger,
          maxRecords: options.maxRecords ?? 1000,
          verifyMs: options.verifyMs ?? (options.views.store.shared ? VERIFY_MS : 0),
        }),
      );
    }
    this.#runners = runners;
  }

  /**
   * Creates or checks the views, follows the topics from their checkpoints, and resolves when the views contain
   * everything that was in the log at the call, or when a view cannot advance (`failure` says why). A half-finished
   * rebuild stays for `rebuild` or `abandon`.
   */
  async start(): Promise<void> {
    for (const runner of this.#runners.values()) await runner.start();
    await Promise.all([...this.#runners.values()].map((runner) => runner.caughtUp()));
  }

  /**
   * Resolves when no batch is in flight any more. A running rebuild is left as it is, and the next `rebuild` continues
   * it.
   */
  async stop(): Promise<void> {
    await Promise.all([...this.#runners.values()].map((r) => r.stop()));
  }

  async status(): Promise<readonly ViewStatus[]> {
    return Promise.all([...this.#runners.values()].map((r) => r.status()));
  }

  /** The first thing that keeps a view from advancing, for readiness. PHI-free. */
  failure(): string | undefined {
    for (const runner of this.#runners.values()) {
      const failure = runner.failure();
      if (failure !== undefined) return failure;
    }
    return undefined;
  }

  /**
   * For readiness: a view that cannot advance, or a notice of what views do not show although they are up to date.
   * PHI-free.
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
    Promise.all(
      [...this.#runners.values()].map(async (runner) => ({ view: runner.view, records: await runner.passedOver() })),
    ).then(
      (counts) => {
        const lacking = counts
          .filter(({ records }) => records > 0)
          .map(({ view, records }) => `${view} passed over ${records} records at which its projection failed`);
        this.#notice = lacking.length === 0 ? undefined : `${lacking.join('; ')} (runbook ProviderAccessViewStuck)`;
      },
      () => undefined,
    ); // the store is away: what was known stays
  }

  /** Oldest of the last successful polls (ms since the epoch); Infinity without projections. */
  lastPoll(): number {
    return Math.min(...[...this.#runners.values()].map((r) => r.lastPoll()));
  }

  /** Records behind the head, by view and topic, over all partitions: read them for a gauge. */
  async lag(): Promise<readonly ViewLag[]> {
    return (await Promise.all([...this.#runners.values()].map((r) => r.lag()))).flat();
  }

  /** Builds that are kept up to date, by view. */
  async builds(): Promise<readonly { readonly view: string; readonly builds: number }[]> {
    return Promise.all([...this.#runners.values()].map(async (r) => ({ view: r.view, builds: await r.builds() })));
  }

  /**
   * Builds the view again from the log beside the live one (or continues an unfinished build), compares the two at one
   * position, swaps, and drops the old build after the grace period. The log is the truth: a difference is reported,
   * and the rebuilt view wins. `name` is the name of the view or of its collection (`<owner>_<name>_v<version>`).
   * Throws RangeError for an unknown view, RebuildRefused while a rebuild runs, and ProjectionStopped when evolve
   * refuses a record; the live view stays as it is then.
   */
  async rebuild(name: string, options: RebuildOptions = {}): Promise<RebuildResult> {
    return this.#runner(name).rebuild(options.graceMs ?? GRACE_MS);
  }

  /** Swaps the kept previous build in again, once it has caught up from the log. RebuildRefused when there is none. */
  async rollback(name: string, options: RebuildOptions = {}): Promise<RebuildResult> {
    return this.#runner(name).rollback(options.graceMs ?? GRACE_MS);
  }

  /** Abandons the unfinished build, whichever process works on it. Returns false when there is none. */
  async abandon(name: string): Promise<boolean> {
    return this.#runner(name).abandon();
  }

  #runner(name: string): ProjectionRunner {
    const runner = this.#runners.get(name) ?? [...this.#runners.values()].find((r) => r.projection.name === name);
    if (runner === undefined) throw new RangeError('no such view');
    return runner;
  }

  reader(projection: Projection): ViewReader {
    return this.#views.reader(projection);
  }
}
