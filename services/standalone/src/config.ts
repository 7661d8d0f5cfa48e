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

/** Environment of `npm start`. Defaults serve loopback only. */
export const standaloneConfig = z.object({
  PORT: listenEnv.PORT,
  HOST: listenEnv.HOST,
  PUBLIC_URL: baseUrl
    .optional()
    .describe('The base that providers use, as in links and audiences. Default: http://HOST:PORT'),
  DATA_DIR: z
    .string()
    .min(1)
    .default('.data')
    .describe('Folder of everything that is kept: log, views, state, files, keys and tokens.'),
  MIN_FREE_BYTES: whole(0, Number.MAX_SAFE_INTEGER)
    .default(134_217_728)
    .describe(
      'Free bytes that the disk of DATA_DIR must have: with less, readiness is false before a write fails. Exports ' +
        'stop 64 MiB earlier. `0` asks for none.',
    ),
  PAYER_RETENTION_DAYS: whole(1, 36_500)
    .default(DEFAULT_PAYER_RETENTION_DAYS)
    .describe(
      'How long payer topics are kept, days, at least. In `npm start` a record that a service has not handled ' +
        'stays longer.',
    ),
  INTERNAL_PORT: port
    .optional()
    .describe(
      'A second port on HOST, for the payer and operators. With it `/events`, `/ops`, `/metrics` and ' +
        '`/auth/clients` are answered there and are 404 on PORT.',
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
