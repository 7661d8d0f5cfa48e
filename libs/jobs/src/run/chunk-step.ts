import { Inject, Injectable } from '@nestjs/common';
import { Audit } from '@provider-access/audit';
import type { Blobs } from '@provider-access/engines/blob';
import { EngineUnavailable } from '@provider-access/engines/log';
import { namesOf } from '@provider-access/events';
import type { WorkItem } from '@provider-access/engines/state';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { BLOBS } from '../config.ts';
import { type Job, summaryOf } from '../domain/job.ts';
import { JobViews } from './job-views.ts';
import { type ChunkResult, chunkPrefix, readPlanChunk } from '../files/job-files.ts';
import { type Kinds, KINDS } from './job-kind.ts';
import type { JobItem } from './job-steps.ts';
import { JobStreams } from './job-stream.ts';

/** The step that writes one chunk of a job. */
@Injectable()
export class ChunkStep {
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(BLOBS) private readonly blobs: Blobs,
    @Inject(JobStreams) private readonly streams: JobStreams,
    @Inject(JobViews) private readonly views: JobViews,
    @Inject(KINDS) private readonly kinds: Kinds,
    @Inject(Audit) private readonly audit: Audit,
  ) {}

  /** Counts abandoned and failed chunks. `measureDecision` counts written chunks. */
  async run(item: WorkItem, signal: AbortSignal, heartbeat: () => Promise<boolean>): Promise<void> {
    const { metrics } = this.ports;
    try {
      if (await this.write(item, signal, heartbeat)) return;
      // Another process has taken the chunk over, so no event will name these files.
      const { job, chunk } = item.payload as Required<JobItem>;
      await this.blobs.deletePrefix(chunkPrefix(job, chunk, item.fence));
      metrics.count('pa_export_chunks_total', { outcome: 'abandoned' });
    } catch (error) {
      metrics.count('pa_export_chunks_total', { outcome: signal.aborted ? 'abandoned' : 'failed' });
      throw error;
    }
  }
  /** Ends the threads. A chunk that they write fails. */
  async close(): Promise<void> {
    await Promise.all(this.kinds.all.map((kind) => kind.close()));
  }

  /** Returns false if another process has taken the chunk over. */
  private async write(item: WorkItem, signal: AbortSignal, heartbeat: () => Promise<boolean>): Promise<boolean> {
    const { job: id, chunk } = item.payload as Required<JobItem>;
    const job = await this.streams.load(id);
    if (job?.status !== 'writing' || job.written[chunk] !== 0) return true;
    await this.views.assertPassed(job);
    const { members } = await readPlanChunk(this.blobs, job.plan!.prefix, chunk);
    const summary = await this.kinds.of(job).write(job, chunk, item.fence, members);
    // Another process may have taken the chunk over. Only the holder of the lease may report the chunk as written.
    if (signal.aborted && !(await heartbeat().catch(() => true))) return false;
    if (signal.aborted) throw new EngineUnavailable('this process stops');
    if (!(await heartbeat())) return false;
    return this.report(job, chunk, item.fence, summary);
  }

  private async report(job: Job, chunk: number, fence: number, summary: ChunkResult): Promise<boolean> {
    const name = summaryOf(job.job, chunk, fence);
    await this.blobs.put(name, JSON.stringify(summary));
    for (const reason of namesOf(summary.refused))
      await this.audit.refuse(
        {
          client: job.client,
          action: 'export-requested',
          reason,
          // A client may ask for any id, and the audit names no member whom nobody knows.
          members: reason === 'member-unknown' ? [] : [...(summary.refused[reason] ?? [])],
          group: job.group,
          job: job.job,
        },
        reason === 'member-unknown' ? undefined : summary.decided?.[reason],
      );
    const total = (field: 'resources' | 'compressed'): number => summary.parts.reduce((n, part) => n + part[field], 0);
    const executed = await this.streams.execute({
      kind: 'write-chunk',
      data: {
        job: job.job,
        chunk,
        fence,
        summary: name,
        members: summary.released.length,
        refused: Object.values(summary.refused).reduce((n, members) => n + members.length, 0),
        resources: total('resources'),
        bytes: total('compressed'),
      },
    });
    return executed.ok || executed.job?.written[chunk] === fence;
  }
}
