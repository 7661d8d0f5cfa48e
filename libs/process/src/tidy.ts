import { removeUnfinished } from '@provider-access/engines/blob/fs';
import { removeUnfinishedUploads } from '@provider-access/engines/blob/s3';
import type { FilesConnection } from '@provider-access/service/config';
import { EngineUnavailable } from '@provider-access/engines/log';
import type { Logger } from '@provider-access/service/observability';

/** Longer than any file takes to write. */
const UNFINISHED_MS = 24 * 60 * 60 * 1000;
const TIDY_EVERY_MS = 60 * 60 * 1000;

/**
 * Removes files that dead writers left unfinished, once an hour. They are invisible and take room. Any instance may do
 * it.
 */
export function tidy(store: FilesConnection, logger: Pick<Logger, 'info' | 'warn'>): void {
  const once = async (): Promise<void> => {
    if (store.kind === 'fs') {
      await removeUnfinished(store, UNFINISHED_MS);
      return;
    }
    if ((await removeUnfinishedUploads(store, UNFINISHED_MS)) !== undefined) return;
    // A repetition would give the same answer.
    clearInterval(timer);
    logger.info({}, 'the file store does not list unfinished uploads: a lifecycle rule of the bucket must remove them');
  };
  // The text of EngineUnavailable is ours: it has the store's code and not its text.
  const reason = (error: unknown): object =>
    error instanceof EngineUnavailable
      ? { error: error.name, reason: error.message }
      : { error: error instanceof Error ? error.name : typeof error };
  const run = (): void =>
    void once().catch((error: unknown) => logger.warn(reason(error), 'unfinished files could not be removed'));
  const timer = setInterval(run, TIDY_EVERY_MS).unref();
  run();
}
