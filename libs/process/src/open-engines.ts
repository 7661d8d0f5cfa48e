import type { Blobs } from '@provider-access/engines/blob';
import { openFsBlobs, RESERVE_BYTES } from '@provider-access/engines/blob/fs';
import { openS3Blobs } from '@provider-access/engines/blob/s3';
import {
  type FilesConnection,
  type FilesEnv,
  filesOptions,
  type KafkaEnv,
  kafkaOptions,
  type MongoEnv,
  mongoOptions,
} from '@provider-access/service/config';
import { decidedBy } from '@provider-access/events';
import { openKafkaLog } from '@provider-access/engines/log/kafka';
import type { Logger } from '@provider-access/service/observability';
import { openMongoState } from '@provider-access/engines/state/mongo';
import { openMongoViews } from '@provider-access/engines/views/mongo';
import type { Engines } from './start-service.ts';
import { watchRoom } from './disk-room.ts';
import { tidy } from './tidy.ts';

/** Kafka, MongoDB and the file store as the environment names them. @throws ConfigurationError */
export function openEngines(
  service: string,
  config: KafkaEnv & MongoEnv,
  files: FilesEnv | undefined,
  logger: Logger,
): Engines {
  const kafka = kafkaOptions(config, service);
  const mongo = mongoOptions(config, service);
  const store = files === undefined ? undefined : filesOptions(files);
  let tidied = false;
  return {
    log: () => openKafkaLog({ ...kafka, logger }),
    views: () => openMongoViews(mongo),
    // A service relays decisions to the topics that it may write. Instances agree with majority reads, whatever views
    // use.
    state: (log) => openMongoState({ ...mongo, readConcern: 'majority', log, logger, relayTopics: decidedBy(service) }),
    ...(store !== undefined && {
      blobs: async () => {
        const opened = openFiles(store);
        // A start that waits for an engine opens them again.
        if (!tidied) tidy(store, logger);
        tidied = true;
        return opened;
      },
    }),
    ...(store?.kind === 'fs' && {
      room: watchRoom({ folder: 'files', path: store.root, setting: 'FILES_DIR', minBytes: RESERVE_BYTES }),
    }),
  };
}

const openFiles = (store: FilesConnection): Blobs => (store.kind === 'fs' ? openFsBlobs(store) : openS3Blobs(store));
