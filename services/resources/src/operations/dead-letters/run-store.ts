import { randomBytes } from 'node:crypto';
import { base32, Refusal } from '@provider-access/kernel';
import type { Streams } from '@provider-access/engines/state';
import { type Progress, progressed, type Run, type RunStatus } from './run.ts';

/** The newest runs, which the list shows. */
const LISTED = 20;
const INDEX = 'dead-letter-runs';
const nameOf = (id: string): string => `dead-letter-run/${id}`;
const RUN_ID = /^run-[a-z2-7]{26}$/;

interface Index {
  readonly runs: readonly { readonly id: string; readonly cause: string; readonly isOpen: boolean }[];
}

/** The runs, in the state store, so that they go on in another process. A process of an earlier build reads none. */
export class RunStore {
  readonly #streams: Streams;
  constructor(streams: Streams) {
    this.#streams = streams;
  }

  /** @throws Refusal while another run takes the dead letters of the cause */
  async add(run: Omit<Run, 'id'>): Promise<Run> {
    const added: Run = { ...run, id: `run-${base32(randomBytes(16))}` };
    await this.#streams.append(nameOf(added.id), 0, [], added);
    await this.#index((runs) => {
      if (runs.some(({ cause, isOpen }) => isOpen && cause === run.cause))
        throw new Refusal('conflict', 'A run takes the dead letters of this cause now. Wait for it, or stop it.');
      const open = runs.filter(({ isOpen }) => isOpen);
      if (open.length >= LISTED)
        throw new Refusal('conflict', `At most ${LISTED} runs wait. Wait for one, or stop it.`);
      const ended = runs.filter(({ isOpen }) => !isOpen).slice(0, LISTED - 1 - open.length);
      const kept = runs.filter((one) => one.isOpen || ended.includes(one));
      return [{ id: added.id, cause: run.cause, isOpen: true }, ...kept];
    });
    return added;
  }

  /** The newest runs, the newest first. */
  async list(): Promise<readonly Run[]> {
    const found = await Promise.all((await this.#entries()).map(({ id }) => this.get(id)));
    return found.filter((run) => run !== undefined);
  }

  async get(id: string): Promise<Run | undefined> {
    return RUN_ID.test(id) ? (await this.#streams.load<Run>(nameOf(id)))?.snapshot : undefined;
  }

  /** The runs that are not finished, the oldest first. */
  async open(): Promise<readonly Run[]> {
    const open = (await this.#entries()).filter(({ isOpen }) => isOpen).toReversed();
    const found = await Promise.all(open.map(({ id }) => this.get(id)));
    return found.filter((run) => run !== undefined);
  }

  /**
   * Adds a step to a run that is where the step began. Another process may have made the same step meanwhile: then the
   * run stays as it is.
   */
  async step(run: Run, step: Progress): Promise<Run> {
    return this.#change(run.id, (now) =>
      JSON.stringify(now.after) === JSON.stringify(run.after) ? { ...now, ...progressed(now, step) } : now,
    );
  }

  /** Ends a run, unless it has ended. The correction goes, because it may have data of members. */
  async end(id: string, status: RunStatus, endedAt: string): Promise<Run> {
    const ended = await this.#change(id, (now) => {
      if (now.status !== 'running') return now;
      const { patch: _patch, ...rest } = now;
      return { ...rest, status, endedAt };
    });
    await this.#index((runs) => runs.map((one) => (one.id === id ? { ...one, isOpen: false } : one)));
    return ended;
  }

  async #entries(): Promise<Index['runs']> {
    return (await this.#streams.load<Index>(INDEX))?.snapshot.runs ?? [];
  }

  async #index(change: (runs: Index['runs']) => Index['runs']): Promise<void> {
    for (;;) {
      const head = await this.#streams.load<Index>(INDEX);
      const runs = change(head?.snapshot.runs ?? []);
      if ((await this.#streams.append<Index>(INDEX, head?.version ?? 0, [], { runs })).ok) return;
    }
  }

  async #change(id: string, change: (run: Run) => Run): Promise<Run> {
    for (;;) {
      const head = await this.#streams.load<Run>(nameOf(id));
      if (head === undefined) throw new Refusal('not-found', 'There is no such run.');
      const changed = change(head.snapshot);
      if (changed === head.snapshot) return changed;
      if ((await this.#streams.append(nameOf(id), head.version, [], changed)).ok) return changed;
    }
  }
}
