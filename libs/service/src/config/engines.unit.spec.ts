import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import {
  ConfigurationError,
  filesEnv,
  filesFaults,
  filesOptions,
  kafkaEnv,
  kafkaFaults,
  kafkaOptions,
  listenFaults,
  misspelled,
  mongoEnv,
  mongoFaults,
  mongoOptions,
  processEnv,
  readConfig,
  readSecretFile,
  refuse,
  secretsEnv,
  topicsEnv,
  topicsFaults,
  variablesOf,
} from './index.ts';

const folder = mkdtempSync(join(tmpdir(), 'config-'));
function file(name: string, content: string, mode = 0o600): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}
const PASSWORD = file('password', ' s3cret-Pa55word \n');
const CERT = file('cert.pem', 'CERT', 0o644);
const KEY = file('key.pem', 'KEY');
const EMPTY = file('empty', ' \n');
const OPEN = file('open', 'open-for-all', 0o644);
const GROUP = file('group', 'for-the-group', 0o440);
const SHARED = file('shared', 'group-may-write', 0o660);
const ABSENT = join(folder, 'absent');

const schema = z.object({ ...processEnv, ...filesEnv, ...topicsEnv, ...secretsEnv });
const good: Record<string, string> = {
  KAFKA_BROKERS: 'kafka-1:9092, kafka-2:9092',
  MONGODB_URI: 'mongodb://mongo-1,mongo-2/?replicaSet=rs0',
  FILES_DIR: folder,
  PUBLIC_URL: 'https://pa.example',
  TOKEN_SIGNING_KEYS_FILE: KEY,
  PAGE_LINK_KEYS_FILE: KEY,
  MEMBER_HASH_KEYS_FILE: KEY,
  ADMINISTRATOR_TOKENS_FILE: GROUP,
  PAYER_TOKENS_FILE: KEY,
};
function read(env: Record<string, string>): z.infer<typeof schema> {
  const config = readConfig(schema, env);
  refuse([
    ...misspelled(env, []),
    ...listenFaults(config),
    ...kafkaFaults(config),
    ...topicsFaults(config),
    ...mongoFaults(config),
    ...filesFaults(config),
  ]);
  return config;
}

describe('valid configurations', () => {
  test('a minimal environment takes the defaults', () => {
    const config = read(good);
    expect(kafkaOptions(config, 'auth')).toEqual({
      brokers: ['kafka-1:9092', 'kafka-2:9092'],
      clientId: 'provider-access-auth',
      topicPrefix: '',
      groupPrefix: '',
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 60_000,
      requestTimeoutMs: 30_000,
    });
    expect(mongoOptions(config, 'auth')).toMatchObject({
      uri: good['MONGODB_URI'],
      database: 'provider_access',
      appName: 'provider-access-auth',
      readConcern: 'majority',
      writeConcern: { w: 'majority', journal: true },
    });
    expect(filesOptions(config)).toEqual({ kind: 'fs', root: folder });
    expect(config.TRUST_PROXY).toBeUndefined();
  });

  test('TLS, SASL and a prefix reach the adapters; the password is read when it is needed', async () => {
    const password = file('rotating', 'first\n');
    const options = kafkaOptions(
      read({
        ...good,
        KAFKA_TLS: 'true',
        KAFKA_TLS_CA_FILE: CERT,
        KAFKA_TLS_CERT_FILE: CERT,
        KAFKA_TLS_KEY_FILE: KEY,
        KAFKA_SASL_MECHANISM: 'SCRAM-SHA-512',
        KAFKA_SASL_USERNAME: 'pa',
        KAFKA_SASL_PASSWORD_FILE: password,
        KAFKA_TOPIC_PREFIX: 'dev.',
      }),
      'auth',
    );
    expect(options).toMatchObject({
      tls: { ca: 'CERT', cert: 'CERT', key: 'KEY\n' },
      topicPrefix: 'dev.',
      groupPrefix: 'dev.',
      sasl: { mechanism: 'scram-sha-512', username: 'pa' },
    });
    const sasl = options.sasl as { password: () => string };
    expect(sasl.password()).toBe('first');
    file('rotating', 'second\n');
    expect(sasl.password()).toBe('second');
    const bearer = kafkaOptions(
      read({ ...good, KAFKA_SASL_MECHANISM: 'oauthbearer', KAFKA_SASL_OAUTH_TOKEN_FILE: password }),
      'auth',
    ).sasl as { token: () => Promise<string> };
    expect(await bearer.token()).toBe('second');
  });

  test('a connection string may come from a file, a store may be a bucket', () => {
    const { MONGODB_URI, FILES_DIR: _folder, ...rest } = good;
    const config = read({
      ...rest,
      MONGODB_URI_FILE: file('uri', `${MONGODB_URI}\n`),
      MONGODB_WRITE_CONCERN: '2',
      MONGODB_TLS: 'true',
      FILES: 's3',
      S3_BUCKET: 'exports',
      S3_SERVER_SIDE_ENCRYPTION: 'aws:kms',
      S3_KMS_KEY_ID: 'alias/pa',
      S3_ENDPOINT: 'http://127.0.0.1:4568/',
      S3_PATH_STYLE: 'true',
      S3_PREFIX: 'payer/files',
    });
    expect(mongoOptions(config, 'export')).toMatchObject({ uri: MONGODB_URI, writeConcern: { w: 2 }, tls: {} });
    expect(filesOptions(config)).toMatchObject({
      kind: 's3',
      bucket: 'exports',
      endpoint: 'http://127.0.0.1:4568',
      region: 'us-east-1',
      forcePathStyle: true,
      serverSideEncryption: 'aws:kms',
      kmsKeyId: 'alias/pa',
      prefix: 'payer/files/',
    });
  });

  test.each([
    ['2', 2],
    ['10.0.0.0/8, 192.168.1.1', ['10.0.0.0/8', '192.168.1.1']],
    ['fd00::/8', ['fd00::/8']],
  ])('TRUST_PROXY=%s', (value, expected) => {
    expect(read({ ...good, TRUST_PROXY: value }).TRUST_PROXY).toEqual(expected);
  });

  test('the variables that Kubernetes sets for services called kafka, mongodb or export are no mistake', () => {
    expect(
      misspelled(
        {
          KAFKA_SERVICE_HOST: '10.0.0.1',
          KAFKA_PORT: 'tcp://10.0.0.1:9092',
          KAFKA_PORT_9092_TCP_ADDR: '10.0.0.1',
          MONGODB_SERVICE_PORT: '27017',
          EXPORT_PORT: 'tcp://x',
          EXPORT_SERVICE_PORT_HTTP: '8080',
          HOSTNAME: 'pod',
          PATH: '/bin',
          HOME: '/',
        },
        ['EXPORT_URL'],
      ),
    ).toEqual([]);
  });
});

/** Variable at fault, environment beside the good one, and a word of the sentence. */
const wrong: readonly (readonly [variable: string, env: Record<string, string>, says: string])[] = [
  ['KAFKA_BROKERS', { KAFKA_BROKERS: '' }, 'must be set'],
  ['KAFKA_BROKERS', { KAFKA_BROKERS: ' , ' }, 'at least one'],
  ['KAFKA_BROKERS', { KAFKA_BROKERS: 'kafka-secret-host' }, 'host:port'],
  ['KAFKA_BROKERS', { KAFKA_BROKERS: 'kafka://kafka-secret-host:9092' }, 'without a scheme'],
  ['KAFKA_BROKERS', { KAFKA_BROKERS: 'kafka-secret-host:99999' }, 'host:port'],
  ['KAFKA_CLIENT_ID', { KAFKA_CLIENT_ID: 'with space' }, 'letters'],
  ['KAFKA_TOPIC_PREFIX', { KAFKA_TOPIC_PREFIX: 'a/b' }, 'letters'],
  ['KAFKA_GROUP_PREFIX', { KAFKA_GROUP_PREFIX: 'ä' }, 'letters'],
  ['KAFKA_TLS', { KAFKA_TLS: 'yes' }, 'true or false'],
  ['KAFKA_TLS_CA_FILE', { KAFKA_TLS_CA_FILE: CERT }, 'KAFKA_TLS=true'],
  ['KAFKA_TLS_CA_FILE', { KAFKA_TLS: 'true', KAFKA_TLS_CA_FILE: ABSENT }, 'not there'],
  ['KAFKA_TLS_CERT_FILE', { KAFKA_TLS: 'true', KAFKA_TLS_CERT_FILE: CERT }, 'needs KAFKA_TLS_KEY_FILE'],
  ['KAFKA_TLS_KEY_FILE', { KAFKA_TLS: 'true', KAFKA_TLS_KEY_FILE: KEY }, 'needs KAFKA_TLS_CERT_FILE'],
  ['KAFKA_TLS_KEY_FILE', { KAFKA_TLS: 'true', KAFKA_TLS_CERT_FILE: CERT, KAFKA_TLS_KEY_FILE: OPEN }, 'others may read'],
  ['KAFKA_SASL_MECHANISM', { KAFKA_SASL_MECHANISM: 'gssapi' }, 'must be plain'],
  ['KAFKA_SASL_USERNAME', { KAFKA_SASL_MECHANISM: 'plain', KAFKA_SASL_PASSWORD_FILE: PASSWORD }, 'must be set'],
  ['KAFKA_SASL_PASSWORD_FILE', { KAFKA_SASL_MECHANISM: 'plain', KAFKA_SASL_USERNAME: 'pa-user' }, 'must be set'],
  ['KAFKA_SASL_USERNAME', { KAFKA_SASL_USERNAME: 'pa-user' }, 'without KAFKA_SASL_MECHANISM'],
  [
    'KAFKA_SASL_PASSWORD_FILE',
    { KAFKA_SASL_MECHANISM: 'plain', KAFKA_SASL_USERNAME: 'pa-user', KAFKA_SASL_PASSWORD_FILE: EMPTY },
    'empty',
  ],
  [
    'KAFKA_SASL_PASSWORD_FILE',
    { KAFKA_SASL_MECHANISM: 'plain', KAFKA_SASL_USERNAME: 'pa-user', KAFKA_SASL_PASSWORD_FILE: folder },
    'folder',
  ],
  ['KAFKA_SASL_OAUTH_TOKEN_FILE', { KAFKA_SASL_MECHANISM: 'oauthbearer' }, 'must be set'],
  [
    'KAFKA_SASL_OAUTH_TOKEN_FILE',
    {
      KAFKA_SASL_MECHANISM: 'plain',
      KAFKA_SASL_USERNAME: 'pa-user',
      KAFKA_SASL_PASSWORD_FILE: PASSWORD,
      KAFKA_SASL_OAUTH_TOKEN_FILE: PASSWORD,
    },
    'oauthbearer alone',
  ],
  [
    'KAFKA_SASL_USERNAME',
    { KAFKA_SASL_MECHANISM: 'oauthbearer', KAFKA_SASL_OAUTH_TOKEN_FILE: PASSWORD, KAFKA_SASL_USERNAME: 'pa-user' },
    'no effect',
  ],
  ['KAFKA_SESSION_TIMEOUT_MS', { KAFKA_SESSION_TIMEOUT_MS: '10s' }, 'whole number'],
  ['KAFKA_SESSION_TIMEOUT_MS', { KAFKA_SESSION_TIMEOUT_MS: '1' }, '1000 to'],
  ['KAFKA_HEARTBEAT_INTERVAL_MS', { KAFKA_SESSION_TIMEOUT_MS: '6000', KAFKA_HEARTBEAT_INTERVAL_MS: '2001' }, 'a third'],
  [
    'KAFKA_REBALANCE_TIMEOUT_MS',
    { KAFKA_SESSION_TIMEOUT_MS: '70000', KAFKA_REBALANCE_TIMEOUT_MS: '69999' },
    'below KAFKA_SESSION_TIMEOUT_MS',
  ],
  ['KAFKA_PARTITIONS', { KAFKA_PARTITIONS: '0' }, '1 to'],
  ['KAFKA_MIN_INSYNC_REPLICAS', { KAFKA_REPLICATION: '1', KAFKA_MIN_INSYNC_REPLICAS: '2' }, 'above KAFKA_REPLICATION'],
  ['MONGODB_URI', { MONGODB_URI: '' }, 'or MONGODB_URI_FILE'],
  ['MONGODB_URI', { MONGODB_URI: 'postgres://user:hunter2@host/' }, 'mongodb://'],
  ['MONGODB_URI', { MONGODB_URI_FILE: PASSWORD }, 'together with'],
  ['MONGODB_URI_FILE', { MONGODB_URI: '', MONGODB_URI_FILE: PASSWORD }, 'mongodb://'],
  ['MONGODB_URI_FILE', { MONGODB_URI: '', MONGODB_URI_FILE: OPEN }, 'others may read'],
  ['MONGODB_URI_FILE', { MONGODB_URI: '', MONGODB_URI_FILE: ABSENT }, 'not there'],
  ['MONGODB_URI', { MONGODB_URI: 'mongodb://user:hunter2@host/?w=1' }, 'MONGODB_WRITE_CONCERN'],
  ['MONGODB_URI', { MONGODB_URI: 'mongodb://user:hunter2@host/?journal=false' }, 'survive'],
  ['MONGODB_URI', { MONGODB_URI: 'mongodb://user:hunter2@host/?tls=false', MONGODB_TLS: 'true' }, 'turns TLS off'],
  ['MONGODB_DATABASE', { MONGODB_DATABASE: 'a.b' }, 'letters'],
  [
    'MONGODB_MIN_POOL_SIZE',
    { MONGODB_MIN_POOL_SIZE: '60', MONGODB_MAX_POOL_SIZE: '50' },
    'above MONGODB_MAX_POOL_SIZE',
  ],
  ['MONGODB_READ_CONCERN', { MONGODB_READ_CONCERN: 'snapshot' }, 'majority'],
  ['MONGODB_WRITE_CONCERN', { MONGODB_WRITE_CONCERN: '0' }, 'majority or a number'],
  ['MONGODB_TLS_CA_FILE', { MONGODB_TLS: 'false', MONGODB_TLS_CA_FILE: CERT }, 'MONGODB_TLS=false'],
  ['MONGODB_TLS_CERT_KEY_FILE', { MONGODB_TLS_CERT_KEY_FILE: SHARED }, 'group may write'],
  ['FILES', { FILES: 'nfs' }, 'fs or s3'],
  ['FILES_DIR', { FILES_DIR: '' }, 'FILES=fs'],
  ['FILES_DIR', { FILES: 's3', S3_BUCKET: 'exports' }, 'no effect'],
  ['S3_BUCKET', { FILES: 's3', FILES_DIR: '' }, 'must be set'],
  ['S3_BUCKET', { FILES: 's3', FILES_DIR: '', S3_BUCKET: 'Not A Bucket' }, 'name of a bucket'],
  ['S3_BUCKET', { S3_BUCKET: 'exports' }, 'FILES=s3'],
  ['S3_PREFIX', { FILES: 's3', FILES_DIR: '', S3_BUCKET: 'exports', S3_PREFIX: '../other' }, 'with "/" between'],
  ['S3_PREFIX', { FILES: 's3', FILES_DIR: '', S3_BUCKET: 'exports', S3_PREFIX: 'a//b' }, 'with "/" between'],
  ['S3_KMS_KEY_ID', { FILES: 's3', FILES_DIR: '', S3_BUCKET: 'exports', S3_KMS_KEY_ID: 'alias/pa' }, 'aws:kms'],
  ['S3_ENDPOINT', { S3_ENDPOINT: 'minio:9000' }, 'http'],
  ['S3_PREFIX', { S3_PREFIX: '/exports' }, 'between them'],
  ['S3_PART_BYTES', { S3_PART_BYTES: '1024' }, 'from 5242880'],
  ['HOST', { HOST: '0.0.0.0', PUBLIC_URL: 'http://localhost:8080' }, 'not loopback'],
  ['PUBLIC_URL', { PUBLIC_URL: '' }, 'must be set'],
  ['PUBLIC_URL', { PUBLIC_URL: 'http://pa.example' }, 'must be https'],
  ['PORT', { PORT: '70000' }, '65535'],
  ['TRUST_PROXY', { TRUST_PROXY: 'everybody' }, 'number of proxies'],
  ['TRUST_PROXY', { TRUST_PROXY: '10.0.0.0/33' }, 'CIDR'],
  ['TRUST_PROXY', { TRUST_PROXY: '99' }, 'up to 10'],
  ['STOP_TIMEOUT_MS', { STOP_TIMEOUT_MS: '-1' }, 'whole number'],
  ['LOG_LEVEL', { LOG_LEVEL: 'verbose' }, 'must be debug'],
  ['ALLOW_PLAIN_HTTP', { ALLOW_PLAIN_HTTP: '1' }, 'true or false'],
  ['TOKEN_SIGNING_KEYS_FILE', { TOKEN_SIGNING_KEYS_FILE: '' }, 'must be set'],
  ['ADMINISTRATOR_TOKENS_FILE', { ADMINISTRATOR_TOKENS_FILE: EMPTY }, 'empty'],
  ['PAYER_TOKENS_FILE', { PAYER_TOKENS_FILE: OPEN }, 'others may read'],
  ['KAFKA_BROKER', { KAFKA_BROKER: 'kafka-secret-host:9092' }, 'did you mean KAFKA_BROKERS?'],
  ['KAFKA_SASL_PASSWORD', { KAFKA_SASL_PASSWORD: 'hunter2hunter2' }, 'did you mean KAFKA_SASL_PASSWORD_FILE?'],
  ['KAFKA_TOPICS_PREFIX', { KAFKA_TOPICS_PREFIX: 'x' }, 'did you mean KAFKA_TOPIC_PREFIX?'],
  ['MONGODB_DATABSAE', { MONGODB_DATABSAE: 'x' }, 'did you mean MONGODB_DATABASE?'],
  ['MONGO_URI', { MONGO_URI: 'mongodb://user:hunter2@host' }, 'did you mean MONGODB_URI?'],
  ['S3_BUCKETS', { S3_BUCKETS: 'x' }, 'did you mean S3_BUCKET?'],
  ['PAYER_TOKEN_FILE', { PAYER_TOKEN_FILE: '/x' }, 'did you mean PAYER_TOKENS_FILE?'],
];

describe('a wrong value ends the start with a sentence that names the variable and never its value', () => {
  test.each(wrong)('%s %j: %s', (variable, env, says) => {
    let said = '';
    try {
      read({ ...good, ...env });
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigurationError);
      said = (error as Error).message;
    }
    const sentence = said.split('; ').find((each) => each.startsWith(`${variable}: `));
    expect(sentence, said).toBeDefined();
    expect(said).toContain(says);
    for (const value of Object.values(env))
      if (value.length > 7 && value !== 'oauthbearer' && !says.includes(value)) expect(said).not.toContain(value);
    for (const secret of ['s3cret', 'hunter2', 'open-for-all', 'secret-host']) expect(said).not.toContain(secret);
  });

  test('reports several faults at once', () => {
    expect(() => read({ ...good, KAFKA_TLS_CA_FILE: CERT, FILES_DIR: '', MONGODB_MIN_POOL_SIZE: '60' })).toThrow(
      /KAFKA_TLS_CA_FILE: .*; MONGODB_MIN_POOL_SIZE: .*; FILES_DIR: /,
    );
  });
});

test('a secret file may be read by owner and group, and white space around it does not count', () => {
  expect(readSecretFile('X', PASSWORD)).toBe('s3cret-Pa55word');
  expect(readSecretFile('X', GROUP)).toBe('for-the-group');
});

describe('a listener or a public URL outside loopback', () => {
  test.each([
    ['127.0.0.1', 'http://127.0.0.1:8080', false, 0],
    ['127.0.0.1', 'http://localhost', false, 0],
    ['::1', 'http://[::1]:8080', false, 0],
    ['127.0.0.1', 'https://pa.example', false, 0],
    ['0.0.0.0', 'https://pa.example', false, 0],
    ['0.0.0.0', 'http://127.0.0.1', false, 1],
    ['::', undefined, false, 1],
    ['0.0.0.0', 'http://pa.example', false, 2],
    ['127.0.0.1', 'http://pa.example', false, 1],
    ['0.0.0.0', 'http://pa.example', true, 0],
    ['127.evil.example', 'https://x', false, 0],
    ['localhost.evil.example', 'http://127.0.0.1', false, 1],
  ] as const)('HOST=%s PUBLIC_URL=%s ALLOW_PLAIN_HTTP=%s', (HOST, PUBLIC_URL, ALLOW_PLAIN_HTTP, faults) => {
    expect(listenFaults({ HOST, PUBLIC_URL, ALLOW_PLAIN_HTTP })).toHaveLength(faults);
  });
});

test('every variable of a process has a description; what must be set has no default', () => {
  const variables = variablesOf(schema);
  expect(variables.filter((v) => v.description.length < 10)).toEqual([]);
  expect(variables.filter((v) => v.required).map((v) => v.name)).toEqual([
    'PUBLIC_URL',
    'KAFKA_BROKERS',
    // A payer may have no portal for members.
    ...Object.keys(secretsEnv).filter((name) => !name.startsWith('MEMBER_PORTAL_')),
  ]);
  expect(variables.find((v) => v.name === 'KAFKA_TLS')).toMatchObject({ required: false, default: 'false' });
  expect(variablesOf(z.object(kafkaEnv)).length + variablesOf(z.object(mongoEnv)).length).toBeGreaterThan(25);
});
