import type { LabelPolicy } from '@provider-access/domain/pdex/labels';
import { BlobStoreFull, type Blobs } from '@provider-access/engines/blob';
import { EngineUnavailable } from '@provider-access/engines/log';
import { type ThreadError, ThreadPool } from '@provider-access/engines/threads';
import type { Views } from '@provider-access/engines/views';
import type { ChunkWorkerData } from './chunk-worker.ts';
import type { ChunkTask } from './chunk-writer.ts';
import type { ChunkSummary } from './chunk-summary.ts';

export interface ChunkWriting {
  write(task: ChunkTask): Promise<ChunkSummary>;
  close(): Promise<void>;
}

/** Writes chunks in worker threads, so that the event loop stays free for requests. The first chunk starts them. */
export class ChunkPool implements ChunkWriting {
  private readonly pool: ThreadPool<ChunkTask, ChunkSummary>;
  constructor(views: Views, blobs: Blobs, labels: LabelPolicy, size: number) {
    this.pool = new ThreadPool(new URL('./chunk-worker.ts', import.meta.url), {
      size,
      workerData: { views: views.remote, blobs: blobs.remote, labels } satisfies ChunkWorkerData,
      resourceLimits: { maxYoungGenerationSizeMb: 4 },
    });
  }

  /** @throws BlobStoreFull, or EngineUnavailable for any other failure; the chunk can be tried again */
  write(task: ChunkTask): Promise<ChunkSummary> {
    return this.pool.call(task).catch(({ thrown, message, stack }: ThreadError): never => {
      if (thrown === undefined) throw new EngineUnavailable(message);
      if (thrown === 'BlobStoreFull') throw new BlobStoreFull('the file store is full');
      throw Object.assign(new EngineUnavailable(`a chunk could not be written: ${thrown}`), { stack });
    });
  }
  close(): Promise<void> {
    return this.pool.close();
  }
}
