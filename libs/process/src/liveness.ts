import { once } from 'node:events';
import { ConfigurationError } from '@provider-access/service/config';
import { startThread } from '@provider-access/engines/threads';
import { whyNot } from './listener.ts';

/** Interval at which the main thread shows that its event loop runs, ms. */
const BEAT_MS = 1_000;
/** A main thread that shows nothing for so long should be restarted, ms. No request works for so long. */
const STILL_MS = 60_000;

export interface LivenessData {
  readonly host: string;
  readonly port: number;
  /** When the main thread showed itself last, by the monotonic clock (ns). */
  readonly beat: BigInt64Array;
  readonly stillMs: number;
}
export interface Liveness {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Answers `/health/live` in a thread of its own, so that the work of requests cannot delay the answer. Then a prober
 * restarts a process only if a restart helps (ADR 0055).
 *
 * @param stuck why the process should be restarted; undefined while it makes progress
 * @throws ConfigurationError when the port or the address cannot be used
 */
export async function answerLiveness(
  { host, port, stillMs = STILL_MS }: { readonly host: string; readonly port: number; readonly stillMs?: number },
  stuck: () => string | undefined,
): Promise<Liveness> {
  const beat = new BigInt64Array(new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT));
  const worker = startThread(new URL('./liveness-thread.ts', import.meta.url), {
    name: 'liveness',
    workerData: { host, port, beat, stillMs } satisfies LivenessData,
    resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 4 },
  });
  const show = (): void => {
    Atomics.store(beat, 0, process.hrtime.bigint());
    worker.postMessage(stuck());
  };
  show();
  const [bound] = (await once(worker, 'message').catch((error: NodeJS.ErrnoException) => {
    const sentence = whyNot(error, 'HEALTH_PORT', host, port);
    throw sentence === undefined ? error : new ConfigurationError(sentence, { cause: error });
  })) as [number];
  const timer = setInterval(show, Math.min(BEAT_MS, stillMs)).unref();
  worker.unref();
  return {
    port: bound,
    async close() {
      clearInterval(timer);
      await worker.terminate();
    },
  };
}
