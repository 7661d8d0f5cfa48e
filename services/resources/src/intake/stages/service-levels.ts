import type { LevelLedger } from '@provider-access/levels';
import { isHistory, type ReportedFeeds, type StartedFeeds } from '@provider-access/domain/pdex/service-levels';
import type { Batch, LogRecord } from '@provider-access/engines/log';
import type { ServiceLevelStarted } from '@provider-access/events';
import type { Stage } from '@provider-access/intake';
import type { ReadEvent } from '../../reading/read-event.ts';

/** History has no service level. A dead letter that is replayed has, however long it waited. */
const isMeasured = ({ headers, timestamp }: LogRecord, at: number): boolean =>
  headers['ce_pareplayof'] !== undefined || !isHistory(at, timestamp);

/** What this process has reported of service levels, and where it reports them. */
export interface LevelReports {
  readonly ledger: Pick<LevelLedger, 'started'>;
  readonly reported: ReportedFeeds;
  /** ms since the epoch: claims with an earlier business time are not measured. */
  readonly since: number;
}

/** Starts the measurement of claims, prior authorizations and feeds. `VisibleLevels` ends it. */
export function serviceLevelsStage(
  { topic, partition, records, owned }: Batch,
  counted: StartedFeeds,
  { ledger, reported, since }: LevelReports,
): Stage<ReadEvent> {
  /** Claims and prior authorizations that became a record, with their business time. */
  const starts: ServiceLevelStarted['starts'] = [];
  return {
    each({ record, judgement }, taken) {
      if (judgement.kind !== 'accept' || judgement.objective === undefined) return taken;
      const at = judgement.about.order.businessTime;
      if (taken?.ok === true && taken.outcome === 'recorded' && at >= since && isMeasured(record, at))
        starts.push({ objective: judgement.objective, offset: record.offset, at });
      return taken;
    },
    // Before the records, because a batch that comes again finds its events unchanged and would start nothing.
    async outputs() {
      const feeds = reported.unreported(counted.values());
      if ((starts.length === 0 && feeds.length === 0) || owned?.() === false) return;
      const [from, next] = [records[0]!.offset, records.at(-1)!.offset + 1];
      await ledger.started({ scope: `${topic}/${partition}`, from, next, starts, feeds });
      reported.reported(feeds);
    },
  };
}
