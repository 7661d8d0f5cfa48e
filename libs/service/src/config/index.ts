export { ConfigurationError, readConfig, refuse, variablesOf, type Environment, type Variable } from './read-config.ts';
export { baseUrl, flag, port, trustedProxies, whole, type TrustedProxies } from './values.ts';
export { faultsOfFile, readPublicFile, readSecretFile } from './secret-file.ts';
export {
  kafkaEnv,
  kafkaFaults,
  kafkaOptions,
  topicsEnv,
  topicsFaults,
  type KafkaConnection,
  type KafkaEnv,
} from './kafka.ts';
export { mongoEnv, mongoFaults, mongoOptions, type MongoConnection, type MongoEnv } from './mongo.ts';
export { filesEnv, filesFaults, filesOptions, type FilesConnection, type FilesEnv } from './files.ts';
export { isLoopback, listenEnv, listenFaults, type ListenEnv } from './listen.ts';
export { secretFaults, secretsEnv, type SecretsEnv, type SecretVariable } from './secrets.ts';
export {
  telemetryEnv,
  telemetryFaults,
  telemetryOptions,
  type TelemetryConnection,
  type TelemetryEnv,
} from './telemetry.ts';
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
export { processEnv, type ProcessEnv } from './process.ts';
export { unreadableConsent, type UnreadableConsent } from './unreadable.ts';
