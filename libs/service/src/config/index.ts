export { ConfigurationError, readConfig, refuse, variablesOf, type Environment, type Variable } from './read-config.ts';
export { baseUrl, commaSeparated, exportManifest, flag, port, publicUrl, whole } from './values.ts';
export { writableFolder } from './folder.ts';
export { readSecretFile, secretFile } from './secret-file.ts';
export { kafkaEnv, kafkaFaults, kafkaOptions, topicsEnv, topicsFaults, versionsEnv, type KafkaEnv } from './kafka.ts';
export { mongoEnv, mongoFaults, mongoOptions, type MongoEnv } from './mongo.ts';
export { filesEnv, filesFaults, filesOptions, type FilesConnection, type FilesEnv } from './files.ts';
export { codeLists, labelPolicy, labelsEnv, matchEnv, noticesEnv, profilesEnv, reviewsEnv } from './policies.ts';
export { listenEnv, listenFaults } from './listen.ts';
export { listEnv, payerEnv } from './payer.ts';
export { secretsEnv } from './secrets.ts';
export { telemetryEnv, telemetryFaults, telemetryOptions } from './telemetry.ts';
export { misspelled, SHARED_VARIABLES } from './unknown.ts';
export {
  businessEnv,
  calendarRules,
  lacksTimeZone,
  NO_TIME_ZONE,
  payerDays,
  serviceLevelsSince,
  type BusinessEnv,
} from './business.ts';
export { deploymentEnv, factsEnv } from './deployment.ts';
export { processEnv, type ProcessEnv } from './process.ts';
export { unreadableConsent, type UnreadableConsent } from './unreadable.ts';
