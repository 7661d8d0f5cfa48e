import { Inject, Injectable } from '@nestjs/common';
import { BlobStoreFull, type Blobs } from '@provider-access/engines/blob';
import { EngineUnavailable } from '@provider-access/engines/log';
import type { Extracts } from '@provider-access/engines/views';
import { type ThreadError, ThreadPool } from '@provider-access/engines/threads';
import { Facts } from '@provider-access/facts';
import { LabelGate } from '@provider-access/records';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { BLOBS, type Job, JobViews, purposeOf } from '@provider-access/jobs';
import { GROUP, PART_LIMITS } from '@provider-access/jobs/files';
import { type Ask, type ChunkSummary, readAsk } from './ask.ts';
import { CONFIG, type ExportConfig } from '../config.ts';
import type { ChunkWorkerData } from './chunk-worker.ts';
import type { ChunkTask, WrittenChunk } from './chunk-task.ts';
import { writeChunk } from './chunk-writer.ts';
import { listChunkOr } from './list-chunk.ts';
import { extractsOptions } from './member-extract.ts';
import { partySnapshot } from './party-snapshot.ts';

/**
 * What the job asks for and its scopes cover beside patients, of whom the list of members has nobody else. Undefined:
 * everything.
 */
function restrictionsOf(
  { filters, elements, until, provenance, organizeBy }: Partial<Ask>,
  { within }: Job,
): ChunkTask['asked'] {
  const asked = { filters, elements, until, provenance, organizeBy, within };
  return Object.values(asked).some((each) => each !== undefined) ? asked : undefined;
}

/**
 * Writes chunks in worker threads, so that the event loop stays free for requests. The first chunk starts them. Without
 * threads, for tests with in-memory engines that a thread cannot open, it writes them in the main thread.
 */
@Injectable()
export class Chunks {
  private readonly pool: ThreadPool<ChunkTask, WrittenChunk> | undefined;
  private readonly extracts: Extracts | undefined;
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(CONFIG) private readonly config: ExportConfig,
    @Inject(BLOBS) private readonly blobs: Blobs,
    @Inject(Facts) private readonly facts: Facts,
    @Inject(LabelGate) private readonly labels: LabelGate,
    @Inject(JobViews) private readonly views: JobViews,
  ) {
    const { segment } = config.partLimits ?? PART_LIMITS;
    this.extracts = ports.views.extracts(extractsOptions({ segment }));
    if (config.writers > 0)
      this.pool = new ThreadPool(new URL('./chunk-worker.ts', import.meta.url), {
        size: config.writers,
        workerData: {
          views: ports.views.remote,
          blobs: blobs.remote,
          labels: config.labels,
          segment,
        } satisfies ChunkWorkerData,
        resourceLimits: { maxYoungGenerationSizeMb: 4 },
      });
  }

  /** @throws BlobStoreFull, or EngineUnavailable for any other failure; the chunk can be tried again */
  async write(job: Job, chunk: number, fence: number, members: readonly string[]): Promise<ChunkSummary> {
    const { client, types, since } = job;
    const purpose = purposeOf('export', job);
    const { access, parties } = this.facts;
    const asked = job.ask === undefined ? undefined : await readAsk(this.blobs, job.ask);
    const from = since === undefined ? undefined : Date.parse(since);
    const restrictions = restrictionsOf(asked ?? {}, job);
    const task: ChunkTask = {
      job: job.job,
      chunk,
      fence,
      client,
      purpose,
      types: types.filter((type) => type !== GROUP),
      ...(from !== undefined && { since: from }),
      members,
      ...(asked?.patients !== undefined && { named: true }),
      ...(restrictions !== undefined && { asked: restrictions }),
      ...((asked !== undefined || restrictions !== undefined) && { base: `${this.config.publicUrl}/fhir` }),
      ...(asked?.list !== undefined && { list: asked.list }),
      ...(this.config.partLimits !== undefined && { limits: this.config.partLimits }),
      party: await partySnapshot(client, purpose, members, access, parties, from),
    };
    // An extract that does not fit, for example on a full disk, is computed again by the next export.
    if (restrictions === undefined && asked?.list?.kind !== 'attribution')
      await this.extracts?.reserve(members).catch(() => undefined);
    const { tracing } = this.ports;
    if (tracing === undefined) return this.run(task);
    return tracing.span(
      'write chunk',
      { attributes: { 'pa.chunk.members': members.length, 'pa.chunk.types': types.length } },
      async (span) => {
        const summary = await this.run(task);
        span?.setAttributes({ 'pa.chunk.released': summary.released.length, 'pa.chunk.parts': summary.parts.length });
        return summary;
      },
    );
  }

  async close(): Promise<void> {
    await this.pool?.close();
  }

  private async run(task: ChunkTask): Promise<ChunkSummary> {
    const { summary, extracts } = await this.written(task);
    await this.extracts?.put(extracts).catch(() => 0);
    return summary;
  }

  private written(task: ChunkTask): Promise<WrittenChunk> {
    if (this.pool === undefined) {
      const { blobs, labels, extracts } = this;
      const { records } = this.views;
      return listChunkOr(writeChunk)(task, {
        records,
        facts: this.facts.reader,
        blobs,
        clock: this.ports.clock,
        labels,
        extracts,
      });
    }
    return this.pool.call(task).catch(({ thrown, message, stack }: ThreadError): never => {
      if (thrown === undefined) throw new EngineUnavailable(message);
      if (thrown === 'BlobStoreFull') throw new BlobStoreFull('the file store is full');
      throw Object.assign(new EngineUnavailable(`a chunk could not be written: ${thrown}`), { stack });
    });
  }
}
