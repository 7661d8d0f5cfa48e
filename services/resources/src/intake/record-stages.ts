import type { LevelLedger } from '@provider-access/levels';
import { ReportedFeeds, StartedFeeds } from '@provider-access/domain/pdex/service-levels';
import type { Batch } from '@provider-access/engines/log';
import type { ViewReader } from '@provider-access/engines/views';
import type { RecordsReader } from '@provider-access/records';
import type { BatchTimes, IntakePorts, Stage } from '@provider-access/intake';
import type { AttachmentStore } from '../attachments/attachment-store.ts';
import type { ResourcesConfig } from '../config.ts';
import { BatchOwners } from './batch-owners.ts';
import { BatchVersions } from './batch-versions.ts';
import type { CurrentVersions } from './current-versions.ts';
import { Ownership } from './ownership.ts';
import type { ReadEvent } from '../reading/read-event.ts';
import { attachmentsStage } from './stages/attachments.ts';
import { feedsStage } from './stages/feeds.ts';
import { ownershipStage } from './stages/ownership.ts';
import { profilesStage } from './stages/profiles.ts';
import { serviceLevelsStage } from './stages/service-levels.ts';
import { versionsStage } from './stages/versions.ts';
import { VersionKeeper } from './version-keeper.ts';

export interface RecordStagesOptions {
  readonly ports: Pick<IntakePorts, 'log' | 'state' | 'clock' | 'logger'>;
  readonly reader: RecordsReader;
  /** Reader of the member facts. */
  readonly members: Pick<ViewReader, 'get' | 'getMany'>;
  readonly current: CurrentVersions;
  readonly attachments: Pick<AttachmentStore, 'put' | 'about'>;
  readonly ledger: Pick<LevelLedger, 'started'>;
  readonly config: Pick<ResourcesConfig, 'labels' | 'levelsSince'>;
}

/** The stages of the intake of records for one attempt at a batch. A new concern is a file in `stages` and a row. */
export function recordStages({ ports, reader, members, current, attachments, ledger, config }: RecordStagesOptions) {
  const { log, state, clock, logger } = ports;
  const { labels, levelsSince = Number.NEGATIVE_INFINITY } = config;
  const ownership = new Ownership({
    log,
    reader,
    clock,
    claims: state.claims,
    owners: state.bridging,
    current,
    members,
  });
  const keeper = new VersionKeeper({ log, reader, logger });
  const levels = { ledger, reported: new ReportedFeeds(), since: levelsSince };
  const known = { patients: reader.views.patients, members };
  return (batch: Batch, { stamp }: BatchTimes): readonly Stage<ReadEvent>[] => {
    const versions = new BatchVersions(current, stamp);
    const owners = new BatchOwners();
    const feeds = new StartedFeeds(stamp, levelsSince);
    return [
      ownershipStage(known, ownership, owners, versions),
      versionsStage(batch, versions, owners, keeper),
      attachmentsStage(attachments),
      profilesStage(batch, log, clock, labels),
      feedsStage(feeds, stamp),
      serviceLevelsStage(batch, feeds, levels),
    ];
  };
}
