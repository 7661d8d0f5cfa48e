import { randomUUID } from 'node:crypto';
import { LeasedRuns, unknownRun } from '@provider-access/engines/jobs';
import type { Lease } from '@provider-access/engines/state';
import type { batchNamed } from '@provider-access/full-files';
import { instant, Refusal } from '@provider-access/kernel';
import type { BackgroundJob } from '@provider-access/process/service-module';
import type { ServicePorts } from '@provider-access/service/http';
import { isTemporary } from './held.ts';
import { type ImportRun, isOpen, KEPT_MS, moved, type Outcome, type RunFault, type RunProgress } from './run.ts';
import { RunStore } from './run-store.ts';
import { checkStep, publishStep, type WorkOptions } from './run-work.ts';
import { removeOldWorkplaces } from './staged-file.ts';

const LEASE_MS = 60_000;
/** How often a step stores how far it is, and looks whether the run is still its own, ms. */
const BEAT_MS = 2_000;
/** A file with which processes end so often is given up. */
const MOST_TRIES = 5;

type Asked = Pick<ImportRun, 'kind' | 'source' | 'asOf' | 'rows' | 'map' | 'name' | 'by'>;
type Batch = ReturnType<typeof batchNamed>;

/** The run has ended, or another process has it. What this process knows of it does not count. */
class NotOurs extends Error {
  override readonly name = 'NotOurs';
}
/** Somebody stopped the run. */
class Stopped extends Error {
  override readonly name = 'Stopped';
}

const EXPIRED: RunFault = {
  code: 'expired',
  text: 'This run was not finished within 24 hours, so its file was deleted. Begin a new one.',
};
const GIVEN_UP: RunFault = {
  code: 'internal',
  text: 'The platform could not finish this run. Tell its operator, and import the file by pa.',
};

/**
 * Imports of full files that a person makes in steps: upload, dry run, confirmation. Runs are in the state store, and
 * one process at a time works at one. So a run goes on when its page is closed, and after a restart.
 */
export class ImportRuns implements BackgroundJob {
  readonly store: RunStore;
  readonly #ports: ServicePorts;
  readonly #work: WorkOptions;
  readonly #loop: LeasedRuns<ImportRun>;
  readonly #end = new AbortController();

  constructor(ports: ServicePorts, options: Omit<WorkOptions, 'ports' | 'runs'>) {
    this.store = new RunStore(ports.state.streams);
    this.#ports = ports;
    this.#work = { ...options, ports, runs: this.store };
    this.#loop = new LeasedRuns({
      leases: ports.state.leases,
      lease: 'attribution/import-runs',
      holder: `attribution-${randomUUID()}`,
      leaseMs: LEASE_MS,
      next: () => this.#next(),
      take: (run, lease) => this.#take(run, lease),
      failed: (error) => {
        if (error instanceof NotOurs) return;
        const reason = error instanceof Error ? error.name : 'unknown';
        ports.logger.warn({ reason }, 'could not go on with an import of a file; the next try goes on');
      },
    });
  }

  start(): void {
    removeOldWorkplaces();
    this.#loop.start();
  }
  async stop(): Promise<void> {
    this.#end.abort(new NotOurs());
    await this.#loop.stop();
  }

  begin(asked: Asked): Promise<ImportRun> {
    const startedAt = this.#now();
    return this.store.add({ ...asked, action: 'import', state: 'uploading', startedAt, parts: [], tries: 0 });
  }

  /** Begins to take an import back. It looks first at what it would take back. @throws Refusal */
  async undo({ batch: undoes, kind, source, asOf }: Batch, by: string): Promise<ImportRun> {
    const about = { action: 'undo', undoes, kind, source, asOf, by } as const;
    const run = await this.store.add({ ...about, state: 'checking', startedAt: this.#now(), parts: [], tries: 0 });
    void this.#loop.look();
    return run;
  }

  /** Ends the upload. Again, it changes nothing. @throws Refusal */
  async check(id: string): Promise<ImportRun> {
    const run = await this.store.change(id, (now) => {
      if (now.state === 'checking' || now.state === 'checked') return now;
      if (now.state !== 'uploading') throw new Refusal('conflict', 'This run cannot be checked any more.');
      if (now.parts.length === 0) throw new Refusal('conflict', 'No part of the file is there yet.');
      return { ...now, state: 'checking' };
    });
    void this.#loop.look();
    return run;
  }

  /** @param number of the report that the person has checked. @throws Refusal */
  async confirm(id: string, number: string, by: string): Promise<ImportRun> {
    const run = await this.store.change(id, (now) => {
      const isDone = now.state === 'done' && now.confirmedBy !== undefined && now.report?.number === number;
      if (isDone || (now.state === 'publishing' && now.confirmed === number)) return now;
      if (now.state !== 'checked') throw new Refusal('conflict', 'This run does not wait for a confirmation.');
      if (now.report?.number !== number)
        throw new Refusal('conflict', 'This is the number of another report. Look at the report of the run.');
      const { fault: _fault, progress: _progress, ...rest } = now;
      return { ...rest, state: 'publishing', confirmed: number, confirmedBy: by, tries: 0 };
    });
    void this.#loop.look();
    return run;
  }

  /** Ends a run. One that publishes ends when the process that publishes sees it. @throws Refusal */
  async discard(id: string): Promise<ImportRun> {
    const run = await this.store.change(id, (now) => {
      if (!isOpen(now)) throw new Refusal('conflict', 'This run has ended.');
      return now.state === 'publishing' ? { ...now, isStopping: true } : moved(now, { state: 'stopped' }, this.#now());
    });
    if (!isOpen(run)) await this.store.clear(id);
    else void this.#loop.look();
    return run;
  }

  #now(): string {
    return instant(this.#ports.clock.now());
  }

  async #next(): Promise<ImportRun | undefined> {
    const open = await this.store.open();
    for (const run of open) await this.#tidy(run);
    return open.find((run) => this.#isReady(run));
  }
  #isExpired({ startedAt }: ImportRun): boolean {
    return this.#ports.clock.now() - Date.parse(startedAt) >= KEPT_MS;
  }
  #isReady(run: ImportRun): boolean {
    return (run.state === 'checking' && !this.#isExpired(run)) || run.state === 'publishing';
  }
  /** Ends what nobody finished, and finishes an end in which a process was killed. */
  async #tidy(run: ImportRun): Promise<void> {
    if (!isOpen(run)) await this.store.clear(run.id);
    else if (this.#isExpired(run) && run.state !== 'publishing')
      await this.#moved(run, { state: 'stopped', fault: EXPIRED });
  }

  /** Makes one step of a run, if it is where it was. */
  async #take({ id, state }: ImportRun, lease: Lease): Promise<void> {
    const run = await this.store.change(id, (now) => (now.state === state ? { ...now, tries: now.tries + 1 } : now));
    if (run.state !== state) return;
    await this.#moved(run, { ...(await this.#outcomeOf(run, lease)), tries: 0 });
  }
  async #outcomeOf(run: ImportRun, lease: Lease): Promise<Outcome> {
    if (run.isStopping === true) return { state: 'stopped' };
    if (this.#isExpired(run)) return { state: 'failed', fault: EXPIRED };
    if (run.tries > MOST_TRIES) return { state: 'failed', fault: GIVEN_UP };
    const lost = new AbortController();
    const signal = AbortSignal.any([lost.signal, this.#end.signal]);
    let progress: RunProgress | undefined;
    const beat = setInterval(() => {
      const renewed = this.#ports.state.leases.renew(lease, LEASE_MS);
      const stored = this.#saved(run, progress === undefined ? {} : { progress });
      Promise.all([renewed, stored]).then(
        ([isOurs]) => isOurs || lost.abort(new NotOurs()),
        (error: unknown) => error instanceof NotOurs && lost.abort(error),
      );
    }, BEAT_MS);
    const onProgress = (now: RunProgress): void => void (progress = now);
    const step = {
      ...{ signal, onProgress },
      save: (now: ImportRun) => this.#saved(run, now),
      mayGoOn: async () => {
        const now = await this.store.get(run.id);
        if (now?.state !== run.state) throw new NotOurs();
        if (now.isStopping === true) throw new Stopped();
      },
    };
    try {
      return run.state === 'checking'
        ? await checkStep(this.#work, run, step)
        : await publishStep(this.#work, run, step);
    } catch (error) {
      if (error instanceof Stopped) return { state: 'stopped' };
      if (error instanceof NotOurs || isTemporary(error)) {
        // The process did not end, so this was no try.
        await this.#saved(run, { tries: 0 }).catch(() => undefined);
        throw error;
      }
      const reason = error instanceof Error ? error.name : 'unknown';
      this.#ports.logger.error({ reason, run: run.id }, 'an import of a file failed');
      return { state: 'failed', fault: GIVEN_UP };
    } finally {
      clearInterval(beat);
    }
  }

  /** @throws NotOurs if the run is no longer where it was */
  async #saved({ id, state }: ImportRun, what: Partial<ImportRun>): Promise<void> {
    const { isStopping: _isStopping, ...known } = what;
    await this.store.change(id, (now) => {
      if (now.state !== state) throw new NotOurs();
      return { ...now, ...known };
    });
  }
  /** @throws NotOurs if the run is no longer where it was */
  async #moved({ id, state }: ImportRun, outcome: Outcome): Promise<void> {
    const run = await this.store.change(id, (now) => {
      if (now.state !== state) throw new NotOurs();
      // Nothing was published, so there is nothing to look at any more.
      const isOver = now.isStopping === true && outcome.state === 'checked';
      return moved(now, isOver ? { state: 'stopped' } : outcome, this.#now());
    });
    if (!isOpen(run)) await this.store.clear(id);
  }
  /** @throws Refusal for a run that does not exist */
  async found(id: string): Promise<ImportRun> {
    const run = await this.store.get(id);
    if (run === undefined) throw unknownRun();
    return run;
  }
}
