/** The limits of a client. */
interface ClientLimitsConfig {
  readonly runningPerClient: number;
  readonly kickOffsPerHour: number;
  readonly pollsPerMinute: number;
  readonly downloadsPerClient: number;
  /** Of compressed bytes. */
  readonly keptBytesPerClient: number;
}
/** How long jobs wait, and how often they are tried. Durations in ms. */
interface JobTimes {
  readonly keepMs: number;
  readonly leaseMs: number;
  /** How long files outlive their expiry, for downloads that have begun. */
  readonly graceMs: number;
  /** How long a kick-off, a seal or a DELETE waits for views before it answers 503 or tries again. */
  readonly waitMs: number;
  /** Attempts at one work item before the job fails. */
  readonly attempts: number;
  /** Time between two searches of an idle worker for work of other processes. */
  readonly pollMs: number;
  readonly backoffMs?: (attempts: number) => number;
  /** How far transactionTime lies before the reading of the positions. */
  readonly skewMarginMs: number;
}
/** What the jobs of a service need of its configuration. */
export interface JobsConfig extends ClientLimitsConfig, JobTimes {
  readonly publicUrl: string;
  /** The version of Bulk Data whose manifest a status request answers. */
  readonly manifest: 3 | 4;
  readonly chunkMembers: number;
  /** Chunks that this process writes at a time. 0: one, in the main thread. */
  readonly writers: number;
}
export const JOBS_CONFIG = Symbol('JobsConfig');
/** Injection token of the store of part files. */
export const BLOBS = Symbol('Blobs');
