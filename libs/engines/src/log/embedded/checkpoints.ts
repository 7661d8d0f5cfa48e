import { startThread } from '../../threads/index.ts';

/**
 * Checkpoints the write-ahead log of a file in a thread of its own, so that the event loop does not wait. If this
 * thread ends, the writer's automatic checkpoint at a larger size does the work, only slower.
 * @returns a function that ends the thread; the file may be closed after it resolves
 */
export function checkpointInBackground(file: string): () => Promise<void> {
  const worker = startThread(new URL('./checkpoint-worker.ts', import.meta.url), {
    workerData: { file },
    resourceLimits: { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 2 },
  });
  worker.unref();
  worker.on('error', () => undefined);
  return async () => void (await worker.terminate());
}
