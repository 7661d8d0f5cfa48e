import { Poll } from '@provider-access/engines/jobs';
import type { Logger } from '@provider-access/service/observability';
import { reasonOf } from './faults.ts';

/** A job that a process runs from its start on, again and again. */
export interface RegularJob {
  /** ms from the end of a run to the start of the next. */
  readonly everyMs: number | (() => number);
  /** One run. After an error, the next run tries again. */
  readonly run: () => Promise<void>;
  readonly logger: Pick<Logger, 'warn'>;
  /** What the log says if a run fails, such as `could not delete expired versions`. */
  readonly failed: string;
}

/** Runs the job from `start` on, and then regularly. A stop lets the current run end by itself. */
export function regularly({ everyMs, run, logger, failed }: RegularJob): { start(): void; stop(): void } {
  const polling = new Poll(
    () =>
      run().catch((error: unknown) => logger.warn({ reason: reasonOf(error) }, `${failed}; the next run tries again`)),
    everyMs,
  );
  return { start: () => void polling.start(), stop: () => polling.stop() };
}
