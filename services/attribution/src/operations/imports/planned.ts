import { createHash } from 'node:crypto';
import type { DomainEvent } from '@provider-access/events';
import {
  batchNamed,
  IMPORT_KINDS,
  importedEvent,
  type Imported,
  mapOf,
  planOf,
  undoPlanOf,
} from '@provider-access/full-files';
import { type Answers, HeldRows } from './held.ts';
import { type ImportRun, reportOf, type RunProgress, RunRefused } from './run.ts';
import type { RunStore } from './run-store.ts';
import { Workplace } from './staged-file.ts';

/** The business time of a row counts for nothing: an import has one of its own. */
const ANY_TIME = '2000-01-01T00:00:00.000Z';

/** What a run would publish now. Close it: it has files. */
export interface Planned {
  readonly report: NonNullable<ImportRun['report']>;
  /** Events that the platform does not know yet. */
  readonly missing: number;
  /** The platform holds what the newest import that counts has said, and this is that import. */
  readonly isAgain: boolean;
  /** All imports of the source, the oldest first. */
  readonly imports: readonly Imported[];
  events(time: string): AsyncIterable<DomainEvent>;
  /** The last event. @param rows of the whole publication */
  end(time: string, rows: number): DomainEvent;
  close(): void;
}
interface Step {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: RunProgress) => void;
}
interface From {
  readonly runs: RunStore;
  readonly answers: Answers;
}

/** @throws FileFault, RunRefused, what is temporary, and the reason of the signal */
export async function planned({ runs, answers }: From, run: ImportRun, step: Step): Promise<Planned> {
  const place = new Workplace();
  try {
    const held = new HeldRows(answers, run, step.signal);
    const imports = await held.allImports();
    const onProgress = (text: string): void =>
      step.onProgress({
        step: text.includes('compared') ? 'comparing' : 'reading',
        count: Number.parseInt(text, 10),
      });
    const plan =
      run.action === 'undo'
        ? await ofUndo(run, held, place, onProgress)
        : await ofFile(run, held, { place, runs, signal: step.signal }, onProgress);
    const close = (): void => {
      plan.close();
      place.close();
    };
    return { ...plan, imports, close };
  } catch (error) {
    place.close();
    throw error;
  }
}

async function ofFile(
  run: ImportRun,
  held: HeldRows,
  { place, runs, signal }: { readonly place: Workplace; readonly runs: RunStore; readonly signal: AbortSignal },
  onProgress: (text: string) => void,
): Promise<Omit<Planned, 'imports'>> {
  const { kind, source, asOf, rows, map, name = 'the file' } = run;
  await place.stage(runs.bytes(run));
  const kindOf = IMPORT_KINDS[kind];
  const file = { file: place.file(name, signal), kind: kindOf, map: mapOf(map, kindOf), time: ANY_TIME };
  const full = { file, kind, source, asOf, folder: place.folder, ...(rows !== undefined && { rows }) };
  const plan = await planOf(full, held, onProgress);
  const { batch, digest, added, changed, ended } = plan.report;
  return {
    report: reportOf(plan),
    missing: added + changed + ended,
    isAgain: plan.last?.batch === batch,
    events: (time) => plan.events(time),
    end: (time, count) => importedEvent({ kind, file: { source, batch, asOf }, time }, { digest, rows: count }),
    close: () => plan.close(),
  };
}

async function ofUndo(
  run: ImportRun,
  holdings: HeldRows,
  { folder }: Workplace,
  onProgress: (text: string) => void,
): Promise<Omit<Planned, 'imports'>> {
  const of = batchNamed(run.undoes ?? '');
  const plan = await undoPlanOf(of, { holdings, folder }, onProgress);
  const { kind, source, asOf } = of;
  const { batch: undoes, by: batch, number, rows, kept, members, since } = plan.report;
  if (rows === 0 && run.publication === undefined) {
    plan.close();
    throw new RunRefused({
      code: 'nothing-left',
      text: 'No row is as this import stated it: it was taken back, later files changed its rows, or it never was.',
      about: { kept },
    });
  }
  const digest = createHash('sha256').update(batch).digest('hex');
  return {
    report: { number, batch, undoes, rows, kept, members, ...(since !== undefined && { since }) },
    missing: rows,
    isAgain: false,
    events: (time) => plan.events(time),
    end: (time, count) => importedEvent({ kind, file: { source, batch, asOf }, time }, { digest, rows: count, undoes }),
    close: () => plan.close(),
  };
}
