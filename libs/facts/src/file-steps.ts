import type { FileNote } from '@provider-access/events';
import { compareText, EVER, type NewStep, type Piece, pieces, type Step, timesOf } from './steps.ts';

/**
 * Statements from full files (ADR 0107). The newest file of a source says everything that this source knows, so it
 * stands beside what other sources and single events state: a row that leaves the file of one source stays in the
 * file of another. A single event overrules each file that tells of an earlier day.
 */

/** What one source's files state under one name: a coverage, or a Group. */
export interface FileStep extends Step {
  /** RFC 3339 instant: the beginning of the day of which the file tells, in UTC. */
  readonly asOf: string;
}
/** By name of the source. */
export type BySource<T> = Readonly<Record<string, T>>;

/** The newest row, its end, and those before them. A row of a file replaces all earlier ones. */
const MOST_STEPS = 4;
/** So many sources of files are kept of one member. A payer has a few. What a further one states gives no access. */
const MOST_SOURCES = 20;

const byTime = (a: Step, b: Step): number =>
  compareText(a.businessTime, b.businessTime) || compareText(a.event, b.event);

/** A statement of a file. A row replaces the whole earlier row; an end holds from its day on. */
export const fileStep = (step: NewStep, { asOf }: FileNote): Omit<FileStep, 'recordedAt' | 'changedAt'> => ({
  ...step,
  asOf: `${asOf}T00:00:00.000Z`,
  ...(step.from !== undefined && { appliesFrom: EVER }),
});

/** The steps with one more; undefined if the step is known, or older than all that are kept. */
export function withFileStep<S extends FileStep>(
  steps: readonly S[],
  step: Omit<S, 'recordedAt' | 'changedAt'>,
  recordedAt: string,
  { others, most = MOST_STEPS }: { readonly others: readonly Step[]; readonly most?: number },
): readonly S[] | undefined {
  if (steps.some(({ event }) => event === step.event)) return undefined;
  const before = [...pieces(steps), ...pieces(others)];
  const added = { ...step, ...timesOf(before, step, recordedAt) } as S;
  const kept = [...steps, added].sort(byTime).slice(-most);
  return kept.includes(added) ? kept : undefined;
}

/** Whether the statement is the newest of its source under its name, by itself or by an equal one. */
export function fileStepStands(steps: readonly FileStep[], step: Omit<FileStep, 'recordedAt' | 'changedAt'>): boolean {
  const newest = steps.at(-1);
  const isSame = (known: FileStep): boolean =>
    (['appliesFrom', 'from', 'until', 'coverageId'] as const).every((field) => known[field] === step[field]);
  return newest !== undefined && (newest.event === step.event || isSame(newest));
}

/**
 * The intervals in which a file's row holds, or a single event. `single` are the statements of single events about the
 * same thing: they overrule a file that tells of an earlier day.
 */
export function filePieces(steps: readonly FileStep[], single: readonly Step[]): readonly Piece[] {
  const asOf = new Map(steps.map((step) => [step.event, step.asOf]));
  const own = pieces(steps).map(({ to, ...piece }): Step => {
    const bounds = { appliesFrom: piece.from, from: piece.from, ...(to !== undefined && { until: to }) };
    return { ...piece, ...bounds, businessTime: asOf.get(piece.event)!, sequence: 0 };
  });
  return pieces([...own, ...single]);
}

/** Intervals of one thing that overlap, as one, if the later one was recorded before the earlier one ended. */
export function joined(all: readonly Piece[]): readonly Piece[] {
  const out: Piece[] = [];
  for (const piece of [...all].sort((a, b) => compareText(a.from, b.from) || compareText(a.recordedAt, b.recordedAt))) {
    const last = out.at(-1);
    const isUnbroken =
      last !== undefined &&
      last.coverageId === piece.coverageId &&
      (last.to === undefined || (piece.from <= last.to && piece.recordedAt <= last.to));
    if (!isUnbroken) out.push(piece);
    else if (last.to !== undefined && (piece.to === undefined || piece.to > last.to)) {
      const { to: _to, ...begun } = last;
      out[out.length - 1] = { ...begun, ...(piece.to !== undefined && { to: piece.to }) };
    }
  }
  return out;
}

/** What the sources state, with one source's part changed; undefined if there are too many sources. */
export function withSourcePart<T>(all: BySource<T> | undefined, source: string, part: T): BySource<T> | undefined {
  const isKnown = all !== undefined && Object.hasOwn(all, source);
  return !isKnown && Object.keys(all ?? {}).length >= MOST_SOURCES ? undefined : { ...all, [source]: part };
}
/** Names come from payers and may equal the name of a property that every object has. */
export const ofName = <T>(named: Readonly<Record<string, T>> | undefined, name: string): T | undefined =>
  named !== undefined && Object.hasOwn(named, name) ? named[name] : undefined;
