import { Inject, Injectable } from '@nestjs/common';
import type { Blobs } from '@provider-access/engines/blob';
import type { NewItem, WorkItem } from '@provider-access/engines/state';
import type { ExportPlanned } from '@provider-access/events';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { BLOBS, JOBS_CONFIG, type JobsConfig } from '../config.ts';
import { allWritten, isRunning, type Job } from '../domain/job.ts';
import { JobViews } from './job-views.ts';
import { jobPrefix, planPrefix, sealPrefix } from '../files/job-files.ts';
import { JobStreams } from './job-stream.ts';
import { type Kinds, KINDS, type Sealing } from './job-kind.ts';

/** Each step of a job has a queue of its own. */
export const QUEUES = ['export-plan', 'export-chunk', 'export-seal', 'export-expire', 'export-sweep'] as const;
export type Queue = (typeof QUEUES)[number];
export interface JobItem {
  readonly job: string;
  readonly chunk?: number;
  /** Of a long seal: what earlier items have decided. 0.2.0 ignores it, and seals from the start. */
  readonly sealing?: Sealing;
  /** Trace context of the kick-off. */
  readonly traceparent?: string;
}

/**
 * The item that removes the files of a job whose kick-off died before the job existed. It is another one than the item
 * that sweeps an ended job: a store does not take an id again whose item is done.
 * @param notBefore ms since the epoch: the kick-off has ended by then
 */
export const sweepOfKickOff = (job: string, notBefore: number): NewItem => {
  const payload: JobItem = { job };
  return { id: `${job}/kick-off`, payload, notBefore };
};

/**
 * The steps of a job before and after its chunks. A step may run twice or die in the middle. Only the event that it
 * appends to the stream of the job has an effect.
 */
@Injectable()
export class JobSteps {
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(JOBS_CONFIG) private readonly config: JobsConfig,
    @Inject(BLOBS) private readonly blobs: Blobs,
    @Inject(JobStreams) private readonly streams: JobStreams,
    @Inject(JobViews) private readonly views: JobViews,
    @Inject(KINDS) private readonly kinds: Kinds,
  ) {}

  async plan(item: WorkItem): Promise<void> {
    const { job: id } = item.payload as JobItem;
    const job = await this.streams.load(id);
    if (job?.status !== 'requested') return;
    await this.views.assertPassed(job);
    await this.streams.execute({ kind: 'plan', data: await this.freezeMembers(job, item.fence) });
  }

  /**
   * Freezes the members in one file for each chunk. A job without members has no chunks and gives no lines.
   */
  private async freezeMembers(of: Job, fence: number): Promise<ExportPlanned> {
    const { job } = of;
    const prefix = planPrefix(job, fence);
    let chunk: string[] = [];
    let chunks = 0;
    let members = 0;
    const flush = async (): Promise<void> => {
      if (chunk.length === 0) return;
      await this.blobs.put(`${prefix}${chunks}.json`, JSON.stringify({ members: chunk }));
      chunks++;
      chunk = [];
    };
    for await (const member of await this.kinds.of(of).members(of)) {
      chunk.push(member);
      members++;
      if (chunk.length >= this.config.chunkMembers) await flush();
    }
    await flush();
    return { job, members, chunks, plan: prefix };
  }

  async seal(item: WorkItem, heartbeat: () => Promise<boolean>): Promise<void> {
    const { job: id, sealing = { from: 0, checked: [] } } = item.payload as JobItem;
    const job = await this.streams.load(id);
    if (job === undefined || !isRunning(job) || !allWritten(job)) return;
    await this.views.assertPassed(job);
    const further = await this.kinds.of(job).slice(job, item.fence, sealing);
    if (further !== undefined) return this.sealFurther(job, item, further, heartbeat);
    const sealed = await this.kinds.of(job).seal(job, item.fence, sealing);
    const executed = (await heartbeat()) ? await this.streams.execute({ kind: 'seal', data: sealed }) : undefined;
    // No event will name these files, because another process has taken the step over or the job has ended. The prefix
    // contains the fence of this attempt, so no file of another attempt is under it.
    if (executed?.ok !== true && executed?.job?.sealed?.manifest !== sealed.manifest)
      await this.blobs.deletePrefix(sealPrefix(id, item.fence));
  }

  /** Puts the next item of a long seal behind the items of other apps. */
  private async sealFurther(
    { job, client }: Job,
    { queue, payload, fence }: WorkItem,
    sealing: Sealing,
    heartbeat: () => Promise<boolean>,
  ): Promise<void> {
    const id = `${job}/seal/${sealing.checked.length}`;
    if (await heartbeat())
      await this.ports.state.work.put(queue, [{ id, app: client, payload: { ...(payload as JobItem), sealing } }]);
    else await this.blobs.deletePrefix(sealPrefix(job, fence));
  }

  async expire(item: WorkItem): Promise<void> {
    await this.streams.end('expire', (item.payload as JobItem).job, 'kept long enough');
  }

  /** Removes the files of an ended job. Idempotent. */
  async sweep(item: WorkItem): Promise<void> {
    const { job: id } = item.payload as JobItem;
    const job = await this.streams.load(id);
    if (job !== undefined && job.ended === undefined) return;
    await this.blobs.deletePrefix(jobPrefix(id));
    // The ids of work items begin with the job id. A failed job keeps its expiry.
    for (const queue of QUEUES)
      if (queue !== 'export-sweep' && !(queue === 'export-expire' && job?.status === 'failed'))
        await this.ports.state.work.remove(queue, `${id}/`);
  }
}
