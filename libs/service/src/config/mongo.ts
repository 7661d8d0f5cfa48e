import { z } from 'zod';
import { idle, refuse } from './read-config.ts';
import { publicFile, readSecretFile, secretFile } from './secret-file.ts';
import { flag, whole } from './values.ts';

const URI = /^mongodb(\+srv)?:\/\/[^/\s]+(\/[^\s]*)?$/;
const uri = z.string().regex(URI, 'must begin with mongodb:// or mongodb+srv:// and name a host');

/** How a process reaches MongoDB. */
export const mongoEnv = {
  MONGODB_URI: uri.optional().describe('Connection string. One with a password belongs into `MONGODB_URI_FILE`.'),
  MONGODB_URI_FILE: secretFile.optional().describe('Secret file of the connection string, instead of `MONGODB_URI`.'),
  MONGODB_DATABASE: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,63}$/, 'must be letters, digits, dashes and underscores, 63 at most')
    .default('provider_access')
    .describe('Database of views and state.'),
  MONGODB_MAX_POOL_SIZE: whole(1, 10_000).default(50).describe('Connections of a process at most, to each server.'),
  MONGODB_MIN_POOL_SIZE: whole(0, 10_000).default(0).describe('Connections that are kept open.'),
  MONGODB_READ_CONCERN: z
    .enum(['local', 'majority', 'linearizable'], 'must be local, majority or linearizable')
    .default('majority')
    .describe('Read concern of views. State always reads by majority.'),
  MONGODB_WRITE_CONCERN: z
    .union(
      [
        z.literal('majority'),
        z
          .string()
          .regex(/^[1-9]\d?$/)
          .transform(Number),
      ],
      'must be majority or a number of servers',
    )
    .default('majority')
    .describe('Write concern: `majority` or a number of servers; always journalled.'),
  MONGODB_WRITE_TIMEOUT_MS: whole(100, 300_000).default(10_000).describe('How long a write waits for its concern.'),
  MONGODB_TLS: flag
    .optional()
    .describe('`true` or `false`: connections are TLS or not. Without it the connection string says.'),
  MONGODB_TLS_CA_FILE: publicFile.optional().describe('PEM file of the authorities that servers are checked against.'),
  MONGODB_TLS_CERT_KEY_FILE: secretFile
    .optional()
    .describe('PEM file of client certificate and private key (secret file).'),
  MONGODB_SERVER_SELECTION_TIMEOUT_MS: whole(100, 120_000)
    .default(5000)
    .describe('How long an operation looks for a server before it fails.'),
  MONGODB_SOCKET_TIMEOUT_MS: whole(1000, 600_000).default(30_000).describe('How long an answer may take.'),
};
export type MongoEnv = z.infer<z.ZodObject<typeof mongoEnv>>;

/** Options of a connection string that have a variable of their own: two places would contradict each other one day. */
const OWN: Readonly<Record<string, string>> = {
  w: 'MONGODB_WRITE_CONCERN',
  readconcernlevel: 'MONGODB_READ_CONCERN',
  wtimeoutms: 'MONGODB_WRITE_TIMEOUT_MS',
  maxpoolsize: 'MONGODB_MAX_POOL_SIZE',
  minpoolsize: 'MONGODB_MIN_POOL_SIZE',
  sockettimeoutms: 'MONGODB_SOCKET_TIMEOUT_MS',
  serverselectiontimeoutms: 'MONGODB_SERVER_SELECTION_TIMEOUT_MS',
  tlscafile: 'MONGODB_TLS_CA_FILE',
  tlscertificatekeyfile: 'MONGODB_TLS_CERT_KEY_FILE',
};

function optionsOf(text: string): URLSearchParams {
  const query = text.indexOf('?');
  const options = new URLSearchParams();
  for (const [name, value] of new URLSearchParams(query < 0 ? '' : text.slice(query + 1)))
    options.append(name.toLowerCase(), value);
  return options;
}

function uriFaults(variable: string, text: string, env: MongoEnv): string[] {
  if (!URI.test(text)) return [`${variable}: must begin with mongodb:// or mongodb+srv:// and name a host`];
  const options = optionsOf(text);
  const faults = Object.entries(OWN)
    .filter(([option]) => options.has(option))
    .map(([option, own]) => `${variable}: must not set ${option}, which ${own} sets`);
  if (options.get('journal') === 'false')
    faults.push(`${variable}: must not set journal=false: what counts as written must survive a crash`);
  const off = ['tls', 'ssl'].some((option) => options.get(option) === 'false');
  if (
    off &&
    (env.MONGODB_TLS === true || env.MONGODB_TLS_CA_FILE !== undefined || env.MONGODB_TLS_CERT_KEY_FILE !== undefined)
  )
    faults.push(`${variable}: turns TLS off, while MONGODB_TLS or its files turn it on`);
  return faults;
}

/** Contradictions between variables, one sentence each. */
export function mongoFaults(env: MongoEnv): string[] {
  const faults: string[] = [];
  const { MONGODB_URI: given, MONGODB_URI_FILE: file } = env;
  if (given === undefined && file === undefined) faults.push('MONGODB_URI: must be set, or MONGODB_URI_FILE');
  if (given !== undefined && file !== undefined)
    faults.push('MONGODB_URI: must not be set together with MONGODB_URI_FILE');
  if (given !== undefined) faults.push(...uriFaults('MONGODB_URI', given, env));
  if (file !== undefined) faults.push(...uriFaults('MONGODB_URI_FILE', readSecretFile('MONGODB_URI_FILE', file), env));
  if (env.MONGODB_MIN_POOL_SIZE > env.MONGODB_MAX_POOL_SIZE)
    faults.push('MONGODB_MIN_POOL_SIZE: must not be above MONGODB_MAX_POOL_SIZE');
  if (env.MONGODB_TLS === false) faults.push(...idle(env, TLS_FILES, 'has no effect with MONGODB_TLS=false'));
  return faults;
}
const TLS_FILES = ['MONGODB_TLS_CA_FILE', 'MONGODB_TLS_CERT_KEY_FILE'] as const;

/**
 * The adapters' options. `service` ends the application name that the server logs.
 * @throws ConfigurationError naming each variable that contradicts another
 */
export function mongoOptions(env: MongoEnv, service: string) {
  refuse(mongoFaults(env));
  const { MONGODB_TLS_CA_FILE: caFile, MONGODB_TLS_CERT_KEY_FILE: certificateKeyFile } = env;
  const secure = env.MONGODB_TLS === true || caFile !== undefined || certificateKeyFile !== undefined;
  return {
    uri: env.MONGODB_URI ?? readSecretFile('MONGODB_URI_FILE', env.MONGODB_URI_FILE!),
    database: env.MONGODB_DATABASE,
    appName: `provider-access-${service}`,
    maxPoolSize: env.MONGODB_MAX_POOL_SIZE,
    minPoolSize: env.MONGODB_MIN_POOL_SIZE,
    readConcern: env.MONGODB_READ_CONCERN,
    writeConcern: { w: env.MONGODB_WRITE_CONCERN, journal: true as const, wtimeoutMS: env.MONGODB_WRITE_TIMEOUT_MS },
    ...(secure && {
      tls: { ...(caFile !== undefined && { caFile }), ...(certificateKeyFile !== undefined && { certificateKeyFile }) },
    }),
    serverSelectionTimeoutMs: env.MONGODB_SERVER_SELECTION_TIMEOUT_MS,
    socketTimeoutMs: env.MONGODB_SOCKET_TIMEOUT_MS,
  };
}
