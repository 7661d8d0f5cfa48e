import { Inject, Injectable } from '@nestjs/common';
import type { Blobs } from '@provider-access/engines/blob';
import type { ExportSealed } from '@provider-access/events';
import { BLOBS, type Job, type JobKind, JobViews, type JobWords, type Sealing } from '@provider-access/jobs';
import type { AskedPatient } from '../domain/request/patients.ts';
import { type ChunkSummary, readAsk } from './ask.ts';
import { Chunks } from './chunks.ts';
import { Sealer } from './sealer.ts';

/** The ids of the references that have one, each once. */
const idsOf = (asked: readonly AskedPatient[]): readonly string[] =>
  asked.map(({ id }) => id).filter((id) => id !== undefined);

/** Jobs that export members of a Group. */
@Injectable()
export class ExportKind implements JobKind {
  readonly words: JobWords = { noun: 'export', done: 'written' };
  constructor(
    @Inject(BLOBS) private readonly blobs: Blobs,
    @Inject(JobViews) private readonly views: JobViews,
    @Inject(Chunks) private readonly chunks: Chunks,
    @Inject(Sealer) private readonly sealer: Sealer,
  ) {}

  /**
   * Ended memberships are included, because the chunk decides about each member again. A job that asks for patients has
   * these, whoever they are: the chunk decides about an unknown one as about one of another provider.
   */
  async members({ group, also, ask }: Job): Promise<AsyncIterable<string> | Iterable<string>> {
    const asked = ask === undefined ? undefined : (await readAsk(this.blobs, ask)).patients;
    if (asked !== undefined) return idsOf(asked);
    return this.views.membersOf([group, ...(also === undefined ? [] : [also.group])]);
  }

  write(job: Job, chunk: number, fence: number, members: readonly string[]): Promise<ChunkSummary> {
    return this.chunks.write(job, chunk, fence, members);
  }
  slice(job: Job, fence: number, sealing: Sealing): Promise<Sealing | undefined> {
    return this.sealer.slice(job, fence, sealing);
  }
  seal(job: Job, fence: number, sealing: Sealing): Promise<ExportSealed> {
    return this.sealer.seal(job, fence, sealing);
  }
  close(): Promise<void> {
    return this.chunks.close();
  }
}
