import { startThread } from '@provider-access/engines/threads';

/**
 * Checkpoints a file's write-ahead log in a thread of its own, so that the event loop does not stand still for it. The
 * writer keeps an automatic checkpoint at a larger size: should this thread end, nothing but speed is lost.
 * @returns a function that ends the thread; the file may be closed after it resolves
 */
export function checkpointInBackground(file: string, everyMs = 250): () => Promise<void> {
  if (file === ':memory:' || file === '') return () => Promise.resolve();
  const worker = startThread(new URL('./checkpoint-worker.ts', import.meta.url), {
    workerData: { file, everyMs },
    resourceLimits: { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 2 },
  });
  worker.unref();
  worker.on('error', () => undefined);
  return async () => void (await worker.terminate());
}
