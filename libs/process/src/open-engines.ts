import { type FilesEnv, filesOptions, type KafkaEnv, kafkaOptions, type MongoEnv, mongoOptions } from '@provider-access/config';
import type { Blobs } from '@provider-access/blob';
import { openFsBlobs } from '@provider-access/blob/fs';
import { decidedBy } from '@provider-access/events';
import type { EventLog } from '@provider-access/eventlog';
import type { Logger } from '@provider-access/observability';
import type { State } from '@provider-access/state';
import type { Views } from '@provider-access/views';
import type { Engines } from './start-service.ts';

/** An adapter is loaded when it is opened. */
async function open<T>(module: string, name: string, options: unknown): Promise<T> {
  const loaded = (await import(module)) as Record<string, (options: unknown) => Promise<T>>;
  return loaded[name]!(options);
}

/** Kafka, MongoDB and the file store as the environment names them. @throws ConfigurationError */
export function openEngines(service: string, config: KafkaEnv & MongoEnv, files: FilesEnv | undefined, logger: Logger): Engines {
  const kafka = kafkaOptions(config, service);
  const mongo = mongoOptions(config, service);
  const store = files === undefined ? undefined : filesOptions(files);
  return {
    log: () => open<EventLog>('@provider-access/eventlog/kafka', 'openKafkaLog', { ...kafka, logger }),
    views: () => open<Views>('@provider-access/views/mongo', 'openMongoViews', mongo),
    state: (log) => open<State>('@provider-access/state/mongo', 'openMongoState', { ...mongo, log, relayTopics: decidedBy(service) }),
    ...(store !== undefined && { blobs: async () => (store.kind === 'fs' ? openFsBlobs(store) : open<Blobs>('@provider-access/blob/s3', 'openS3Blobs', store)) }),
  };
}
