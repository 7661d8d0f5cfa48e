import type { Blobs } from '@provider-access/engines/blob';
import type { Audit } from '@provider-access/audit';
import { EngineUnavailable } from '@provider-access/engines/log';
import type { Access, Parties } from '@provider-access/facts';
import { instant, Refusal } from '@provider-access/kernel';
import type { ServicePorts } from '@provider-access/service/http';
import type { LabelGate, RecordsReader } from '@provider-access/facts/records';
import type { WorkItem } from '@provider-access/engines/state';
import type { ViewReader } from '@provider-access/engines/views';
import { allWritten, isRunning, summaryOf, type Job } from '../domain/job/job.ts';
import type { ExportConfig } from '../config.ts';
import type { ChunkWriting } from './chunk-pool.ts';
import type { ChunkTask } from './chunk-writer.ts';
import type { ChunkSummary } from './chunk-summary.ts';
import { chunkPrefix, jobPrefix, readPlanChunk, sealPrefix } from './job-files.ts';
import type { JobStreams } from './job-stream.ts';
import { partySnapshot } from './party-snapshot.ts';
import { planExport } from './plan-export.ts';
import { sealExport } from './seal-export.ts';
import type { RunningSlots } from './running-slots.ts';
import { viewsPassed } from './views-passed.ts';
import { QUEUES, type JobItem } from './queues.ts';

export interface ExportWorkOptions {
  readonly ports: ServicePorts;
  readonly config: ExportConfig;
  readonly blobs: Blobs;
  readonly streams: JobStreams;
  readonly slots: RunningSlots;
  readonly access: Access;
  readonly parties: Parties;
  readonly audit: Audit;
  readonly records: RecordsReader;
  readonly labels: LabelGate;
  readonly facts: ViewReader;
  readonly memberships: ViewReader;
  readonly chunks: ChunkWriting;
  readonly holder: string;
}

/**
 * The steps of a job. A step may run twice or die in the middle. Only the event that it appends to the stream of the
 * job has an effect.
 */
export class JobSteps {
  private readonly o: ExportWorkOptions;

  constructor(options: ExportWorkOptions) {
    this.o = options;
  }

  /** @throws Refusal while a view has not passed the positions of the kick-off. The step then waits without a limit. */
  private async viewsOf(job: Job): Promise<void> {
    const { records, access, memberships, config } = this.o;
    if (!(await viewsPassed({ records, access, memberships }, job.positions, config.waitMs)))
      throw new Refusal('unavailable', 'A view that exports read has not passed the kick-off yet.');
  }

  async plan(item: WorkItem): Promise<void> {
    const { job: id } = item.payload as JobItem;
    const job = await this.o.streams.load(id);
    if (job?.status !== 'requested') return;
    await this.viewsOf(job);
    const planned = await planExport(
      id,
      job.group,
      item.fence,
      this.o.memberships,
      this.o.blobs,
      this.o.config.chunkMembers,
    );
    await this.o.streams.execute({ kind: 'plan', data: planned });
  }

  /** Counts abandoned and failed chunks. `measureDecision` counts written chunks. */
  async chunk(item: WorkItem, signal: AbortSignal, heartbeat: () => Promise<boolean>): Promise<void> {
    const { metrics } = this.o.ports;
    try {
      if (!(await this.writeChunk(item, signal, heartbeat)))
        metrics.count('pa_export_chunks_total', { outcome: 'abandoned' });
    } catch (error) {
      metrics.count('pa_export_chunks_total', { outcome: signal.aborted ? 'abandoned' : 'failed' });
      throw error;
    }
  }

  /** Returns false, and removes the files that it wrote, if another process has taken the chunk over. */
  private async writeChunk(item: WorkItem, signal: AbortSignal, heartbeat: () => Promise<boolean>): Promise<boolean> {
    const { job: id, chunk } = item.payload as Required<JobItem>;
    const { streams, blobs, access, parties, chunks, audit } = this.o;
    const job = await streams.load(id);
    if (job?.status !== 'writing' || job.written[chunk] !== 0) return true;
    await this.viewsOf(job);
    const { members } = await readPlanChunk(blobs, job.plan!.prefix, chunk);
    const task: ChunkTask = {
      job: id,
      chunk,
      fence: item.fence,
      client: job.client,
      group: job.group,
      types: job.types,
      ...(job.since !== undefined && { since: Date.parse(job.since) }),
      members,
      ...(this.o.config.partLimits !== undefined && { limits: this.o.config.partLimits }),
      party: await partySnapshot(job.client, job.group, members, access, parties),
    };
    const summary = await this.written(chunks, task);
    // Another process may have taken the chunk over. Only the holder of the lease may report the chunk as written.
    if (signal.aborted && !(await heartbeat().catch(() => true))) return this.givenUp(id, chunk, item.fence);
    if (signal.aborted) throw new EngineUnavailable('this process stops');
    if (!(await heartbeat())) return this.givenUp(id, chunk, item.fence);
    const name = summaryOf(id, chunk, item.fence);
    await blobs.put(name, JSON.stringify(summary));
    const refused = Object.values(summary.refused).reduce((n, list) => n + list.length, 0);
    for (const [reason, list] of Object.entries(summary.refused))
      await audit.refuse({
        client: job.client,
        action: 'export-requested',
        reason,
        members: [...list],
        group: job.group,
        job: id,
      });
    const total = (f: 'resources' | 'compressed'): number => summary.parts.reduce((n, p) => n + p[f], 0);
    const executed = await streams.execute({
      kind: 'write-chunk',
      data: {
        job: id,
        chunk,
        fence: item.fence,
        summary: name,
        members: summary.released.length,
        refused,
        resources: total('resources'),
        bytes: total('compressed'),
      },
    });
    return executed.ok || executed.job?.written[chunk] === item.fence || this.givenUp(id, chunk, item.fence);
  }
  private async givenUp(job: string, chunk: number, fence: number): Promise<false> {
    await this.discard(chunkPrefix(job, chunk, fence));
    return false;
  }

  private written(chunks: ChunkWriting, task: ChunkTask): Promise<ChunkSummary> {
    const { tracing } = this.o.ports;
    if (tracing === undefined) return chunks.write(task);
    return tracing.span(
      'write chunk',
      { attributes: { 'pa.chunk.members': task.members.length, 'pa.chunk.types': task.types.length } },
      async (span) => {
        const summary = await chunks.write(task);
        span?.setAttributes({ 'pa.chunk.released': summary.released.length, 'pa.chunk.parts': summary.parts.length });
        return summary;
      },
    );
  }

  async seal(item: WorkItem, heartbeat: () => Promise<boolean>): Promise<void> {
    const { job: id } = item.payload as JobItem;
    const job = await this.o.streams.load(id);
    if (job === undefined || !isRunning(job) || !allWritten(job)) return;
    await this.viewsOf(job);
    const {
      ports: { log, clock },
      access,
      parties,
      facts,
      records,
      blobs,
      labels,
      config,
    } = this.o;
    const sealed = await sealExport(
      job,
      item.fence,
      { log, access, parties, facts, records, blobs, clock, labels },
      config,
    );
    const executed = (await heartbeat()) ? await this.o.streams.execute({ kind: 'seal', data: sealed }) : undefined;
    if (executed?.ok !== true && executed?.job?.sealed?.manifest !== sealed.manifest)
      await this.discard(sealPrefix(id, item.fence));
  }

  /**
   * Removes files that no event will name, because another process has taken the step over or the job has ended. The
   * prefix contains the fence of this attempt, so no file of another attempt is under it.
   */
  private async discard(prefix: string): Promise<void> {
    await this.o.blobs.deletePrefix(prefix);
  }

  async expire(item: WorkItem): Promise<void> {
    await this.o.streams.execute({
      kind: 'expire',
      data: { job: (item.payload as JobItem).job, reason: 'kept long enough', at: instant(this.o.ports.clock.now()) },
    });
  }

  /** Removes the files of an ended job. Idempotent. */
  async sweep(item: WorkItem): Promise<void> {
    const { job: id } = item.payload as JobItem;
    const job = await this.o.streams.load(id);
    if (job !== undefined && job.ended === undefined) return;
    await this.o.blobs.deletePrefix(jobPrefix(id));
    // The ids of work items begin with the job id. A failed job keeps its expiry.
    for (const queue of QUEUES)
      if (queue !== 'export-sweep' && !(queue === 'export-expire' && job?.status === 'failed'))
        await this.o.ports.state.work.remove(queue, `${id}/`);
  }
}
