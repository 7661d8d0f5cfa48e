import { randomUUID } from 'node:crypto';
import type { ProjectionSet } from '@provider-access/engines/views';
import { PA_RECORDS } from '@provider-access/events';
import { labelRules } from '@provider-access/domain/pdex/labels';
import { PresentReaders } from '@provider-access/facts';
import { regularly } from '@provider-access/process';
import { labelled, records, searchKeys } from '@provider-access/records';
import type { ServicePorts } from '@provider-access/service/http';

export interface RetaggingOptions extends Pick<ServicePorts, 'log' | 'views' | 'state' | 'logger'> {
  readonly projections: Pick<ProjectionSet, 'rebuild'>;
  /** Whether other processes may run beside this one. */
  readonly beside: boolean;
}

const CLAIMS = 'label-rules';
const LEASE = 'retagging';
/** ms between two looks while stored data are to be tagged again. */
const EVERY_MS = 4_000;
/** ms between two looks afterwards. A look costs two commands, and idle processes ask an engine seldom (ADR 0014). */
const CURRENT_EVERY_MS = 20_000;
const LEASE_MS = 60_000;
/** Views that hold labels. The keys come last, because their claim says that all is done. */
const VIEWS = [records, labelled, searchKeys] as const;

/**
 * Tags stored data again after the rules of labels or the lists of codes have changed (docs/sensitive-data.md). Reads
 * obey the new list before that: a record that other rules labelled is searched again by its line. The keys of a search
 * have no such mark. So `current` is false until they are built again beside the live ones, and searches ask the
 * records meanwhile.
 *
 * A process with other rules writes keys by its own. While one is present, and until the keys are built again after
 * that, `current` is false.
 */
export class Retagging {
  readonly #options: RetaggingOptions;
  readonly #holder = randomUUID();
  readonly #present: PresentReaders;
  readonly #job: ReturnType<typeof regularly>;
  #current = false;
  /** The build of which this process knows that its rules wrote it. */
  #known: number | undefined;

  constructor(options: RetaggingOptions) {
    this.#options = options;
    this.#present = new PresentReaders(options.state.presence);
    const { logger } = options;
    const everyMs = (): number => (this.#current ? CURRENT_EVERY_MS : EVERY_MS);
    const failed = 'could not tag stored data again';
    this.#job = regularly({ everyMs, run: () => this.run(), logger, failed });
  }

  /** Whether the keys of searches have the labels that the rules in force find. */
  get current(): boolean {
    return this.#current;
  }

  /** Looks once before the service answers. Building views again does not keep it from that. */
  async start(): Promise<void> {
    await this.#look().catch(() => undefined);
    this.#job.start();
  }
  stop(): void {
    this.#job.stop();
  }

  /** One look. Builds the views again if that is needed and possible now. */
  async run(): Promise<void> {
    const { state, logger } = this.#options;
    if ((await this.#look()) !== 'stale') return;
    const rules = labelRules();
    const lease = await state.leases.acquire(LEASE, this.#holder, LEASE_MS);
    if (lease === undefined) return;
    const renewing = setInterval(() => void state.leases.renew(lease, LEASE_MS).catch(() => undefined), LEASE_MS / 3);
    try {
      logger.info({ rules }, 'the rules of labels have changed: stored data are tagged again');
      for (const view of VIEWS) {
        const { build: next } = await this.#options.projections.rebuild(view.name);
        if (view === searchKeys && !(await this.#others())) await this.#claim(next);
      }
      logger.info({ rules }, 'stored data are tagged by the present rules');
    } finally {
      clearInterval(renewing);
      await state.leases.release(lease);
    }
  }

  async #look(): Promise<'current' | 'stale' | 'others'> {
    const { views, log, state } = this.#options;
    const build = (await views.store.builds(searchKeys, true))?.live;
    if (build === undefined) return 'others';
    if (await this.#others()) {
      this.#current = false;
      this.#known = undefined;
      await state.claims.release(CLAIMS, claimOf(build), labelRules());
      return 'others';
    }
    if (build === this.#known) return 'current';
    const owner = await state.claims.get(CLAIMS, claimOf(build));
    this.#current = owner === labelRules();
    // From now on this process writes into the build, so it is no longer what those rules would write.
    if (owner !== undefined && !this.#current) await state.claims.release(CLAIMS, claimOf(build), owner);
    // Without a record, nothing was tagged by other rules.
    if (!this.#current && (await log.head([PA_RECORDS]))[PA_RECORDS]?.every((head) => head === 0) === true)
      await this.#claim(build);
    if (this.#current) this.#known = build;
    return this.#current ? 'current' : 'stale';
  }

  async #claim(build: number): Promise<void> {
    const owner = await this.#options.state.claims.claim(CLAIMS, claimOf(build), labelRules());
    this.#current = owner === labelRules();
  }

  /** Whether a process with other rules runs, or one whose rules nobody knows. */
  async #others(): Promise<boolean> {
    return this.#options.beside && (await this.#present.labelRules()).some((rules) => rules !== labelRules());
  }
}

const claimOf = (build: number): string => `${searchKeys.owner}/${searchKeys.name}/${searchKeys.version}/${build}`;
