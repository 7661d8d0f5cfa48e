import { baseUrl, port } from '@provider-access/config';
import { z } from 'zod';

/** Environment of `npm start`. Defaults serve loopback only. */
export const standaloneConfig = z.object({
  PORT: port.default(8080),
  /** Loopback unless said otherwise: there is no TLS here. */
  HOST: z.string().min(1).default('127.0.0.1'),
  /** The base that providers use, as in links and audiences. Default: http://HOST:PORT */
  PUBLIC_URL: baseUrl.optional(),
  DATA_DIR: z.string().min(1).default('.data'),
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
  /** Lets `jwks_uri` be plain http on loopback: for trials on one machine only. */
  ALLOW_INSECURE_JWKS: z.enum(['true', 'false']).default('false').transform((v) => v === 'true'),
  /** A listener or a public URL outside loopback without TLS in front needs this said aloud. */
  ALLOW_PLAIN_HTTP: z.enum(['true', 'false']).default('false').transform((v) => v === 'true'),
});
export type StandaloneConfig = z.infer<typeof standaloneConfig>;
