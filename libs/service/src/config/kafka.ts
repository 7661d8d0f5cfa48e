import { DEFAULT_PAYER_RETENTION_DAYS } from '@provider-access/events';
import { z } from 'zod';
import { idle, missing, refuse } from './read-config.ts';
import { publicFile, publicOf, readFileOf, readSecretFile, secretFile } from './secret-file.ts';
import { flag, hostsAndPorts, whole } from './values.ts';

const name = z
  .string()
  .regex(/^[A-Za-z0-9._-]{1,100}$/, 'must be letters, digits, dots, dashes and underscores, 100 at most');

/** How a process reaches Kafka. */
export const kafkaEnv = {
  KAFKA_BROKERS: hostsAndPorts.describe('Brokers to ask first: `host:port`, separated by commas.'),
  KAFKA_CLIENT_ID: name
    .default('provider-access')
    .describe('Start of the client id that brokers log; the name of the service follows.'),
  KAFKA_TOPIC_PREFIX: name
    .optional()
    .describe('Put before the name of every topic, so that several deployments share a cluster.'),
  KAFKA_GROUP_PREFIX: name
    .optional()
    .describe('Put before the name of every consumer group. Without it the topic prefix is used.'),
  KAFKA_TLS: flag.default(false).describe('`true`: connections are TLS.'),
  KAFKA_TLS_CA_FILE: publicFile
    .optional()
    .describe('PEM file of the authorities that brokers are checked against; without it those of Node.'),
  KAFKA_TLS_CERT_FILE: publicFile.optional().describe('PEM file of the client certificate, for mutual TLS.'),
  KAFKA_TLS_KEY_FILE: secretFile.optional().describe('PEM file of its private key (secret file).'),
  KAFKA_SASL_MECHANISM: z
    .string()
    .toLowerCase()
    .pipe(
      z.enum(
        ['plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer'],
        'must be plain, scram-sha-256, scram-sha-512 or oauthbearer',
      ),
    )
    .optional()
    .describe('`plain`, `scram-sha-256`, `scram-sha-512` or `oauthbearer`; without it there is no SASL.'),
  KAFKA_SASL_USERNAME: z.string().min(1).optional().describe('User of `plain` and `scram-*`.'),
  KAFKA_SASL_PASSWORD_FILE: secretFile.optional().describe('Secret file of the password; read at each connection.'),
  KAFKA_SASL_OAUTH_TOKEN_FILE: secretFile
    .optional()
    .describe('Secret file of the bearer token of `oauthbearer`, kept fresh by others; read at each connection.'),
  KAFKA_SESSION_TIMEOUT_MS: whole(1000, 300_000)
    .default(10_000)
    .describe('After so long without a heartbeat another instance takes over the partitions.'),
  KAFKA_HEARTBEAT_INTERVAL_MS: whole(100, 100_000)
    .optional()
    .describe('Between two heartbeats; a third of the session timeout at most. Without it a fifth.'),
  KAFKA_REBALANCE_TIMEOUT_MS: whole(1000, 600_000)
    .default(60_000)
    .describe(
      'How long a rebalance waits for members: longer than the longest batch, and not below the session timeout.',
    ),
  KAFKA_REQUEST_TIMEOUT_MS: whole(1000, 300_000).default(30_000).describe('How long an answer of a broker may take.'),
  KAFKA_MAX_RECORD_BYTES: whole(1024, 100 * 1024 * 1024)
    .optional()
    .describe(
      'Largest record that is taken, bytes; not above `max.message.bytes` of the topics. Without it what the ' +
        'topics allow by default.',
    ),
};
/**
 * How long superseded versions stay: in the topic, and in the view that the resources service reads. At least a year,
 * because a prior authorization must stay for a year after its last change of status.
 */
export const versionsEnv = {
  VERSION_RETENTION_DAYS: whole(366, 36_500)
    .default(400)
    .describe('How many days a version of a resource stays readable after it was replaced. The same everywhere.'),
};
/** Settings for the creation of topics, for the administration step alone. */
export const topicsEnv = {
  KAFKA_PARTITIONS: whole(1, 10_000).default(12).describe('Partitions of each topic. Never changed in place.'),
  KAFKA_REPLICATION: whole(1, 100).default(3).describe('Replicas of each partition.'),
  KAFKA_MIN_INSYNC_REPLICAS: whole(1, 100)
    .default(2)
    .describe('Replicas that must have a record before it counts as written; not above the replication.'),
  PAYER_RETENTION_DAYS: whole(1, 36_500)
    .default(DEFAULT_PAYER_RETENTION_DAYS)
    .describe('How many days, at least, Kafka keeps records of payer topics. A longer retention stays.'),
  ...versionsEnv,
};
export type KafkaEnv = z.infer<z.ZodObject<typeof kafkaEnv>>;

const TLS_FILES = ['KAFKA_TLS_CA_FILE', 'KAFKA_TLS_CERT_FILE', 'KAFKA_TLS_KEY_FILE'] as const;
const PASSWORD = ['KAFKA_SASL_USERNAME', 'KAFKA_SASL_PASSWORD_FILE'] as const;
const TOKEN = ['KAFKA_SASL_OAUTH_TOKEN_FILE'] as const;

function saslFaults(env: KafkaEnv): readonly string[] {
  const mechanism = env.KAFKA_SASL_MECHANISM;
  if (mechanism === undefined) return idle(env, [...PASSWORD, ...TOKEN], 'has no effect without KAFKA_SASL_MECHANISM');
  if (mechanism === 'oauthbearer')
    return [
      ...missing(env, TOKEN, 'must be set for KAFKA_SASL_MECHANISM=oauthbearer'),
      ...idle(env, PASSWORD, 'has no effect with KAFKA_SASL_MECHANISM=oauthbearer'),
    ];
  return [
    ...missing(env, PASSWORD, 'must be set for this KAFKA_SASL_MECHANISM'),
    ...idle(env, TOKEN, 'belongs to KAFKA_SASL_MECHANISM=oauthbearer alone'),
  ];
}

/** Contradictions between variables, one sentence each. */
export function kafkaFaults(env: KafkaEnv): string[] {
  const faults = [
    ...(env.KAFKA_TLS ? [] : idle(env, TLS_FILES, 'has no effect without KAFKA_TLS=true')),
    ...(env.KAFKA_TLS_KEY_FILE ? [] : idle(env, ['KAFKA_TLS_CERT_FILE'], 'needs KAFKA_TLS_KEY_FILE beside it')),
    ...(env.KAFKA_TLS_CERT_FILE ? [] : idle(env, ['KAFKA_TLS_KEY_FILE'], 'needs KAFKA_TLS_CERT_FILE beside it')),
    ...saslFaults(env),
  ];
  if ((env.KAFKA_HEARTBEAT_INTERVAL_MS ?? 0) * 3 > env.KAFKA_SESSION_TIMEOUT_MS)
    faults.push('KAFKA_HEARTBEAT_INTERVAL_MS: must be a third of KAFKA_SESSION_TIMEOUT_MS at most');
  if (env.KAFKA_REBALANCE_TIMEOUT_MS < env.KAFKA_SESSION_TIMEOUT_MS)
    faults.push('KAFKA_REBALANCE_TIMEOUT_MS: must not be below KAFKA_SESSION_TIMEOUT_MS');
  return faults;
}

/** Replicas that cannot be. */
export function topicsFaults(env: {
  readonly KAFKA_REPLICATION: number;
  readonly KAFKA_MIN_INSYNC_REPLICAS: number;
}): string[] {
  return env.KAFKA_MIN_INSYNC_REPLICAS > env.KAFKA_REPLICATION
    ? ['KAFKA_MIN_INSYNC_REPLICAS: must not be above KAFKA_REPLICATION']
    : [];
}

function tlsOf(env: KafkaEnv) {
  if (!env.KAFKA_TLS) return undefined;
  const { KAFKA_TLS_CA_FILE: ca, KAFKA_TLS_CERT_FILE: cert, KAFKA_TLS_KEY_FILE: key } = env;
  if (ca === undefined && cert === undefined) return true as const;
  return {
    ...(ca !== undefined && { ca: readFileOf('KAFKA_TLS_CA_FILE', ca, publicOf) }),
    ...(cert !== undefined &&
      key !== undefined && {
        cert: readFileOf('KAFKA_TLS_CERT_FILE', cert, publicOf),
        key: `${readSecretFile('KAFKA_TLS_KEY_FILE', key)}\n`,
      }),
  };
}

function saslOf(env: KafkaEnv) {
  const mechanism = env.KAFKA_SASL_MECHANISM;
  if (mechanism === undefined) return undefined;
  if (mechanism === 'oauthbearer')
    return {
      mechanism,
      token: async () => readSecretFile('KAFKA_SASL_OAUTH_TOKEN_FILE', env.KAFKA_SASL_OAUTH_TOKEN_FILE!),
    };
  return {
    mechanism,
    username: env.KAFKA_SASL_USERNAME!,
    password: () => readSecretFile('KAFKA_SASL_PASSWORD_FILE', env.KAFKA_SASL_PASSWORD_FILE!),
  };
}

/**
 * The adapter's options. `service` ends the client id.
 * @throws ConfigurationError naming each variable that contradicts another
 */
export function kafkaOptions(env: KafkaEnv, service: string) {
  refuse(kafkaFaults(env));
  const tls = tlsOf(env);
  const sasl = saslOf(env);
  return {
    brokers: env.KAFKA_BROKERS,
    clientId: `${env.KAFKA_CLIENT_ID}-${service}`,
    topicPrefix: env.KAFKA_TOPIC_PREFIX ?? '',
    groupPrefix: env.KAFKA_GROUP_PREFIX ?? env.KAFKA_TOPIC_PREFIX ?? '',
    ...(tls !== undefined && { tls }),
    ...(sasl !== undefined && { sasl }),
    sessionTimeoutMs: env.KAFKA_SESSION_TIMEOUT_MS,
    ...(env.KAFKA_HEARTBEAT_INTERVAL_MS !== undefined && { heartbeatIntervalMs: env.KAFKA_HEARTBEAT_INTERVAL_MS }),
    rebalanceTimeoutMs: env.KAFKA_REBALANCE_TIMEOUT_MS,
    requestTimeoutMs: env.KAFKA_REQUEST_TIMEOUT_MS,
    ...(env.KAFKA_MAX_RECORD_BYTES !== undefined && { maxRecordBytes: env.KAFKA_MAX_RECORD_BYTES }),
  };
}
