import type { Blobs } from '@provider-access/blob';
import { openFsBlobs, removeUnfinished } from '@provider-access/blob/fs';
import { openS3Blobs, removeUnfinishedUploads } from '@provider-access/blob/s3';
import { type FilesConnection, type FilesEnv, filesOptions, type KafkaEnv, kafkaOptions, type MongoEnv, mongoOptions } from '@provider-access/config';
import { decidedBy } from '@provider-access/events';
import { openKafkaLog } from '@provider-access/eventlog/kafka';
import type { Logger } from '@provider-access/observability';
import { openMongoState } from '@provider-access/state/mongo';
import { openMongoViews } from '@provider-access/views/mongo';
import type { Engines } from './start-service.ts';

/** Kafka, MongoDB and the file store as the environment names them. @throws ConfigurationError */
export function openEngines(service: string, config: KafkaEnv & MongoEnv, files: FilesEnv | undefined, logger: Logger): Engines {
  const kafka = kafkaOptions(config, service);
  const mongo = mongoOptions(config, service);
  const store = files === undefined ? undefined : filesOptions(files);
  let tidied = false;
  return {
    log: () => openKafkaLog({ ...kafka, logger }),
    views: () => openMongoViews(mongo),
    // A service relays decisions to the topics that it may write. What instances agree on is read by majority, whatever views do.
    state: (log) => openMongoState({ ...mongo, readConcern: 'majority', log, logger, relayTopics: decidedBy(service) }),
    ...(store !== undefined && { blobs: async () => {
      const opened = openFiles(store);
      // A start that has to wait for an engine opens them again.
      if (!tidied) tidy(store, logger);
      tidied = true;
      return opened;
    } }),
  };
}

const openFiles = (store: FilesConnection): Blobs => (store.kind === 'fs' ? openFsBlobs(store) : openS3Blobs(store));

/** Longer than any file is written. */
const UNFINISHED_MS = 24 * 60 * 60 * 1000;
const TIDY_EVERY_MS = 60 * 60 * 1000;

/** What writers that died have left is seen by nobody and costs room: any instance removes it, once an hour. */
function tidy(store: FilesConnection, logger: Logger): void {
  const once = async (): Promise<void> => {
    if (store.kind === 'fs') await removeUnfinished(store, UNFINISHED_MS);
    else await removeUnfinishedUploads(store, UNFINISHED_MS);
  };
  const run = (): void => void once().catch((error: unknown) => logger.warn({ error: error instanceof Error ? error.name : typeof error }, 'unfinished files could not be removed'));
  run();
  setInterval(run, TIDY_EVERY_MS).unref();
}
