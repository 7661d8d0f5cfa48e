import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { BlobStoreFull } from '@provider-access/engines/blob';
import { type Batch, EngineUnavailable } from '@provider-access/engines/log';
import { typeOf } from '@provider-access/events';
import { Refusal } from '@provider-access/kernel';
import { Poll, Workers, type WorkersOptions } from '@provider-access/engines/jobs';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { SpanKind } from '@provider-access/service/observability';
import type { NewItem, WorkItem } from '@provider-access/engines/state';
import type { ViewReader } from '@provider-access/engines/views';
import { JOBS_CONFIG, type JobsConfig } from '../config.ts';
import { allWritten, expiresAt, isRunning, type Job } from '../domain/job.ts';
import { exportJobs, OF_THE_STREAM } from '../jobs-view.ts';
import { ChunkStep } from './chunk-step.ts';
import { ClientLimits } from './client-limits.ts';
import { JobStreams } from './job-stream.ts';
import { type JobItem, JobSteps, type Queue, QUEUES } from './job-steps.ts';

/** ms. Attempts of a step within this time count together. */
const FAILURES_WINDOW_MS = 24 * 3_600_000;

const RECOVER_AGAIN_MS = 2000;

/** Statuses of jobs with steps that are not done yet. */
const RECOVERED: readonly Job['status'][] = ['requested', 'writing', 'sealed', 'failed'];

/** An error in a log line. Messages of other errors may quote data. */
const faultOf = (error: Error) => ({
  error: error.name,
  ...((error instanceof EngineUnavailable || error instanceof Refusal) && { detail: error.message }),
  stack: error.stack?.split('\n').slice(1, 4).join('|'),
});

/**
 * Runs the steps of jobs as durable work items that any process may take: plan, write each chunk, seal, expire, sweep.
 */
@Injectable()
export class JobWork {
  private readonly workers: ReadonlyMap<Queue, Workers>;
  /** One query for all queues. It finds new items of other processes, expired leases and items that are due. */
  private readonly looking: Poll;
  private lookedAt = 0;
  private readonly stopping = new AbortController();
  private recovering: Promise<void> = Promise.resolve();
  private full = false;
  private measured: (() => void) | undefined;

  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(JOBS_CONFIG) private readonly config: JobsConfig,
    @Inject(JobStreams) private readonly streams: JobStreams,
    @Inject(ClientLimits) private readonly limits: ClientLimits,
    @Inject(JobSteps) steps: JobSteps,
    @Inject(ChunkStep) private readonly chunkStep: ChunkStep,
  ) {
    const holder = `export-${randomUUID()}`;
    const handlers: Record<Queue, WorkersOptions['handle']> = {
      'export-plan': (item) => steps.plan(item),
      'export-chunk': (item, signal, heartbeat) => chunkStep.run(item, signal, heartbeat),
      'export-seal': (item, _signal, heartbeat) => steps.seal(item, heartbeat),
      'export-expire': (item) => steps.expire(item),
      'export-sweep': (item) => steps.sweep(item),
    };
    const workersOf = (queue: Queue): Workers =>
      new Workers({
        work: ports.state.work,
        queue,
        holder,
        clock: ports.clock,
        ttlMs: config.leaseMs,
        concurrency: queue === 'export-chunk' ? Math.max(1, config.writers) : 1,
        ...(config.backoffMs !== undefined && { backoffMs: config.backoffMs }),
        handle: (item, signal, heartbeat) =>
          this.traced(item, () => this.attempt(item, () => handlers[queue](item, signal, heartbeat))),
        failed: (item, error) => this.warn(item, error as Error),
      });
    this.workers = new Map(QUEUES.map((queue) => [queue, workersOf(queue)] as const));
    this.looking = new Poll(() => this.look(), config.pollMs);
  }

  /** Searches unfinished jobs in the background, because there may be thousands. */
  start(): void {
    this.measured ??= this.ports.metrics.read('pa_export_storage_full', () => [
      { labels: {}, value: this.storageFull() ? 1 : 0 },
    ]);
    for (const workers of this.workers.values()) workers.start();
    void this.looking.start();
    this.recovering = this.recover(this.ports.views.reader(exportJobs));
  }
  async stop(): Promise<void> {
    this.stopping.abort();
    this.measured?.();
    this.looking.stop();
    // Return an unfinished chunk to the queue instead of waiting for it.
    const stopped = [...this.workers.values()].map((w) => w.stop());
    await this.chunkStep.close();
    await Promise.all([...stopped, this.recovering]);
  }
  /** ms since the epoch: the last time that the work store answered. */
  lastBeat(): number {
    return this.lookedAt;
  }
  private async look(): Promise<void> {
    try {
      for (const queue of await this.ports.state.work.ready(QUEUES)) this.workers.get(queue as Queue)!.notify();
      this.lookedAt = this.ports.clock.now();
    } catch {
      // The store is unavailable. `lastBeat` shows this, and the next poll tries again.
    }
  }
  /** Whether the last write found the disk full. */
  storageFull(): boolean {
    return this.full;
  }
  private async put(queue: Queue, items: readonly (NewItem & { readonly payload: JobItem })[]): Promise<void> {
    await this.ports.state.work.put(queue, items);
    this.workers.get(queue)!.notify();
  }
  /** Makes the span of a step a child of the kick-off's span, also in another process. */
  private traced(item: WorkItem, step: () => Promise<void>): Promise<void> {
    const { tracing } = this.ports;
    if (tracing === undefined) return step();
    return tracing.resume(
      `process ${item.queue}`,
      (item.payload as JobItem).traceparent,
      {
        kind: SpanKind.CONSUMER,
        attributes: {
          'messaging.system': 'provider-access',
          'messaging.destination.name': item.queue,
          'messaging.operation.name': 'process',
          'messaging.operation.type': 'process',
          'pa.work.attempt': item.attempts,
        },
      },
      step,
    );
  }
  private warn(item: WorkItem, error: Error): void {
    const { logger, tracing } = this.ports;
    const { queue, attempts } = item;
    const fields = { queue, attempts, ...faultOf(error) };
    const warn = (): void => logger.warn(fields, 'a step of an export failed and will be tried again');
    if (tracing === undefined) warn();
    else tracing.about((item.payload as JobItem).traceparent, warn);
  }
  /** Counts attempts. A step that fails too often ends the job with a reason, so that no job runs for ever. */
  private async attempt(item: WorkItem, step: () => Promise<void>): Promise<void> {
    try {
      await step();
      if (item.queue !== 'export-expire' && item.queue !== 'export-sweep') this.full = false;
    } catch (error) {
      const full = error instanceof BlobStoreFull;
      this.full ||= full;
      // Old facts are not a failure of this job, so they do not count as an attempt.
      if (error instanceof Refusal && error.kind === 'unavailable') throw error;
      // Count in the state store, because another process may make the next attempt.
      const name = `export-failures/${item.queue}/${item.id}`;
      const { count } = await this.ports.state.counters.hit(name, FAILURES_WINDOW_MS);
      if (count < this.config.attempts) throw error;
      this.ports.logger.error({ queue: item.queue, ...faultOf(error as Error) }, 'an export failed for good');
      await this.streams.end('fail', (item.payload as JobItem).job, full ? 'storage-full' : 'internal');
    }
  }

  private async recover(jobs: ViewReader): Promise<void> {
    const { signal } = this.stopping;
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        for (const status of RECOVERED) await this.putAll(jobs, status);
        return;
      } catch (error) {
        if (signal.aborted) return;
        this.ports.logger.warn(
          { attempt: attempt + 1, ...faultOf(error as Error) },
          'could not search unfinished exports for lost work items; trying again',
        );
        await delay(RECOVER_AGAIN_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  /** Puts the next work item of every job of a status if it is missing, because the state store may have lost it. */
  private async putAll(jobs: ViewReader, status: Job['status']): Promise<void> {
    for await (const { _id } of jobs.scan({ index: 'by_status', equals: [status], fields: 'keys' })) {
      this.stopping.signal.throwIfAborted();
      const job = await this.streams.load(_id);
      if (job !== undefined) await this.next(job, 'pa.export-planned.v1');
    }
  }

  /** Turns an event of a job into its next work item. Items are idempotent, so a redelivery changes nothing. */
  async handle({ records }: Batch): Promise<void> {
    for (const record of records) {
      const type = typeOf(record);
      if (OF_THE_STREAM.has(type)) await this.follow(record.key, type!);
    }
  }

  private async follow(id: string, type: string): Promise<void> {
    const job = await this.streams.load(id);
    if (job === undefined) return;
    // Release the slot here. A start does not need to scan all jobs, because a client that needs a slot can take over
    // a slot whose job has ended.
    const released = isRunning(job) ? undefined : this.limits.releaseSlot(job.client, id);
    // Both changes share a transaction.
    await Promise.all([released, this.next(job, type)]);
  }
  private async next(job: Job, type: string): Promise<void> {
    const { job: id, client: app, traceparent, status } = job;
    const { graceMs, keepMs, leaseMs } = this.config;
    const payload: JobItem = { job: id, ...(traceparent !== undefined && { traceparent }) };
    const put = (step: 'plan' | 'seal' | 'expire' | 'sweep', notBefore?: number): Promise<void> =>
      this.put(`export-${step}`, [{ id: `${id}/${step}`, app, payload, notBefore }]);
    const expires = expiresAt(job, keepMs);
    if (expires !== undefined && (status === 'sealed' || status === 'failed')) await put('expire', expires);
    if (job.ended !== undefined)
      await put('sweep', this.ports.clock.now() + (status === 'expired' ? graceMs : leaseMs * 2));
    else if (status === 'sealed') return;
    else if (status === 'requested') await put('plan');
    else if (allWritten(job)) await put('seal');
    else if (type === 'pa.export-planned.v1')
      await this.put(
        'export-chunk',
        job.written.map((_, chunk) => ({ id: `${id}/${chunk}`, app, payload: { ...payload, chunk } })),
      );
  }
}
