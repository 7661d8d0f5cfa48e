import type { Provider } from '@nestjs/common';
import { ChunkStep } from './chunk-step.ts';
import { ClientLimits } from './client-limits.ts';
import { JobStarts } from './job-starts.ts';
import { JobStreams } from './job-stream.ts';
import { JobSteps } from './job-steps.ts';
import { JobViews } from './job-views.ts';
import { JobWork } from './job-work.ts';

export { ClientLimits } from './client-limits.ts';
export { type JobKind, type JobWords, type Kinds, KINDS, type Sealing } from './job-kind.ts';
export { JobStreams } from './job-stream.ts';
export { type Frozen, JobStarts, type NewJob, newJobId, SEPARATE_STATUS, type Starting } from './job-starts.ts';
export { JobViews } from './job-views.ts';
export { JobWork } from './job-work.ts';

/** What runs jobs. A service also provides PORTS, Facts, Audit, BLOBS, JOBS_CONFIG and KINDS. */
export const RUNNING: readonly Provider[] = [
  JobViews,
  JobStreams,
  ClientLimits,
  ChunkStep,
  JobSteps,
  JobStarts,
  JobWork,
];
