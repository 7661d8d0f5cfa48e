import { removeUnfinished } from '@provider-access/engines/blob/fs';
import { removeUnfinishedUploads } from '@provider-access/engines/blob/s3';
import type { FilesConnection } from '@provider-access/service/config';
import { EngineUnavailable } from '@provider-access/engines/log';
import type { Logger } from '@provider-access/service/observability';

/** Longer than any file is written. */
const UNFINISHED_MS = 24 * 60 * 60 * 1000;
const TIDY_EVERY_MS = 60 * 60 * 1000;

/** What writers that died have left is seen by nobody and costs room: any instance removes it, once an hour. */
export function tidy(store: FilesConnection, logger: Pick<Logger, 'info' | 'warn'>): void {
  const once = async (): Promise<void> => {
    if (store.kind === 'fs') {
      await removeUnfinished(store, UNFINISHED_MS);
      return;
    }
    if ((await removeUnfinishedUploads(store, UNFINISHED_MS)) !== undefined) return;
    // Asked again it would say the same.
    clearInterval(timer);
    logger.info({}, 'the file store does not list unfinished uploads: a lifecycle rule of the bucket must remove them');
  };
  // The text of EngineUnavailable is ours: the store's code and none of its words.
  const reason = (error: unknown): object =>
    error instanceof EngineUnavailable
      ? { error: error.name, reason: error.message }
      : { error: error instanceof Error ? error.name : typeof error };
  const run = (): void =>
    void once().catch((error: unknown) => logger.warn(reason(error), 'unfinished files could not be removed'));
  const timer = setInterval(run, TIDY_EVERY_MS).unref();
  run();
}
