import type { Purpose } from '@provider-access/domain/access';
import type { Position } from '@provider-access/engines/log';
import type { EXPORT_EVENTS, ExportRequested } from '@provider-access/events';
import type { z } from 'zod';

/** The event that each command asks for. */
const EVENT_OF = {
  request: 'pa.export-requested.v1',
  plan: 'pa.export-planned.v1',
  'write-chunk': 'pa.export-chunk-written.v1',
  seal: 'pa.export-sealed.v1',
  cancel: 'pa.export-cancelled.v1',
  fail: 'pa.export-failed.v1',
  expire: 'pa.export-expired.v1',
} as const;
type Kind = keyof typeof EVENT_OF;
type DataOf<K extends Kind> = z.infer<(typeof EXPORT_EVENTS)[(typeof EVENT_OF)[K]]['schema']>;

/** The life of an export: requested -> planned -> chunks written -> sealed -> expired, unless cancelled or failed. */
export type JobEvent = { [K in Kind]: { readonly type: (typeof EVENT_OF)[K]; readonly data: DataOf<K> } }[Kind];
export type JobCommand = { [K in Kind]: { readonly kind: K; readonly data: DataOf<K> } }[Kind];

export type JobStatus = 'requested' | 'writing' | 'sealed' | 'cancelled' | 'failed' | 'expired';
export interface Job extends ExportRequested {
  readonly status: JobStatus;
  readonly plan?: { readonly prefix: string; readonly members: number; readonly chunks: number };
  /** Fence of the accepted result of each chunk; 0 while there is none. */
  readonly written: readonly number[];
  /** Released members of each chunk; 0 while it has no result. Absent in a job that an earlier release planned. */
  readonly released?: readonly number[];
  readonly sealed?: { readonly manifest: string; readonly sealedAt: string; readonly expiresAt: string };
  readonly ended?: { readonly reason: string; readonly at: string };
}

/** Reasons why a command changes nothing. */
export type JobRefusal =
  | 'exists'
  | 'unknown'
  | 'ended'
  | 'already-planned'
  | 'not-planned'
  | 'no-such-chunk'
  | 'stale-fence'
  | 'chunks-missing'
  | 'already-sealed'
  | 'not-sealed';
export type JobDecision =
  { readonly ok: true; readonly event: JobEvent } | { readonly ok: false; readonly refusal: JobRefusal };

export const summaryOf = (job: string, chunk: number, fence: number): string =>
  `jobs/${job}/${chunk}/${fence}/chunk.json`;
/** ms since the epoch. Undefined while the job runs. */
export function expiresAt(job: Job, keepMs: number): number | undefined {
  if (job.status === 'failed') return Date.parse(job.ended!.at) + keepMs;
  return job.sealed === undefined ? undefined : Date.parse(job.sealed.expiresAt);
}
/**
 * Topics that no view follows. A job that an earlier build would run as an ordinary export waits for them too, so a
 * build that does not know a topic takes none of the steps, and serves no file.
 */
const NOT_FOR_EARLIER_BUILDS = {
  ask: 'pa.export-asks',
  organizeBy: 'pa.export-organized',
  list: 'pa.export-lists',
  match: 'pa.export-matches',
  also: 'pa.export-joined-groups',
  matched: 'pa.export-matched-groups',
  within: 'pa.export-parts',
} as const;
type Marked = { readonly [K in keyof typeof NOT_FOR_EARLIER_BUILDS]?: unknown };
/** What a decision about a member of the job is asked for: both parts of the list count. */
export const purposeOf = <K extends 'export' | 'download'>(
  kind: K,
  { group, also }: Pick<Job, 'group' | 'also'>,
): Purpose & { readonly kind: K } => ({ kind, group, ...(also !== undefined && { also }) });
/** The positions of a new job as its event has them. */
export const positionsInEvent = (positions: Position, marked: Marked): Record<string, number[]> => ({
  ...Object.fromEntries(Object.entries(positions).map(([topic, at]) => [topic, [...at]])),
  ...Object.fromEntries(
    (Object.keys(NOT_FOR_EARLIER_BUILDS) as (keyof Marked)[])
      .filter((mark) => marked[mark] !== undefined)
      .map((mark) => [NOT_FOR_EARLIER_BUILDS[mark], [1]]),
  ),
});
/** The positions that views must have passed before a step of the job. */
export function positionsOf({ positions }: Pick<Job, 'positions'>): Position {
  const known: readonly string[] = Object.values(NOT_FOR_EARLIER_BUILDS);
  return Object.fromEntries(Object.entries(positions).filter(([topic]) => !known.includes(topic)));
}
/**
 * Reason of a job whose kick-off was not acknowledged. No service level measures it, because the client got an error.
 */
export const NOT_ACKNOWLEDGED = 'not acknowledged';

export const isRunning = (job: Job): boolean => job.status === 'requested' || job.status === 'writing';
export const chunksWritten = (job: Job): number => job.written.filter((fence) => fence > 0).length;
export const allWritten = (job: Job): boolean => job.plan !== undefined && chunksWritten(job) === job.plan.chunks;

/** Decides what a command changes. Pure: the command contains times, fences and names. */
export function decide(command: JobCommand, job: Job | undefined): JobDecision {
  const refusal = refusalOf(command, job);
  if (refusal !== undefined) return { ok: false, refusal };
  return { ok: true, event: { type: EVENT_OF[command.kind], data: command.data } as JobEvent };
}

function refusalOf(command: JobCommand, job: Job | undefined): JobRefusal | undefined {
  if (command.kind === 'request') return job === undefined ? undefined : 'exists';
  if (job === undefined) return 'unknown';
  const { status } = job;
  if (status === 'cancelled' || status === 'expired') return 'ended';
  // A failed job stays, so that its status shows the reason, until the client deletes it or it expires.
  if (status === 'failed' && command.kind !== 'cancel' && command.kind !== 'expire') return 'ended';
  switch (command.kind) {
    case 'plan':
      return status === 'requested' ? undefined : 'already-planned';
    case 'write-chunk': {
      if (status === 'sealed') return 'already-sealed';
      if (status !== 'writing') return 'not-planned';
      const fence = job.written[command.data.chunk];
      if (fence === undefined) return 'no-such-chunk';
      return command.data.fence > fence ? undefined : 'stale-fence';
    }
    case 'seal':
      if (status === 'sealed') return 'already-sealed';
      if (job.plan === undefined) return 'not-planned';
      return allWritten(job) ? undefined : 'chunks-missing';
    case 'cancel':
      return undefined;
    case 'fail':
      return status === 'sealed' ? 'already-sealed' : undefined;
    case 'expire':
      return isRunning(job) ? 'not-sealed' : undefined;
  }
}

const ENDS = {
  'pa.export-cancelled.v1': 'cancelled',
  'pa.export-failed.v1': 'failed',
  'pa.export-expired.v1': 'expired',
} as const;

/** The job after an event. Ignores an event of a job that was never requested. */
export function evolve(job: Job | undefined, event: JobEvent): Job | undefined {
  if (event.type === 'pa.export-requested.v1') return { ...event.data, status: 'requested', written: [] };
  if (job === undefined) return undefined;
  switch (event.type) {
    case 'pa.export-planned.v1': {
      const { plan: prefix, members, chunks } = event.data;
      const none = new Array<number>(chunks).fill(0);
      return { ...job, status: 'writing', plan: { prefix, members, chunks }, written: none, released: none };
    }
    case 'pa.export-chunk-written.v1':
      return {
        ...job,
        written: job.written.with(event.data.chunk, event.data.fence),
        ...(job.released !== undefined && { released: job.released.with(event.data.chunk, event.data.members) }),
      };
    case 'pa.export-sealed.v1': {
      const { manifest, sealedAt, expiresAt: expires } = event.data;
      return { ...job, status: 'sealed', sealed: { manifest, sealedAt, expiresAt: expires } };
    }
    case 'pa.export-cancelled.v1':
    case 'pa.export-failed.v1':
    case 'pa.export-expired.v1':
      return { ...job, status: ENDS[event.type], ended: { reason: event.data.reason, at: event.data.at } };
  }
}
