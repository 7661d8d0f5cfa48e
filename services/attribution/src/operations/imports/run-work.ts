import type { DomainEvent } from '@provider-access/events';
import { sourceFault } from '@provider-access/intake/read';
import {
  FileFault,
  IMPORT_KINDS,
  importedEvent,
  mapOf,
  type Imported,
  type Plan,
  planOf,
} from '@provider-access/full-files';
import type { Access } from '@provider-access/facts';
import { instant, Refusal } from '@provider-access/kernel';
import type { ServicePorts } from '@provider-access/service/http';
import { appendRows } from './append-rows.ts';
import { faultOf } from './faults.ts';
import { type Answers, HeldRows, isTemporary } from './held.ts';
import { type ImportRun, type Outcome, reportOf, type RunFault, type RunProgress } from './run.ts';
import type { RunStore } from './run-store.ts';
import { StagingFault, Workplace } from './staged-file.ts';

/** The business time of a row counts for nothing: an import has one of its own. */
const ANY_TIME = '2000-01-01T00:00:00.000Z';
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

/** Makes a plan of the file of a run. Close what it answers. */
async function planned(
  { runs, answers }: WorkOptions,
  run: ImportRun,
  { signal, onProgress }: Step,
): Promise<{ readonly plan: Plan; readonly imports: readonly Imported[]; close(): void }> {
  const { kind, source, asOf, rows, map, name } = run;
  const place = new Workplace();
  try {
    const held = new HeldRows(answers, run, signal);
    const imports = await held.allImports();
    await place.stage(runs.bytes(run));
    const file = {
      file: place.file(name, signal),
      kind: IMPORT_KINDS[kind],
      map: mapOf(map, IMPORT_KINDS[kind]),
      time: ANY_TIME,
    };
    const full = { file, kind, source, asOf, folder: place.folder, ...(rows !== undefined && { rows }) };
    const plan = await planOf(full, held, (text) => {
      const count = Number.parseInt(text, 10);
      onProgress({ step: text.includes('compared') ? 'comparing' : 'reading', count });
    });
    const close = (): void => {
      plan.close();
      place.close();
    };
    return { plan, imports, close };
  } catch (error) {
    place.close();
    throw error;
  }
}

/** The dry run (A72). It publishes nothing. */
export async function checkStep(options: WorkOptions, run: ImportRun, step: Step): Promise<Outcome> {
  return settled(step, 'refused', async () => {
    const { plan, close } = await planned(options, run, step);
    close();
    return { state: 'checked', report: reportOf(plan), batch: plan.report.batch };
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
    const { plan, imports, close } = await planned(options, run, step);
    try {
      const { report } = plan;
      const last = imports.at(-1);
      const missing = report.added + report.changed + report.ended;
      let { publication } = run;
      if (publication === undefined) {
        if (report.number !== run.confirmed)
          return { state: 'checked', report: reportOf(plan), batch: report.batch, fault: CHANGED };
        if (missing === 0 && last?.batch === report.batch) return { state: 'done' };
        const time = instant(options.ports.clock.now());
        publication = { time, batch: report.batch, after: last?.time ?? '', rounds: 0 };
        // Before the first event, because the id of each event follows from it.
        await step.save({ ...run, publication });
      }
      const { time, batch, after, rounds } = publication;
      if (last?.batch === batch && last.time === time) return { state: 'done' };
      if ((last?.time ?? '') !== after || report.batch !== batch) return { state: 'failed', fault: ANOTHER };
      if (missing === 0) {
        const { kind, source, asOf } = run;
        const { digest, rows } = report;
        const done = importedEvent({ kind, file: { source, batch, asOf }, time }, { digest, rows });
        await append(options, [done], step);
        return { state: 'done' };
      }
      if (rounds >= MOST_ROUNDS) return { state: 'failed', fault: INCOMPLETE };
      await append(options, plan.events(time), step);
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
    if (error instanceof StagingFault) return { state, fault: error.fault };
    if (isTemporary(error) || !(error instanceof Refusal)) throw error;
    return { state, fault: { code: 'refused-event', text: error.message } };
  }
}
