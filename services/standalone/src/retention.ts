import type { TopicSettings } from '@provider-access/events';
import type { EventLog } from '@provider-access/engines/log';
import { regularly } from '@provider-access/process';
import type { Logger } from '@provider-access/service/observability';

/** ms between two runs. */
const EVERY_MS = 60 * 60 * 1000;

export interface RetentionRun {
  readonly log: EventLog;
  readonly topics: readonly TopicSettings[];
  /** ms since the epoch */
  readonly now: number;
}
/** The number of records that a run removed, for each topic with removed records. */
export type Removed = Readonly<Record<string, number>>;

/**
 * Trims the log by the settings in docs/topics.md: payer topics by retention, compacted topics to the newest record of
 * each key. Records that a consumer group has not handled stay (`EventLog.trim`).
 * @throws EngineUnavailable; the next run continues
 */
export async function applyRetention({ log, topics, now }: RetentionRun): Promise<Removed> {
  const removed: Record<string, number> = {};
  for (const { name, compacted, retentionMs } of topics) {
    const trimmed = retentionMs === 'unlimited' ? 0 : ((await log.trim?.(name, now - retentionMs)) ?? 0);
    const stale = compacted ? ((await log.compact?.(name)) ?? 0) : 0;
    if (trimmed + stale > 0) removed[name] = trimmed + stale;
  }
  return removed;
}

/** Applies retention now and every hour. @returns a function that stops it */
export function keepToRetention(log: EventLog, topics: readonly TopicSettings[], logger: Logger): () => void {
  const run = async (): Promise<void> => {
    const removed = await applyRetention({ log, topics, now: Date.now() });
    if (Object.keys(removed).length > 0) logger.info({ removed }, 'retention removed records of the log');
  };
  const job = regularly({ everyMs: EVERY_MS, run, logger, failed: 'could not apply retention to the log' });
  job.start();
  return () => job.stop();
}
