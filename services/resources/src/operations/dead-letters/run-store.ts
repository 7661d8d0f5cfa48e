import { type ListedRun, ListedRuns } from '@provider-access/engines/jobs';
import type { Streams } from '@provider-access/engines/state';
import { Refusal } from '@provider-access/kernel';
import { type Progress, progressed, type Run, type RunStatus } from './run.ts';

/** The newest runs, which the list shows. */
const LISTED = 20;

interface Entry extends ListedRun {
  readonly cause: string;
}

/** The runs, in the state store, so that they go on in another process. A process of an earlier build reads none. */
export class RunStore {
  readonly #streams: Streams;
  readonly #runs: ListedRuns<Run, Entry>;
  constructor(streams: Streams) {
    this.#streams = streams;
    const names = { list: 'dead-letter-runs', streams: 'dead-letter-run/', prefix: 'run' };
    this.#runs = new ListedRuns(streams, { ...names, most: LISTED });
  }

  /** @throws Refusal while another run takes the dead letters of the cause */
  async add(run: Omit<Run, 'id'>): Promise<Run> {
    const { added, dropped } = await this.#runs.add(run, { cause: run.cause }, (open) => {
      if (open.some(({ cause }) => cause === run.cause))
        throw new Refusal('conflict', 'A run takes the dead letters of this cause now. Wait for it, or stop it.');
      if (open.length >= LISTED)
        throw new Refusal('conflict', `At most ${LISTED} runs wait. Wait for one, or stop it.`);
    });
    for (const id of dropped) await this.#streams.remove(this.#runs.nameOf(id));
    return added;
  }

  /** The newest runs, the newest first. */
  list(): Promise<readonly Run[]> {
    return this.#runs.newest();
  }
  get(id: string): Promise<Run | undefined> {
    return this.#runs.get(id);
  }
  /** The runs that are not finished, the oldest first. */
  open(): Promise<readonly Run[]> {
    return this.#runs.open();
  }

  /**
   * Adds a step to a run that is where the step began. Another process may have made the same step meanwhile: then the
   * run stays as it is.
   */
  step(run: Run, step: Progress): Promise<Run> {
    return this.#runs.change(run.id, (now) =>
      JSON.stringify(now.after) === JSON.stringify(run.after) ? { ...now, ...progressed(now, step) } : now,
    );
  }

  /** Ends a run, unless it has ended. The correction goes, because it may have data of members. */
  async end(id: string, status: RunStatus, endedAt: string): Promise<Run> {
    const ended = await this.#runs.change(id, (now) => {
      if (now.status !== 'running') return now;
      const { patch: _patch, ...rest } = now;
      return { ...rest, status, endedAt };
    });
    await this.#runs.close(id);
    return ended;
  }
}
