import type { Views } from '@provider-access/engines/views';
import { versions, VersionsReader } from '@provider-access/records';
import type { Clock } from '@provider-access/kernel';
import { regularly } from '@provider-access/process';
import type { BackgroundJob } from '@provider-access/process/service-module';
import type { Logger } from '@provider-access/service/observability';

export interface ExpiryOptions {
  readonly views: Views;
  readonly clock: Clock;
  readonly logger: Logger;
  /** ms: how long a version stays after it was replaced. */
  readonly retentionMs: number;
}

/** ms between two runs. */
const EVERY_MS = 60 * 60 * 1000;
/** Documents in one transaction of the store. A request may wait for one transaction. */
const TOGETHER = 200;

/**
 * Deletes the versions that were replaced too long ago. Readers leave such versions out in any case, so a run may be
 * late, and several instances may run at once.
 * @returns the number of deleted documents
 * @throws EngineUnavailable; the next run continues
 */
export async function expireVersions({ views, clock, retentionMs }: Omit<ExpiryOptions, 'logger'>): Promise<number> {
  const reader = new VersionsReader(views);
  const before = clock.now() - retentionMs;
  for (let removed = 0; ;) {
    const ids = await reader.supersededBefore(before, TOGETHER);
    await views.store.remove(versions, ids);
    removed += ids.length;
    if (ids.length < TOGETHER) return removed;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Deletes expired versions at the start and every hour. */
export function expiringVersions(options: ExpiryOptions): BackgroundJob {
  const { logger } = options;
  const run = async (): Promise<void> => {
    const removed = await expireVersions(options);
    if (removed > 0) logger.info({ removed }, 'expired versions of resources were deleted');
  };
  return regularly({ everyMs: EVERY_MS, run, logger, failed: 'could not delete expired versions' });
}
