import type { FileKind } from '@provider-access/events';
import type { FaultyRow, FileFaultCode, FullReport, Plan, ReportCause, UndoReport } from '@provider-access/full-files';

/** How far an import run is. The last four are ends, after which nothing of the file is left. */
type RunState = 'uploading' | 'checking' | 'checked' | 'publishing' | 'done' | 'refused' | 'stopped' | 'failed';
const ENDS: readonly RunState[] = ['done', 'refused', 'stopped', 'failed'];
export const isOpen = ({ state }: Pick<ImportRun, 'state'>): boolean => !ENDS.includes(state);

/** Ends a run: its file, or what it is for, is not as it must be. */
export class RunRefused extends Error {
  override readonly name = 'RunRefused';
  readonly fault: RunFault;
  constructor(fault: RunFault) {
    super(fault.code);
    this.fault = fault;
  }
}

/** What a step made of a run, or what else is known of it. */
export type Outcome = Partial<ImportRun> & Pick<ImportRun, 'state'>;
/** The run after a step. One that has ended keeps nothing that only its file needs. */
export function moved(run: ImportRun, { state, ...what }: Outcome, endedAt: string): ImportRun {
  const { confirmed, confirmedBy, isStopping, map, progress, ...rest } = { ...run, ...what };
  if (!isOpen({ state }))
    return { ...rest, state, endedAt, parts: [], ...(confirmedBy !== undefined && { confirmedBy }) };
  const kept = { ...rest, state, ...(map !== undefined && { map }) };
  // Whoever looks at a new report confirms it anew.
  if (state === 'checked') return kept;
  return {
    ...kept,
    ...(confirmed !== undefined && { confirmed }),
    ...(confirmedBy !== undefined && { confirmedBy }),
    ...(isStopping !== undefined && { isStopping }),
    ...(progress !== undefined && { progress }),
  };
}

/** Bytes of a part, and parts of a file. */
export const MOST_PART_BYTES = 1024 * 1024;
export const MOST_PARTS = 64;
/** Bytes of a file, as it is and without compression. A larger one is imported by `pa`. */
export const MOST_FILE_BYTES = MOST_PARTS * MOST_PART_BYTES;
export const MOST_ROWS = 1_000_000;
/** Runs that have not ended: of everybody, and of one person or token. */
export const MOST_OPEN = 20;
export const MOST_OPEN_OF_ONE = 3;
/** Runs in a list. */
export const LISTED = 20;
/** How long the content of a file may stay. */
export const KEPT_MS = 24 * 3600_000;
/** Lists of providers, and reasons, of a report. */
const MOST_LISTS = 50;
const MOST_REASONS = 50;
export const MOST_FAULTY_ROWS = 20;

/** Why a run ended without an import, or came back to `checked`. Nothing of it quotes a cell. */
export interface RunFault {
  readonly code:
    | FileFaultCode
    | 'too-large'
    | 'too-many-rows'
    | 'changed'
    | 'refused-event'
    | 'another-import'
    | 'incomplete'
    | 'expired'
    | 'nothing-left'
    | 'internal';
  readonly text: string;
  /** The values that the text names. */
  readonly about?: Readonly<Record<string, unknown>>;
  readonly rows?: readonly FaultyRow[];
}
/** What an import would change, as `pa simulate` says it. `lists` are the largest changes. */
export interface RunReport extends Omit<FullReport, 'lists' | 'kind' | 'source' | 'asOf' | 'digest'> {
  readonly lists: readonly { readonly list: string; held: number; gained: number; lost: number }[];
  /** What `reasons` says, for other languages. */
  readonly causes: readonly ReportCause[];
  /** Changed lists that `lists` leaves out. */
  readonly moreLists: number;
}
/** What an undo would take back. */
interface UndoRunReport extends Pick<UndoReport, 'number' | 'rows' | 'kept' | 'members'> {
  /** When the import published its first row. */
  readonly since?: string;
  /** The name of the undo, which is an import too. */
  readonly batch: string;
  readonly undoes: string;
}
/** What the run is doing: rows that it has read, members that it has compared, or rows that it has published. */
export interface RunProgress {
  readonly step: 'reading' | 'comparing' | 'publishing';
  readonly count: number;
}
export interface Part {
  readonly bytes: number;
  /** SHA-256, in hex. */
  readonly digest: string;
}

/** An import, or the undo of one, that a person makes in steps (ADR 0157). */
export interface ImportRun {
  readonly id: string;
  readonly action: 'import' | 'undo';
  readonly kind: FileKind;
  readonly source: string;
  readonly asOf: string;
  /** How many rows the sender says that the file has. */
  readonly rows?: number;
  readonly map?: unknown;
  /** The name of the file, without its folder. An undo has none. */
  readonly name?: string;
  /** Of an undo: the import that it takes back. */
  readonly undoes?: string;
  readonly state: RunState;
  readonly progress?: RunProgress;
  readonly fault?: RunFault;
  readonly report?: RunReport | UndoRunReport;
  readonly batch?: string;
  /** Who began it, and who confirmed it, as the audit names them. */
  readonly by: string;
  readonly confirmedBy?: string;
  readonly startedAt: string;
  readonly endedAt?: string;
  readonly parts: readonly Part[];
  /** The number of the report that a person has confirmed. */
  readonly confirmed?: string;
  /** Stored before the first event is appended. */
  readonly publication?: Publication;
  /** Somebody stops it while it publishes: the process that publishes ends it, so that no row comes after the end. */
  readonly isStopping?: true;
  /** How often a process has begun the present step. */
  readonly tries: number;
}
interface Publication {
  /** The time of each event, from which its id follows. So no process publishes a row under two ids. */
  readonly time: string;
  readonly batch: string;
  /** The last import of the source at the beginning: another one since then ends the run. */
  readonly after: string;
  /** Rows of an undo, or of the file. */
  readonly rows: number;
  /** How often all differences were published. */
  readonly rounds: number;
}

type Hidden = 'map' | 'parts' | 'confirmed' | 'publication' | 'tries';
/** A run as an answer shows it: how much of the file is there, and nothing that it says. */
export function shown(run: ImportRun): Omit<ImportRun, Hidden> & { readonly parts: number } {
  const { map: _map, parts, confirmed: _confirmed, publication: _publication, tries: _tries, ...rest } = run;
  return { ...rest, parts: parts.length };
}
/** The same in a list, without the lists of providers and the faulty rows. */
export function listed(run: ImportRun): ReturnType<typeof shown> {
  const { report, fault, ...rest } = shown(run);
  const { rows: _rows, ...about } = fault ?? {};
  return {
    ...rest,
    ...(report !== undefined && { report: 'lists' in report ? { ...report, lists: [] } : report }),
    ...(fault !== undefined && { fault: about as RunFault }),
  };
}

export function reportOf({ report, causes }: Pick<Plan, 'report' | 'causes'>): RunReport {
  const { lists, kind: _kind, source: _source, asOf: _asOf, digest: _digest, ...rest } = report;
  const changed = Object.entries(lists)
    .filter(([, { gained, lost }]) => gained + lost > 0)
    .map(([list, change]) => ({ list, ...change }))
    .sort((a, b) => b.gained + b.lost - (a.gained + a.lost) || (a.list < b.list ? -1 : 1));
  return {
    ...rest,
    reasons: report.reasons.slice(0, MOST_REASONS),
    causes: causes.slice(0, MOST_REASONS),
    lists: changed.slice(0, MOST_LISTS),
    moreLists: Math.max(0, changed.length - MOST_LISTS),
  };
}
