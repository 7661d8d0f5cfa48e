import { pino, type Logger as Pino } from 'pino';

/** PHI-free by rule: fields are closed sets, counts and hashes. Names of people and members never go in. */
export type Logger = Pick<Pino, 'debug' | 'info' | 'warn' | 'error'>;

/** JSON lines on standard error. `level` as pino spells it, default `info`. */
export function createLogger(name: string, level = 'info'): Logger {
  return pino({ name, level, base: undefined, timestamp: pino.stdTimeFunctions.isoTime, redact: { paths: ['authorization', 'headers.authorization', 'token', 'client_assertion'], remove: true } }, pino.destination(2));
}
export const silentLogger: Logger = pino({ level: 'silent' });
