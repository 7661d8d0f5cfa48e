import { LOG_FORMATS } from '@provider-access/kernel';
import { z } from 'zod';
import { publicUrl, flag, port, trustedProxies, whole } from './values.ts';

/** The listener of a process. */
export const listenEnv = {
  HOST: z
    .string()
    .min(1)
    .default('127.0.0.1')
    .describe(
      'Address to listen on. Outside loopback only with TLS in front (an https `PUBLIC_URL`) or ' +
        '`ALLOW_PLAIN_HTTP=true`.',
    ),
  PORT: port.default(8080).describe('Port to listen on; 0 takes a free one.'),
  HEALTH_PORT: port
    .optional()
    .describe(
      'A second port on which a thread answers `/health/live`, so that the work of requests cannot delay the answer. ' +
        'Default: none; `PORT` answers `/health/live` too.',
    ),
  PUBLIC_URL: publicUrl.describe(
    'The base that providers use, without `/fhir`: links, audiences and issuer come from it, never from a request.',
  ),
  ALLOW_PLAIN_HTTP: flag
    .default(false)
    .describe(
      '`true`: a listener or a public URL outside loopback may be plain HTTP. Tokens and health data then travel ' +
        'in the clear.',
    ),
  TRUST_PROXY: trustedProxies
    .optional()
    .describe(
      'Whose `X-Forwarded-For` is believed, for limits by address: a number of proxies in front, or their ' +
        "addresses and networks. Without it nobody's.",
    ),
  LOG_LEVEL: z
    .enum(['debug', 'info', 'warn', 'error', 'silent'], 'must be debug, info, warn, error or silent')
    .default('info')
    .describe('Least level that is logged.'),
  LOG_FORMAT: z
    .enum(LOG_FORMATS, 'must be text or json')
    .default('json')
    .describe(
      'Format of everything on standard error: `json` for programs that collect it, `text` for people. `npm start` ' +
        'and the commands of `pa topics` and `pa views` write text by default.',
    ),
  STOP_TIMEOUT_MS: whole(1000, 600_000)
    .default(25_000)
    .describe(
      'How long SIGTERM may take to finish requests and hand back work. Below the grace period of whoever stops ' +
        'the process.',
    ),
};

const LOOPBACK = /^(127(\.\d{1,3}){3}|::1|localhost)$/;
const isLoopback = (host: string): boolean => LOOPBACK.test(host.replace(/^\[|\]$/g, ''));

/** A listener or a public URL that would speak plain HTTP outside loopback: a sentence each. */
export function listenFaults(env: {
  readonly HOST: string;
  readonly PUBLIC_URL?: string | undefined;
  readonly ALLOW_PLAIN_HTTP: boolean;
}): string[] {
  if (env.ALLOW_PLAIN_HTTP) return [];
  const tlsInFront = env.PUBLIC_URL?.startsWith('https:') === true;
  const faults: string[] = [];
  if (!isLoopback(env.HOST) && !tlsInFront)
    faults.push(
      'HOST: is not loopback and this process speaks plain HTTP; put TLS in front and say so by an https ' +
        'PUBLIC_URL, or set ALLOW_PLAIN_HTTP=true',
    );
  if (env.PUBLIC_URL?.startsWith('http:') === true && !isLoopback(new URL(env.PUBLIC_URL).hostname))
    faults.push('PUBLIC_URL: must be https outside loopback, or set ALLOW_PLAIN_HTTP=true');
  return faults;
}
