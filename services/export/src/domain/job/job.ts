import type {
  ExportChunkWritten,
  ExportEnded,
  ExportPlanned,
  ExportRequested,
  ExportSealed,
} from '@provider-access/events';

/** The life of an export: requested -> planned -> chunks written -> sealed -> expired, unless cancelled or failed. */
export type JobEvent =
  | { readonly type: 'pa.export-requested.v1'; readonly data: ExportRequested }
  | { readonly type: 'pa.export-planned.v1'; readonly data: ExportPlanned }
  | { readonly type: 'pa.export-chunk-written.v1'; readonly data: ExportChunkWritten }
  | { readonly type: 'pa.export-sealed.v1'; readonly data: ExportSealed }
  | {
      readonly type: 'pa.export-cancelled.v1' | 'pa.export-failed.v1' | 'pa.export-expired.v1';
      readonly data: ExportEnded;
    };

export type JobStatus = 'requested' | 'writing' | 'sealed' | 'cancelled' | 'failed' | 'expired';
export interface Job extends Omit<ExportRequested, 'warnings'> {
  readonly status: JobStatus;
  readonly warnings: ExportRequested['warnings'];
  readonly plan?: { readonly prefix: string; readonly members: number; readonly chunks: number };
  /** Fence of the accepted result of each chunk; 0 while there is none. */
  readonly written: readonly number[];
  /** Released members of each chunk; 0 while it has no result. Absent in a job that an earlier release planned. */
  readonly released?: readonly number[];
  readonly sealed?: { readonly manifest: string; readonly sealedAt: string; readonly expiresAt: string };
  readonly ended?: { readonly reason: string; readonly at: string };
}

export type JobCommand =
  | { readonly kind: 'request'; readonly data: ExportRequested }
  | { readonly kind: 'plan'; readonly data: ExportPlanned }
  | { readonly kind: 'write-chunk'; readonly data: ExportChunkWritten }
  | { readonly kind: 'seal'; readonly data: ExportSealed }
  | { readonly kind: 'cancel' | 'fail' | 'expire'; readonly data: ExportEnded };

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
  { readonly ok: true; readonly events: readonly JobEvent[] } | { readonly ok: false; readonly refusal: JobRefusal };

const refuse = (refusal: JobRefusal): JobDecision => ({ ok: false, refusal });
const yes = (event: JobEvent): JobDecision => ({ ok: true, events: [event] });

export const summaryOf = (job: string, chunk: number, fence: number): string =>
  `jobs/${job}/${chunk}/${fence}/chunk.json`;
/** ms since the epoch. Undefined while the job runs. */
export function expiresAt(job: Job, keepMs: number): number | undefined {
  if (job.status === 'failed') return Date.parse(job.ended!.at) + keepMs;
  return job.sealed === undefined ? undefined : Date.parse(job.sealed.expiresAt);
}
export const isRunning = (job: Job): boolean => job.status === 'requested' || job.status === 'writing';
export const chunksWritten = (job: Job): number => job.written.filter((fence) => fence > 0).length;
export const allWritten = (job: Job): boolean => job.plan !== undefined && chunksWritten(job) === job.plan.chunks;

/** Decides what a command changes. Pure: the command contains times, fences and names. */
export function decide(command: JobCommand, job: Job | undefined): JobDecision {
  if (command.kind === 'request')
    return job === undefined ? yes({ type: 'pa.export-requested.v1', data: command.data }) : refuse('exists');
  if (job === undefined) return refuse('unknown');
  if (job.status === 'cancelled' || job.status === 'expired') return refuse('ended');
  // A failed job stays, so that its status shows the reason, until the client deletes it or it expires.
  if (job.status === 'failed' && command.kind !== 'cancel' && command.kind !== 'expire') return refuse('ended');
  switch (command.kind) {
    case 'plan':
      return job.status === 'requested'
        ? yes({ type: 'pa.export-planned.v1', data: command.data })
        : refuse('already-planned');
    case 'write-chunk': {
      if (job.status === 'sealed') return refuse('already-sealed');
      if (job.status !== 'writing') return refuse('not-planned');
      const fence = job.written[command.data.chunk];
      if (fence === undefined) return refuse('no-such-chunk');
      return command.data.fence > fence
        ? yes({ type: 'pa.export-chunk-written.v1', data: command.data })
        : refuse('stale-fence');
    }
    case 'seal':
      if (job.status === 'sealed') return refuse('already-sealed');
      return allWritten(job)
        ? yes({ type: 'pa.export-sealed.v1', data: command.data })
        : refuse(job.plan === undefined ? 'not-planned' : 'chunks-missing');
    case 'cancel':
      return yes({ type: 'pa.export-cancelled.v1', data: command.data });
    case 'fail':
      return job.status === 'sealed'
        ? refuse('already-sealed')
        : yes({ type: 'pa.export-failed.v1', data: command.data });
    case 'expire':
      return isRunning(job) ? refuse('not-sealed') : yes({ type: 'pa.export-expired.v1', data: command.data });
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
    case 'pa.export-planned.v1':
      return {
        ...job,
        status: 'writing',
        plan: { prefix: event.data.plan, members: event.data.members, chunks: event.data.chunks },
        written: new Array<number>(event.data.chunks).fill(0),
        released: new Array<number>(event.data.chunks).fill(0),
      };
    case 'pa.export-chunk-written.v1':
      return {
        ...job,
        written: job.written.with(event.data.chunk, event.data.fence),
        ...(job.released !== undefined && { released: job.released.with(event.data.chunk, event.data.members) }),
      };
    case 'pa.export-sealed.v1':
      return {
        ...job,
        status: 'sealed',
        sealed: { manifest: event.data.manifest, sealedAt: event.data.sealedAt, expiresAt: event.data.expiresAt },
      };
    case 'pa.export-cancelled.v1':
    case 'pa.export-failed.v1':
    case 'pa.export-expired.v1':
      return {
        ...job,
        status: ENDS[event.type],
        ended: { reason: event.data.reason, at: event.data.at },
      };
  }
}
