import type { Values } from './helm.ts';

const sasl = { kafka: { sasl: { mechanism: 'plain', username: 'u' } } };
/** Values of the engines and their secrets over those of the smallest example, and Helm's error for them. */
export const WRONG_ENGINES: readonly (readonly [what: string, values: Values, sentence: string | RegExp])[] = [
  // Kafka and MongoDB.
  ['no brokers', { kafka: { brokers: [] } }, 'kafka.brokers: must name at least one broker as host:port.'],
  [
    'a broker with a scheme',
    { kafka: { brokers: ['kafka://a:9092'] } },
    'kafka.brokers: "kafka://a:9092" must be host:port, without a scheme.',
  ],
  [
    'a topic prefix with a space',
    { kafka: { topicPrefix: 'a b' } },
    'kafka.topicPrefix: must be letters, digits, dots, dashes and underscores, 100 at most.',
  ],
  [
    'more replicas in sync than there are',
    { kafka: { topics: { replication: 1 } } },
    'kafka.topics.minInsyncReplicas: must not be above kafka.topics.replication, or nothing could be written.',
  ],
  [
    'SASL without a user',
    { kafka: { sasl: { mechanism: 'plain' } } },
    'kafka.sasl.username: must be set for kafka.sasl.mechanism plain, or services.auth.config.KAFKA_SASL_USERNAME.',
  ],
  [
    'SASL without a password',
    sasl,
    'secrets.kafkaPassword.secretName: must be set for kafka.sasl.mechanism plain, or ' +
      'admin.secrets.kafkaPassword.secretName.',
  ],
  [
    'a password of Kafka without SASL',
    { secrets: { kafkaPassword: { secretName: 'k' } } },
    'secrets.kafkaPassword: has no effect without kafka.sasl.mechanism.',
  ],
  [
    'a token without its Secret',
    { kafka: { sasl: { mechanism: 'oauthbearer' } } },
    'secrets.kafkaOauthToken.secretName: must be set for kafka.sasl.mechanism oauthbearer.',
  ],
  [
    'authorities of Kafka without TLS',
    { secrets: { kafkaCa: { secretName: 'k' } } },
    'secrets.kafkaCa: has no effect without kafka.tls.enabled.',
  ],
  [
    'authorities in two places',
    { kafka: { tls: { enabled: true } }, secrets: { kafkaCa: { secretName: 'k', configMapName: 'c' } } },
    'secrets.kafkaCa: must name a Secret or a ConfigMap, not both.',
  ],
  [
    'no MongoDB',
    { mongodb: { uri: '' } },
    'mongodb.uri: must be set, or secrets.mongodbUri.secretName where the connection string holds a password.',
  ],
  [
    'MongoDB twice',
    { secrets: { mongodbUri: { secretName: 'm' } } },
    'mongodb.uri: must not be set together with secrets.mongodbUri.',
  ],
  [
    'another database',
    { mongodb: { uri: 'postgres://db/pa' } },
    'mongodb.uri: must begin with mongodb:// or mongodb+srv:// and name a host.',
  ],
  // Files.
  ['no bucket', { files: { s3: { bucket: '' } } }, 'files.s3.bucket: must be set for files.store s3.'],
  [
    'a bucket that cannot be',
    { files: { s3: { bucket: 'Exports_1' } } },
    'files.s3.bucket: must be the name of a bucket: 3 to 63 lower case letters, digits, dots and dashes.',
  ],
  [
    'no volume',
    { files: { store: 'fs', s3: { bucket: '' } } },
    'files.fs.claimName: must be set for files.store fs: a PersistentVolumeClaim of yours.',
  ],
  [
    'a bucket and a volume',
    { files: { store: 'fs', fs: { claimName: 'c' } } },
    'files.s3.bucket: has no effect with files.store fs.',
  ],
  [
    'a volume for one and several instances',
    {
      files: { store: 'fs', s3: { bucket: '' }, fs: { claimName: 'c', accessMode: 'ReadWriteOnce' } },
      services: { export: { replicas: 2 } },
    },
    'files.fs.accessMode: several replicas of export need a volume that all of them can write, ReadWriteMany; or ' +
      'set services.export.replicas to 1.',
  ],
  [
    'a key of KMS without KMS',
    { files: { s3: { kmsKeyId: 'k' } } },
    'files.s3.kmsKeyId: has no effect without files.s3.serverSideEncryption aws:kms.',
  ],
  // Secrets are references.
  [
    'no reference',
    { secrets: { payerTokens: { secretName: '' } } },
    "secrets.payerTokens.secretName: must be set; the payer's systems prove themselves with it. SECURITY.md says " +
      'how to make one.',
  ],
  [
    'a reference that null took away',
    { secrets: { payerTokens: null } },
    'secrets.payerTokens: must be there, and null takes it away; name a Secret in secrets.payerTokens.secretName, or ' +
      'leave that empty for none.',
  ],
  [
    'an optional reference that null took away',
    { secrets: { otlpHeaders: null } },
    'secrets.otlpHeaders: must be there, and null takes it away; name a Secret in secrets.otlpHeaders.secretName, or ' +
      'leave that empty for none.',
  ],
  [
    'a secret as text',
    { secrets: { payerTokens: 'hunter2' } },
    'secrets.payerTokens: a secret is never a value; put it into a Secret and name that in ' +
      'secrets.payerTokens.secretName.',
  ],
  [
    'a secret as value',
    { secrets: { memberHashKeys: { value: 'hunter2' } } },
    'secrets.memberHashKeys: a secret is never a value;',
  ],
  [
    'a secret of one service as text',
    { services: { auth: { secrets: { tokenSigningKeys: { value: '{}' } } } } },
    'services.auth.secrets.tokenSigningKeys: a secret is never a value;',
  ],
  [
    'a password of Kafka',
    { kafka: { sasl: { password: 'hunter2' } } },
    'kafka.sasl.password: a secret is never a value; put it into a Secret and name that in secrets.kafkaPassword.',
  ],
  [
    'a password in the connection string',
    { mongodb: { uri: 'mongodb://u:hunter2@m/pa' } },
    'mongodb.uri: holds a password, and a secret is never a value; put it into a Secret and name that in ' +
      'secrets.mongodbUri.',
  ],
  [
    'an access key',
    { files: { s3: { secretAccessKey: 'hunter2' } } },
    'files.s3.secretAccessKey: a secret is never a value; put it into a Secret and name that in secrets.s3Credentials.',
  ],
  [
    'a secret among the extra variables',
    { extraEnv: [{ name: 'AWS_SECRET_ACCESS_KEY', value: 'hunter2' }] },
    'extraEnv: AWS_SECRET_ACCESS_KEY looks like a secret, and a secret is never a value; use valueFrom.secretKeyRef.',
  ],
  [
    'a file of secrets by its variable',
    { config: { PAYER_TOKENS_FILE: '/x' } },
    'config.PAYER_TOKENS_FILE: is set by this chart; name the Secret in secrets.payerTokens.',
  ],
];
