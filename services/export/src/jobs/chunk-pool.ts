import { Worker } from 'node:worker_threads';
import { BlobStoreFull, type Blobs } from '@provider-access/engines/blob';
import { EngineUnavailable } from '@provider-access/engines/log';
import type { Views } from '@provider-access/engines/views';
import type { ChunkReply, ChunkWorkerData } from './chunk-worker.ts';
import type { ChunkTask } from './chunk-writer.ts';
import type { ChunkSummary } from './chunk-summary.ts';

export interface ChunkWriting {
  write(task: ChunkTask): Promise<ChunkSummary>;
  close(): Promise<void>;
}

interface Waiting {
  readonly task: ChunkTask;
  resolve(summary: ChunkSummary): void;
  reject(error: Error): void;
}

/**
 * Worker threads that write chunks, started when the first chunk comes, so that the event loop stays free for requests.
 */
export class ChunkPool implements ChunkWriting {
  private readonly data: ChunkWorkerData;
  private readonly size: number;
  private readonly idle: Worker[] = [];
  private readonly busy = new Map<Worker, Waiting>();
  private readonly queue: Waiting[] = [];
  private closed = false;
  constructor(views: Views, blobs: Blobs, size: number) {
    this.data = { views: views.remote, blobs: blobs.remote };
    this.size = size;
  }

  /** Throws BlobStoreFull, or EngineUnavailable for any other failure of the thread: the chunk can be tried again. */
  write(task: ChunkTask): Promise<ChunkSummary> {
    if (this.closed) return Promise.reject(new EngineUnavailable('this process stops'));
    return new Promise((resolve, reject) => {
      this.queue.push({ task, resolve, reject });
      this.next();
    });
  }
  async close(): Promise<void> {
    this.closed = true;
    for (const waiting of this.queue.splice(0)) waiting.reject(new EngineUnavailable('this process stops'));
    const workers = [...this.idle, ...this.busy.keys()];
    this.idle.length = 0;
    await Promise.all(workers.map((w) => w.terminate()));
  }

  private next(): void {
    if (this.closed || this.queue.length === 0) return;
    const worker = this.idle.pop() ?? (this.busy.size < this.size ? this.start() : undefined);
    if (worker === undefined) return;
    const waiting = this.queue.shift()!;
    this.busy.set(worker, waiting);
    worker.ref();
    worker.postMessage(waiting.task);
  }
  private start(): Worker {
    const source = import.meta.url.endsWith('.ts');
    const worker = new Worker(new URL(source ? './chunk-worker.ts' : './chunk-worker.js', import.meta.url), {
      workerData: this.data,
      resourceLimits: { maxYoungGenerationSizeMb: 4 },
      ...(source && { execArgv: ['--conditions=@provider-access/source'] }),
    });
    worker.on('message', (reply: ChunkReply) => {
      const waiting = this.busy.get(worker);
      this.busy.delete(worker);
      worker.unref();
      this.idle.push(worker);
      if (reply.ok) waiting?.resolve(reply.summary);
      else
        waiting?.reject(
          reply.full
            ? new BlobStoreFull('the file store is full')
            : Object.assign(new EngineUnavailable(`a chunk could not be written: ${reply.error}`), {
                stack: reply.stack,
              }),
        );
      this.next();
    });
    const gone = (): void => {
      const at = this.idle.indexOf(worker);
      if (at >= 0) this.idle.splice(at, 1);
      const waiting = this.busy.get(worker);
      this.busy.delete(worker);
      waiting?.reject(new EngineUnavailable('the thread that wrote the chunk ended'));
      this.next();
    };
    worker.on('error', gone);
    worker.on('exit', gone);
    worker.unref();
    return worker;
  }
}
