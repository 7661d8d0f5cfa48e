import type { Purpose } from '@provider-access/domain/access';
import type { Blobs } from '@provider-access/engines/blob';
import type { Extracts, FilledExtract, ViewReader } from '@provider-access/engines/views';
import type { Clock } from '@provider-access/kernel';
import type { LabelGate, RecordsReader } from '@provider-access/records';
import type { Job } from '@provider-access/jobs';
import type { PartLimits } from '@provider-access/jobs/files';
import type { Ask, ChunkSummary } from './ask.ts';
import type { PartySnapshot } from './party-snapshot.ts';

/** A task for a worker thread. It must be structured-clonable. */
export interface ChunkTask extends Pick<Ask, 'list'> {
  readonly job: string;
  readonly chunk: number;
  readonly fence: number;
  readonly client: string;
  readonly purpose: Purpose;
  readonly types: readonly string[];
  /** ms since the epoch */
  readonly since?: number;
  readonly members: readonly string[];
  readonly party: PartySnapshot;
  readonly limits?: PartLimits;
  /** Whether the job asks for patients, so that its seal must know who has no line. */
  readonly named?: boolean;
  /** What the job asks for of each member. Absent: everything. */
  readonly asked?: Pick<Ask, 'filters' | 'elements' | 'until' | 'provenance' | 'organizeBy'> & Pick<Job, 'within'>;
  /** The absolute base of our FHIR resources. Given with `asked`. */
  readonly base?: string;
}
export interface ChunkSources {
  readonly records: RecordsReader;
  readonly facts: ViewReader;
  readonly blobs: Blobs;
  readonly clock: Clock;
  readonly labels: LabelGate;
  /** Absent on an engine that has none. */
  readonly extracts?: Pick<Extracts, 'get'> | undefined;
}
export interface WrittenChunk {
  readonly summary: ChunkSummary;
  /** Extracts of members that had none, to keep for the next export. */
  readonly extracts: readonly FilledExtract[];
}
