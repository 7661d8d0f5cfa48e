import { type LogFormat, logLine, type LogRecord } from '@provider-access/kernel';
import { pino, type DestinationStream, type Logger as Pino } from 'pino';

/** PHI-free by rule: fields are closed sets, counts and hashes. Names of people and members never go in. */
export type Logger = Pick<Pino, 'debug' | 'info' | 'warn' | 'error'> & Partial<Pick<Pino, 'isLevelEnabled'>>;

export interface LoggerOptions {
  /** As pino spells it. Default: info. */
  readonly level?: string;
  /** Default: json. */
  readonly format?: LogFormat;
  /** The fields that say to which trace a line belongs (`trace_id`, `span_id`), when the line is written. */
  readonly scopes?: { fields(): object };
}

/** A person reads lines as they happen. A program gets many, so they wait for each other outside the event loop. */
const standardError = (format: LogFormat): DestinationStream => pino.destination({ dest: 2, sync: format === 'text' });

/** Writes to standard error. */
export function createLogger(name: string, { level = 'info', format = 'json', scopes }: LoggerOptions = {}): Logger {
  const out = standardError(format);
  return pino(
    {
      name,
      level,
      base: undefined,
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: { paths: ['authorization', 'headers.authorization', 'token', 'client_assertion'], remove: true },
      ...(scopes !== undefined && { mixin: () => scopes.fields() }),
    },
    format === 'json' ? out : { write: (line) => out.write(logLine('text', JSON.parse(line) as LogRecord)) },
  );
}
export const silentLogger: Logger = pino({ level: 'silent' });

/** Writes an error to standard error at once, for a process that ends now. */
export function writeError(format: LogFormat, name: string, msg: string): void {
  process.stderr.write(logLine(format, { level: 50, time: new Date().toISOString(), name, msg }));
}
