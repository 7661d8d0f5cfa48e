import { pino, type Logger as Pino } from 'pino';
import type { TraceScopes } from './tracing/scopes.ts';

/** PHI-free by rule: fields are closed sets, counts and hashes. Names of people and members never go in. */
export type Logger = Pick<Pino, 'debug' | 'info' | 'warn' | 'error'>;

/**
 * JSON lines on standard error. `level` as pino spells it, default `info`. With `scopes` a line says to which trace it
 * belongs (`trace_id`, `span_id`).
 */
export function createLogger(name: string, level = 'info', scopes?: TraceScopes): Logger {
  return pino(
    {
      name,
      level,
      base: undefined,
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: { paths: ['authorization', 'headers.authorization', 'token', 'client_assertion'], remove: true },
      ...(scopes !== undefined && { mixin: () => scopes.fields() }),
    },
    pino.destination({ dest: 2, sync: false }),
  );
}
export const silentLogger: Logger = pino({ level: 'silent' });
