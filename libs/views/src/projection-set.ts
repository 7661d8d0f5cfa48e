import type { EventLog } from '@provider-access/eventlog';
import { collectionName } from './port.ts';
import type { Projection, ViewReader, Views, ViewStatus } from './port.ts';
import { checkProjection } from './query.ts';
import { ProjectionRunner } from './runner.ts';
import type { RebuildResult, ViewLogger } from './runner.ts';

export type { RebuildResult, ViewLogger } from './runner.ts';

export interface ProjectionSetOptions {
  readonly log: EventLog;
  readonly views: Views;
  readonly projections: readonly Projection[];
  readonly logger?: ViewLogger;
  /** Records a batch at most: one transaction of the store each. Default 1000. */
  readonly maxRecords?: number;
}

export interface RebuildOptions {
  /** How long the replaced build is kept for readers that just looked it up. Default 5 s. */
  readonly graceMs?: number;
}

/** The projections of one service: each keeps its view up to date under the group `view/<collection>`. */
export class ProjectionSet {
  readonly #views: Views;
  readonly #runners: ReadonlyMap<string, ProjectionRunner>;

  constructor(options: ProjectionSetOptions) {
    this.#views = options.views;
    const runners = new Map<string, ProjectionRunner>();
    for (const projection of options.projections) {
      checkProjection(projection);
      const name = collectionName(projection);
      if (runners.has(name)) throw new Error(`${name} is there twice`);
      runners.set(name, new ProjectionRunner({ log: options.log, store: options.views.store, projection, logger: options.logger, maxRecords: options.maxRecords ?? 1000 }));
    }
    this.#runners = runners;
  }

  /** Creates what is missing, drops what a rebuild left half-built, then follows the topics from the views' checkpoints. */
  async start(): Promise<void> {
    for (const runner of this.#runners.values()) await runner.start();
  }

  /** Resolves when no batch is in flight any more; a rebuild that runs is abandoned. */
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

  /** Oldest of the last successful polls (ms since the epoch); Infinity without projections. */
  lastPoll(): number {
    return Math.min(...[...this.#runners.values()].map((r) => r.lastPoll()));
  }

  /** By `name` or by collection (`<owner>_<name>_v<version>`). Throws RangeError for a view that is not here. */
  rebuild(name: string, options: RebuildOptions = {}): Promise<RebuildResult> {
    const runner = this.#runners.get(name) ?? [...this.#runners.values()].find((r) => r.projection.name === name);
    if (runner === undefined) return Promise.reject(new RangeError('no such view'));
    return runner.rebuild(options.graceMs ?? 5000);
  }

  reader(projection: Projection): ViewReader {
    return this.#views.reader(projection);
  }
}
