import type { DomainEvent } from '@provider-access/events';
import { sourceFault } from '@provider-access/intake/read';
import { FileFault } from '@provider-access/full-files';
import type { Access } from '@provider-access/facts';
import { instant, Refusal } from '@provider-access/kernel';
import type { ServicePorts } from '@provider-access/service/http';
import { appendRows } from './append-rows.ts';
import { faultOf } from './faults.ts';
import { type Answers, isTemporary } from './held.ts';
import { planned } from './planned.ts';
import { type ImportRun, type Outcome, type RunFault, type RunProgress, RunRefused } from './run.ts';
import type { RunStore } from './run-store.ts';

/** After so many rounds that published every difference, a difference that is left is none of lateness. */
const MOST_ROUNDS = 2;

export interface WorkOptions {
  readonly ports: Pick<ServicePorts, 'log' | 'clock'>;
  readonly runs: RunStore;
  readonly answers: Answers;
  readonly access: Pick<Access, 'waitForPayer'>;
  readonly sandbox: boolean;
}
export interface Step {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: RunProgress) => void;
  /** Stores the run, if it is still this step's. @throws if it is not */
  readonly save: (run: ImportRun) => Promise<unknown>;
  /** Called before each append. @throws if somebody has stopped the run */
  readonly mayGoOn: () => Promise<void>;
}

/** The dry run (A72). It publishes nothing. */
export async function checkStep(options: WorkOptions, run: ImportRun, step: Step): Promise<Outcome> {
  return settled(step, 'refused', async () => {
    const { report, close } = await planned(options, run, step);
    close();
    return { state: 'checked', report, batch: report.batch };
  });
}

const ANOTHER: RunFault = {
  code: 'another-import',
  text: 'Another import of this source ended meanwhile. What this run has published stays until an undo of its batch.',
};
const INCOMPLETE: RunFault = {
  code: 'incomplete',
  text:
    'The platform does not hold all rows as the file says them. See the dead letters. What this run has published ' +
    'stays until an undo of its batch.',
};
const CHANGED: RunFault = {
  code: 'changed',
  text: 'The platform has changed since the report that was confirmed. Nothing was published. Look at the new report.',
};

/**
 * Publishes what the plan says now, if it is the plan that a person has confirmed (A74). After a restart, and after
 * each round, it plans again and publishes what is missing: a row that was appended before has the same event, and so
 * counts once. When nothing is missing, the import is complete.
 */
export async function publishStep(options: WorkOptions, run: ImportRun, step: Step): Promise<Outcome> {
  return settled(step, run.publication === undefined ? 'refused' : 'failed', async () => {
    const { report, missing, isAgain, imports, events, end, close } = await planned(options, run, step);
    try {
      const last = imports.at(-1);
      let { publication } = run;
      if (publication === undefined) {
        if (report.number !== run.confirmed) return { state: 'checked', report, batch: report.batch, fault: CHANGED };
        if (missing === 0 && isAgain) return { state: 'done' };
        const time = instant(options.ports.clock.now());
        publication = { time, batch: report.batch, after: last?.time ?? '', rows: report.rows, rounds: 0 };
        // Before the first event, because the id of each event follows from it.
        await step.save({ ...run, publication });
      }
      const { time, batch, after, rows, rounds } = publication;
      if (last?.batch === batch && last.time === time) return { state: 'done' };
      if ((last?.time ?? '') !== after || report.batch !== batch) return { state: 'failed', fault: ANOTHER };
      if (missing === 0) {
        await append(options, [end(time, rows)], step);
        return { state: 'done' };
      }
      if (rounds >= MOST_ROUNDS) return { state: 'failed', fault: INCOMPLETE };
      await append(options, events(time), step);
      return { state: 'publishing', publication: { ...publication, rounds: rounds + 1 } };
    } finally {
      close();
    }
  });
}

function append(
  { ports, access, sandbox }: WorkOptions,
  events: AsyncIterable<DomainEvent> | Iterable<DomainEvent>,
  { signal, onProgress, mayGoOn }: Step,
): Promise<void> {
  const onAppended = (count: number): void => onProgress({ step: 'publishing', count });
  return appendRows(events, { ...ports, access, sandbox }, { signal, mayGoOn, onAppended });
}

/** Why a sandbox takes no file: its events would come from the sender of the file. */
export const sandboxFault = (source: string): string | undefined =>
  sourceFault({ source: `urn:provider-access:file:${source}` })?.detail;

/** Turns what is wrong with a file into an end of the run. @throws what is temporary, and the reason of the signal */
async function settled<T>({ signal }: Step, state: 'refused' | 'failed', work: () => Promise<T>): Promise<T | Outcome> {
  try {
    return await work();
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof FileFault) return { state, fault: faultOf(error) };
    if (error instanceof RunRefused) return { state, fault: error.fault };
    if (isTemporary(error) || !(error instanceof Refusal)) throw error;
    return { state, fault: { code: 'refused-event', text: error.message } };
  }
}
