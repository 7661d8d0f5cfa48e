import {
  publicUrl,
  businessEnv,
  deploymentEnv,
  flag,
  listenEnv,
  port,
  serviceLevelsSince,
  telemetryEnv,
  topicsEnv,
  whole,
} from '@provider-access/service/config';
import { z } from 'zod';

/** Environment of `npm start`. By default it listens on loopback only. */
export const standaloneConfig = z.object({
  PORT: listenEnv.PORT,
  HOST: listenEnv.HOST,
  PUBLIC_URL: publicUrl
    .optional()
    .describe('The base URL that providers use, in links and audiences. Default: http://HOST:PORT'),
  DATA_DIR: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Folder of all stored data: log, views, state, files, keys and tokens. Default: `.data`, or `.sandbox` for a ' +
        'sandbox.',
    ),
  MIN_FREE_BYTES: whole(0, Number.MAX_SAFE_INTEGER)
    .default(134_217_728)
    .describe(
      'Free bytes that the disk of DATA_DIR must have. With less, the process is not ready, before a write fails. ' +
        'Exports stop 64 MiB earlier. `0` disables the check.',
    ),
  LOG_BLOCKS: flag
    .default(true)
    .describe(
      '`false`: each event is a row of the log that 0.2.0 can read, and a start unpacks compressed blocks, which ' +
        'takes up to ten times the bytes of `log.db`. Set it for one start before you go back to 0.2.0.',
    ),
  PAYER_RETENTION_DAYS: topicsEnv.PAYER_RETENTION_DAYS.describe(
    'How many days, at least, the log keeps records of payer topics. `npm start` keeps a record longer if a ' +
      'service has not handled it.',
  ),
  INTERNAL_PORT: port
    .optional()
    .describe(
      'A second port on HOST, for the payer and operators. If it is set, only this port answers `/events`, `/ops`, ' +
        '`/metrics` and `/auth/clients`; PORT answers them with 404.',
    ),
  LOG_LEVEL: listenEnv.LOG_LEVEL,
  LOG_FORMAT: listenEnv.LOG_FORMAT.unwrap()
    .default('text')
    .describe('Format of everything on standard error: `text` for people, `json` for programs that collect it.'),
  ALLOW_INSECURE_JWKS: flag
    .default(false)
    .describe('`true`: `jwks_uri` may be plain http on loopback. For trials on one machine only.'),
  ALLOW_PLAIN_HTTP: listenEnv.ALLOW_PLAIN_HTTP,
  TRUST_PROXY: listenEnv.TRUST_PROXY,
  ...telemetryEnv,
  ...businessEnv,
  ...deploymentEnv,
  SANDBOX_MEMBERS: whole(20, 100_000).default(200).describe('Members of the synthetic payer of a sandbox.'),
  SANDBOX_EVENTS_PER_MINUTE: whole(0, 6000)
    .default(6)
    .describe('How many events the synthetic payer of a sandbox publishes each minute after its history; `0`: none.'),
  SERVICE_LEVELS_SINCE: serviceLevelsSince,
});
/** The data folder of `npm start`. */
export const dataFolderOf = ({ DATA_DIR, SANDBOX }: Pick<StandaloneConfig, 'DATA_DIR' | 'SANDBOX'>): string =>
  DATA_DIR ?? (SANDBOX ? '.sandbox' : '.data');
export type StandaloneConfig = z.infer<typeof standaloneConfig>;
