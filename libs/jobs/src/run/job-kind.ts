import type { ExportSealed } from '@provider-access/events';
import type { Job } from '../domain/job.ts';
import type { ChunkResult } from '../files/job-files.ts';

/** How far a seal is: chunks whose members are decided, and the files with those that were dropped. */
export interface Sealing {
  readonly from: number;
  readonly checked: readonly string[];
}

/** How a client reads of a job of a kind. */
export interface JobWords {
  /** Also of the job as a whole: `The match failed.` */
  readonly noun: 'export' | 'match';
  /** What happens to a member: `2 members matched`. */
  readonly done: 'written' | 'matched';
}

/**
 * What jobs of a kind do in the steps that all jobs have. Each method may run twice or die in the middle, and names its
 * files by the fence of the attempt.
 */
export interface JobKind {
  readonly words: JobWords;
  /** What the chunks have, in their order. The chunk decides about each of them. */
  members(job: Job): Promise<AsyncIterable<string> | Iterable<string>>;
  /** @throws BlobStoreFull, or EngineUnavailable for any other failure; the chunk can be tried again */
  write(job: Job, chunk: number, fence: number, members: readonly string[]): Promise<ChunkResult>;
  /** The next slice of a seal that has more chunks than one item may decide. Undefined: `seal` decides the rest. */
  slice(job: Job, fence: number, sealing: Sealing): Promise<Sealing | undefined>;
  /** The last check before downloads. Writes the manifest. */
  seal(job: Job, fence: number, sealing: Sealing): Promise<ExportSealed>;
  /** Ends what writes chunks. A chunk that is being written fails. */
  close(): Promise<void>;
}

/** The kind of a job. */
type KindOf = (job: Pick<Job, 'match'>) => JobKind;
/** Injection token of `Kinds`. */
export const KINDS = Symbol('Kinds');
export interface Kinds {
  readonly of: KindOf;
  readonly all: readonly JobKind[];
}
