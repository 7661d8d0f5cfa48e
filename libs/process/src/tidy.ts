import { removeUnfinished } from '@provider-access/engines/blob/fs';
import { removeUnfinishedUploads } from '@provider-access/engines/blob/s3';
import type { FilesConnection } from '@provider-access/service/config';
import type { Logger } from '@provider-access/service/observability';
import { regularly } from './regularly.ts';

/** Longer than any file takes to write. */
const UNFINISHED_MS = 24 * 60 * 60 * 1000;
const TIDY_EVERY_MS = 60 * 60 * 1000;

/**
 * Removes files that dead writers left unfinished, once an hour. They are invisible and take room. Any instance may do
 * it.
 */
export function tidy(store: FilesConnection, logger: Pick<Logger, 'info' | 'warn'>): void {
  const run = async (): Promise<void> => {
    if (store.kind === 'fs') {
      await removeUnfinished(store, UNFINISHED_MS);
      return;
    }
    if ((await removeUnfinishedUploads(store, UNFINISHED_MS)) !== undefined) return;
    // A repetition would give the same answer.
    job.stop();
    logger.info({}, 'the file store does not list unfinished uploads: a lifecycle rule of the bucket must remove them');
  };
  const job = regularly({ everyMs: TIDY_EVERY_MS, run, logger, failed: 'could not remove unfinished files' });
  job.start();
}
