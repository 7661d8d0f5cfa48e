import { type FilesConnection, type FilesEnv, filesOptions, type KafkaEnv, kafkaOptions, type MongoEnv, mongoOptions } from '@provider-access/config';
import type { Blobs } from '@provider-access/blob';
import { decidedBy } from '@provider-access/events';
import type { Logger } from '@provider-access/observability';
import type { Engines } from './start-service.ts';

/** Kafka, MongoDB and the file store as the environment names them; an adapter is loaded when it is opened. @throws ConfigurationError */
export function openEngines(service: string, config: KafkaEnv & MongoEnv, files: FilesEnv | undefined, logger: Logger): Engines {
  const kafka = kafkaOptions(config, service);
  const mongo = mongoOptions(config, service);
  const store = files === undefined ? undefined : filesOptions(files);
  return {
    async log() {
      const { openKafkaLog } = await import('@provider-access/eventlog/kafka');
      return openKafkaLog({ ...kafka, logger });
    },
    async views() {
      const { openMongoViews } = await import('@provider-access/views/mongo');
      return openMongoViews(mongo);
    },
    // A service relays decisions to the topics that it may write. What instances agree on is read by majority, whatever views do.
    async state(log) {
      const { openMongoState } = await import('@provider-access/state/mongo');
      return openMongoState({ ...mongo, readConcern: 'majority', log, logger, relayTopics: decidedBy(service) });
    },
    ...(store !== undefined && { blobs: () => openFiles(store) }),
  };
}

async function openFiles(store: FilesConnection): Promise<Blobs> {
  if (store.kind === 'fs') return (await import('@provider-access/blob/fs')).openFsBlobs(store);
  return (await import('@provider-access/blob/s3')).openS3Blobs(store);
}
