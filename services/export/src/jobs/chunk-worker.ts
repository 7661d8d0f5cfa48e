import { parentPort, workerData } from 'node:worker_threads';
import { BlobStoreFull, type Blobs } from '@provider-access/engines/blob';
import { memberFacts } from '@provider-access/facts/views';
import { recordsReader } from '@provider-access/facts/records';
import type { Views } from '@provider-access/engines/views';
import { writeChunk, type ChunkSources, type ChunkTask } from './chunk-writer.ts';
import type { ChunkSummary } from './chunk-summary.ts';

/**
 * A thread that writes chunks, with its own read-only connection to the views and its own access to the files. Nothing
 * here may import the framework, so that the thread starts in milliseconds, and runs from source in tests (where no
 * decorator runs).
 */
export interface ChunkWorkerData {
  readonly views: Views['remote'];
  readonly blobs: Blobs['remote'];
}
export type ChunkReply =
  | { readonly ok: true; readonly summary: ChunkSummary }
  | { readonly ok: false; readonly full: boolean; readonly error: string; readonly stack: string | undefined };

async function open({ views, blobs }: ChunkWorkerData): Promise<ChunkSources> {
  const { openReader } = (await import(views.module)) as { openReader: (options: unknown) => Views };
  const { openBlobs } = (await import(blobs.module)) as { openBlobs: (options: unknown) => Blobs };
  const store = openReader(views.options);
  return {
    records: recordsReader(store),
    facts: store.reader(memberFacts),
    blobs: openBlobs(blobs.options),
    clock: { now: () => Date.now() },
  };
}

let sources: Promise<ChunkSources> | undefined;
parentPort!.on('message', (task: ChunkTask) => {
  sources ??= open(workerData as ChunkWorkerData);
  sources
    .then((opened) => writeChunk(task, opened))
    .then(
      (summary) => parentPort!.postMessage({ ok: true, summary } satisfies ChunkReply),
      (error: unknown) => {
        // Views may have been swapped or the file moved: the next task opens them anew.
        sources = undefined;
        const { name, stack } = error as Error;
        parentPort!.postMessage({
          ok: false,
          full: error instanceof BlobStoreFull,
          error: name,
          stack: stack?.split('\n').slice(1, 5).join('|'),
        } satisfies ChunkReply);
      },
    );
});
