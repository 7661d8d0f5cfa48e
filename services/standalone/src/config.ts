import {
  baseUrl,
  businessEnv,
  flag,
  listenEnv,
  port,
  serviceLevelsSince,
  telemetryEnv,
  whole,
} from '@provider-access/service/config';
import { DEFAULT_PAYER_RETENTION_DAYS } from '@provider-access/events';
import { z } from 'zod';

/** Environment of `npm start`. By default it listens on loopback only. */
export const standaloneConfig = z.object({
  PORT: listenEnv.PORT,
  HOST: listenEnv.HOST,
  PUBLIC_URL: baseUrl
    .optional()
    .describe('The base URL that providers use, in links and audiences. Default: http://HOST:PORT'),
  DATA_DIR: z
    .string()
    .min(1)
    .default('.data')
    .describe('Folder of all stored data: log, views, state, files, keys and tokens.'),
  MIN_FREE_BYTES: whole(0, Number.MAX_SAFE_INTEGER)
    .default(134_217_728)
    .describe(
      'Free bytes that the disk of DATA_DIR must have. With less, the process is not ready, before a write fails. ' +
        'Exports stop 64 MiB earlier. `0` disables the check.',
    ),
  PAYER_RETENTION_DAYS: whole(1, 36_500)
    .default(DEFAULT_PAYER_RETENTION_DAYS)
    .describe(
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
  ALLOW_INSECURE_JWKS: flag
    .default(false)
    .describe('`true`: `jwks_uri` may be plain http on loopback. For trials on one machine only.'),
  ALLOW_PLAIN_HTTP: listenEnv.ALLOW_PLAIN_HTTP,
  TRUST_PROXY: listenEnv.TRUST_PROXY,
  ...telemetryEnv,
  ...businessEnv,
  SERVICE_LEVELS_SINCE: serviceLevelsSince,
});
export type StandaloneConfig = z.infer<typeof standaloneConfig>;
