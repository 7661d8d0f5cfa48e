import { workerData } from 'node:worker_threads';
import type { LabelPolicy } from '@provider-access/domain/pdex/labels';
import type { Blobs } from '@provider-access/engines/blob';
import { answerCalls } from '@provider-access/engines/threads';
import { memberFacts } from '@provider-access/facts/views';
import { LabelGate, RecordsReader } from '@provider-access/records';
import type { Views } from '@provider-access/engines/views';
import { extractsOptions } from './member-extract.ts';
import type { ChunkSources, ChunkTask } from './chunk-task.ts';
import { writeChunk } from './chunk-writer.ts';
import { listChunkOr } from './list-chunk.ts';

/**
 * A thread that writes chunks, with its own read-only connection to the views and its own access to the files. It must
 * not import Nest, so that it starts in milliseconds, and from source in tests, where Node cannot run decorators.
 */
export interface ChunkWorkerData {
  readonly views: Views['remote'];
  readonly blobs: Blobs['remote'];
  readonly labels: LabelPolicy;
  readonly segment: number;
}
async function open({ views, blobs, labels: policy, segment }: ChunkWorkerData): Promise<ChunkSources> {
  const { openReader } = (await import(views.module)) as { openReader: (options: unknown) => Views };
  const { openBlobs } = (await import(blobs.module)) as { openBlobs: (options: unknown) => Blobs };
  const store = openReader(views.options);
  const clock = { now: () => Date.now() };
  const records = new RecordsReader(store);
  const facts = store.reader(memberFacts);
  return {
    records,
    facts,
    blobs: openBlobs(blobs.options),
    clock,
    labels: new LabelGate({ policy, records, members: facts, clock }),
    extracts: store.extracts(extractsOptions({ segment })),
  };
}

let sources: Promise<ChunkSources> | undefined;
answerCalls(async (task: ChunkTask) => {
  try {
    return await listChunkOr(writeChunk)(task, await (sources ??= open(workerData as ChunkWorkerData)));
  } catch (error) {
    // A rebuild may have swapped the views, so the next task opens them again.
    sources = undefined;
    throw error;
  }
});
