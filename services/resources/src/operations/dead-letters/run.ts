import type { Change } from '../../domain/json-patch.ts';

type Action = 'replay' | 'discard';
export type RunStatus = 'running' | 'done' | 'stopped';

/** A dead letter that a run could not resolve. */
export interface Failure {
  readonly deadLetter: string;
  /** Of `FAULT_REASONS`, or `gone`, `correction`. */
  readonly reason: string;
  /** What is wrong, without a value of the event. */
  readonly detail?: string;
  /** The dead letter that the replayed event became. */
  readonly again?: string;
}

/** How far a run has come. */
export interface Progress {
  /** Dead letters that the run has handled. */
  readonly taken: number;
  /** What became of them: outcomes of receipts, `discarded`, `failed` for those that stay open. */
  readonly counts: Readonly<Record<string, number>>;
  /** The first of those that could not be resolved. */
  readonly failures: readonly Failure[];
  /** The last dead letter that the run has handled. */
  readonly after?: { readonly at: string; readonly id: string };
}

/** What somebody asked to be done with every dead letter of a cause. */
export interface Run extends Progress {
  readonly id: string;
  readonly cause: string;
  readonly reason: string;
  readonly detail: string;
  readonly eventType?: string;
  readonly action: Action;
  /** Why the dead letters are discarded. */
  readonly why?: string;
  /** The correction of each event, while the run needs it. It may have data of members, so no answer has it. */
  readonly patch?: readonly Change[];
  readonly isCorrected: boolean;
  readonly by: string;
  readonly startedAt: string;
  readonly endedAt?: string;
  readonly status: RunStatus;
  /** Dead letters of the cause at the start, as far as they were counted. */
  readonly of: { readonly count: number; readonly isMore: boolean };
}

/** Failures that a run names. */
const NAMED_FAILURES = 100;

export function progressed(run: Progress, step: Progress): Progress {
  const counts: Record<string, number> = { ...run.counts };
  for (const [outcome, n] of Object.entries(step.counts)) counts[outcome] = (counts[outcome] ?? 0) + n;
  return {
    taken: run.taken + step.taken,
    counts,
    failures: [...run.failures, ...step.failures].slice(0, NAMED_FAILURES),
    ...(step.after !== undefined && { after: step.after }),
  };
}

/** A run as an answer shows it: without the correction, and without its place in the list. */
export function shown({ patch: _patch, after: _after, ...run }: Run): Omit<Run, 'patch' | 'after'> {
  return run;
}
