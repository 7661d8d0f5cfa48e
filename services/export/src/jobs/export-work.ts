import { setTimeout as delay } from 'node:timers/promises';
import { BlobStoreFull, type Blobs } from '@provider-access/engines/blob';
import type { Audit } from '@provider-access/audit';
import { EngineUnavailable } from '@provider-access/engines/log';
import type { Access, Parties } from '@provider-access/facts';
import { instant, Refusal } from '@provider-access/kernel';
import type { ServicePorts } from '@provider-access/service/http';
import { Workers, Poll } from '@provider-access/engines/jobs';
import { SpanKind } from '@provider-access/service/observability';
import type { RecordsReader } from '@provider-access/facts/records';
import type { WorkItem } from '@provider-access/engines/state';
import type { ViewReader } from '@provider-access/engines/views';
import { allWritten, expiresAt, isRunning, summaryOf, type Job } from '../domain/job/job.ts';
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

/** Failures of one step within this time, ms, are counted together. */
const FAILURES_WINDOW_MS = 24 * 3_600_000;

const RECOVER_AGAIN_MS = 2000;

/** Statuses of jobs that still have steps to do. */
const RECOVERED: readonly Job['status'][] = ['requested', 'writing', 'sealed', 'failed'];

const QUEUES = ['export-plan', 'export-chunk', 'export-seal', 'export-expire', 'export-sweep'] as const;
export type Queue = (typeof QUEUES)[number];
export interface JobItem {
  readonly job: string;
  readonly chunk?: number;
  /** Trace context of the kick-off. */
  readonly traceparent?: string;
}

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
  readonly facts: ViewReader;
  readonly memberships: ViewReader;
  readonly chunks: ChunkWriting;
  readonly holder: string;
}

/**
 * The steps of a job as durable work items that any process may take: plan, write each chunk, seal, expire, sweep. Each
 * step may run twice or die in the middle. What counts is the event that it appends, decided on the stream of the job.
 */
export class ExportWork {
  private readonly o: ExportWorkOptions;
  private readonly workers: ReadonlyMap<Queue, Workers>;
  /** One query for all queues: items of other processes, expired leases, items whose time has come. */
  private readonly looking: Poll;
  private lookedAt = 0;
  private readonly stopping = new AbortController();
  private recovering: Promise<void> = Promise.resolve();
  private fullSince: number | undefined;
  private measured: (() => void) | undefined;

  constructor(options: ExportWorkOptions) {
    this.o = options;
    const { ports, config } = options;
    const handlers: Record<
      Queue,
      (item: WorkItem, signal: AbortSignal, heartbeat: () => Promise<boolean>) => Promise<void>
    > = {
      'export-plan': (item) => this.plan(item),
      'export-chunk': (item, signal, heartbeat) => this.measuredChunk(item, signal, heartbeat),
      'export-seal': (item, _signal, heartbeat) => this.seal(item, heartbeat),
      'export-expire': (item) => this.expire(item),
      'export-sweep': (item) => this.sweep(item),
    };
    this.workers = new Map(
      QUEUES.map(
        (queue) =>
          [
            queue,
            new Workers({
              work: ports.state.work,
              queue,
              holder: options.holder,
              clock: ports.clock,
              ttlMs: config.leaseMs,
              pollMs: 0,
              concurrency: queue === 'export-chunk' ? Math.max(1, config.writers) : 1,
              ...(config.backoffMs !== undefined && { backoffMs: config.backoffMs }),
              handle: (item, signal, heartbeat) =>
                this.traced(item, () => this.attempt(item, () => handlers[queue](item, signal, heartbeat))),
              failed: (item, error) => this.tell(item, error as Error),
            }),
          ] as const,
      ),
    );
    this.looking = new Poll(() => this.look(), config.pollMs);
  }

  /** `jobs`: the view in which unfinished jobs are found. There may be thousands, so no start waits for that. */
  start(jobs: ViewReader): void {
    this.measured ??= this.o.ports.metrics.read('pa_export_storage_full', () => [
      { labels: {}, value: this.storageFull() ? 1 : 0 },
    ]);
    for (const workers of this.workers.values()) workers.start();
    void this.looking.start();
    this.recovering = this.recover(jobs);
  }
  async stop(): Promise<void> {
    this.stopping.abort();
    this.measured?.();
    this.looking.stop();
    // A chunk that is being written is given back, and the stop does not wait for it.
    const stopped = [...this.workers.values()].map((w) => w.stop());
    await this.o.chunks.close();
    await Promise.all([...stopped, this.recovering]);
  }
  /** ms since the epoch of the last answer of the work store to the question for all queues. */
  lastBeat(): number {
    return this.lookedAt;
  }
  private async look(): Promise<void> {
    try {
      for (const queue of await this.o.ports.state.work.ready(QUEUES)) this.workers.get(queue as Queue)!.notify();
      this.lookedAt = this.o.ports.clock.now();
    } catch {
      // The store is away: `lastBeat` shows it, and the next poll tries again.
    }
  }
  /** The last write found the disk full. */
  storageFull(): boolean {
    return this.fullSince !== undefined;
  }
  async put(queue: Queue, items: readonly { id: string; payload: JobItem; notBefore?: number }[]): Promise<void> {
    await this.o.ports.state.work.put(queue, items);
    this.workers.get(queue)!.notify();
  }
  /** The span of a step is a child of the kick-off, in any process. */
  private traced(item: WorkItem, step: () => Promise<void>): Promise<void> {
    const { tracing } = this.o.ports;
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
  private tell(item: WorkItem, error: Error): void {
    const { logger, tracing } = this.o.ports;
    const say = (): void =>
      logger.warn(
        {
          queue: item.queue,
          attempts: item.attempts,
          error: error.name,
          ...(error instanceof EngineUnavailable || error instanceof Refusal ? { detail: error.message } : {}),
          stack: error.stack?.split('\n').slice(1, 4).join('|'),
        },
        'a step of an export failed and will be tried again',
      );
    if (tracing === undefined) say();
    else tracing.about((item.payload as JobItem).traceparent, say);
  }
  /** Counts attempts. A step that goes on failing ends the job with a reason, so that no job runs for ever. */
  private async attempt(item: WorkItem, step: () => Promise<void>): Promise<void> {
    try {
      await step();
      if (item.queue !== 'export-expire' && item.queue !== 'export-sweep') this.fullSince = undefined;
    } catch (error) {
      const full = error instanceof BlobStoreFull;
      if (full) this.fullSince ??= this.o.ports.clock.now();
      // Facts that are too old are no fault of this job, so the job waits as long as it takes.
      if (error instanceof Refusal && error.kind === 'unavailable') throw error;
      // Counted in the state store, because another process may make the next attempt.
      const { count } = await this.o.ports.state.counters.hit(
        `export-failures/${item.queue}/${item.id}`,
        FAILURES_WINDOW_MS,
      );
      if (count < this.o.config.attempts) throw error;
      this.o.ports.logger.error(
        {
          queue: item.queue,
          error: (error as Error).name,
          stack: (error as Error).stack?.split('\n').slice(1, 4).join('|'),
        },
        'an export failed for good',
      );
      await this.o.streams.execute({
        kind: 'fail',
        data: {
          job: (item.payload as JobItem).job,
          reason: full ? 'storage-full' : 'internal',
          at: instant(this.o.ports.clock.now()),
        },
      });
    }
  }

  /** @throws Refusal while a view has not passed the positions of the kick-off: the step waits as long as it takes */
  private async viewsOf(job: Job): Promise<void> {
    const { records, access, memberships, config } = this.o;
    if (!(await viewsPassed({ records, access, memberships }, job.positions, config.waitMs)))
      throw new Refusal('unavailable', 'A view that exports are written from is being built.');
  }

  private async plan(item: WorkItem): Promise<void> {
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

  /** Chunks that were written are counted with the decision about them. */
  private async measuredChunk(item: WorkItem, signal: AbortSignal, heartbeat: () => Promise<boolean>): Promise<void> {
    const { metrics } = this.o.ports;
    try {
      if (!(await this.chunk(item, signal, heartbeat)))
        metrics.count('pa_export_chunks_total', { outcome: 'abandoned' });
    } catch (error) {
      metrics.count('pa_export_chunks_total', { outcome: signal.aborted ? 'abandoned' : 'failed' });
      throw error;
    }
  }

  /** Returns false when another process was given the chunk meanwhile; its own files are removed then. */
  private async chunk(item: WorkItem, signal: AbortSignal, heartbeat: () => Promise<boolean>): Promise<boolean> {
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
    // Another process may have taken the chunk over during the write. Only the holder of the lease may report it.
    if (signal.aborted && !(await heartbeat().catch(() => true))) return this.givenUp(id, chunk, item.fence);
    if (signal.aborted) throw new EngineUnavailable('this process stops');
    if (!(await heartbeat())) return this.givenUp(id, chunk, item.fence);
    const name = summaryOf(id, chunk, item.fence);
    await blobs.put(name, JSON.stringify(summary));
    const refused = Object.values(summary.refused).reduce((n, list) => n + list.length, 0);
    for (const [reason, list] of Object.entries(summary.refused))
      await audit.record({
        client: job.client,
        action: 'export-requested',
        outcome: 'refused',
        reason,
        members: [...list],
        resources: 0,
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

  private async seal(item: WorkItem, heartbeat: () => Promise<boolean>): Promise<void> {
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
      config,
    } = this.o;
    const sealed = await sealExport(job, item.fence, { log, access, parties, facts, records, blobs, clock }, config);
    const executed = (await heartbeat()) ? await this.o.streams.execute({ kind: 'seal', data: sealed }) : undefined;
    if (executed?.ok !== true && executed?.job?.sealed?.manifest !== sealed.manifest)
      await this.discard(sealPrefix(id, item.fence));
  }

  /**
   * Removes files of this process that no event will name: another process was given the step meanwhile, or the job has
   * ended and may have been swept long ago. No file of a fence that the stream names is under such a prefix.
   */
  private async discard(prefix: string): Promise<void> {
    await this.o.blobs.deletePrefix(prefix);
  }

  private async expire(item: WorkItem): Promise<void> {
    await this.o.streams.execute({
      kind: 'expire',
      data: { job: (item.payload as JobItem).job, reason: 'kept long enough', at: instant(this.o.ports.clock.now()) },
    });
  }

  /** Removes the files of an ended job; harmless when there are none. */
  private async sweep(item: WorkItem): Promise<void> {
    const { job: id } = item.payload as JobItem;
    const job = await this.o.streams.load(id);
    if (job !== undefined && job.ended === undefined) return;
    await this.o.blobs.deletePrefix(jobPrefix(id));
    // Ids begin with the job. A failed job is still to expire.
    for (const queue of QUEUES)
      if (queue !== 'export-sweep' && !(queue === 'export-expire' && job?.status === 'failed'))
        await this.o.ports.state.work.remove(queue, `${id}/`);
  }

  private async recover(jobs: ViewReader): Promise<void> {
    const { signal } = this.stopping;
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        for (const status of RECOVERED) await this.putAll(jobs, status);
        return;
      } catch (error) {
        if (signal.aborted) return;
        this.o.ports.logger.warn(
          {
            attempt: attempt + 1,
            error: (error as Error).name,
            ...(error instanceof EngineUnavailable && { detail: error.message }),
          },
          'what is to be done for unfinished exports could not be looked through and will be again',
        );
        await delay(RECOVER_AGAIN_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  /** Puts the next work item of every job of a status, where it is missing: the state store may have lost it. */
  private async putAll(jobs: ViewReader, status: Job['status']): Promise<void> {
    for await (const { _id } of jobs.scan({ index: 'by_status', equals: [status], fields: 'indexed' })) {
      this.stopping.signal.throwIfAborted();
      const job = await this.o.streams.load(_id);
      if (job !== undefined) await this.next(job, 'pa.export-planned.v1');
    }
  }

  /** Does what follows from an event of a job. It may be called more than once, and in any state. */
  async follow(id: string, type: string): Promise<void> {
    const job = await this.o.streams.load(id);
    if (job === undefined) return;
    // Release the slot here. A start does not need to scan all jobs, because a client that needs a slot can take over
    // a slot whose job has ended.
    if (!isRunning(job)) await this.o.slots.release(job.client, id);
    await this.next(job, type);
  }
  private async next(job: Job, type: string): Promise<void> {
    const id = job.job;
    const item: JobItem = { job: id, ...(job.traceparent !== undefined && { traceparent: job.traceparent }) };
    const { clock } = this.o.ports;
    const expires = expiresAt(job, this.o.config.keepMs);
    if (expires !== undefined && (job.status === 'sealed' || job.status === 'failed'))
      await this.put('export-expire', [{ id: `${id}/expire`, payload: item, notBefore: expires }]);
    if (job.ended !== undefined)
      await this.put('export-sweep', [
        {
          id: `${id}/sweep`,
          payload: item,
          notBefore: clock.now() + (job.status === 'expired' ? this.o.config.graceMs : this.o.config.leaseMs * 2),
        },
      ]);
    else if (job.status === 'sealed') return;
    else if (job.status === 'requested') await this.put('export-plan', [{ id: `${id}/plan`, payload: item }]);
    else if (allWritten(job)) await this.put('export-seal', [{ id: `${id}/seal`, payload: item }]);
    else if (type === 'pa.export-planned.v1')
      await this.put(
        'export-chunk',
        job.written.map((_, chunk) => ({ id: `${id}/${chunk}`, payload: { ...item, chunk } })),
      );
  }
}
