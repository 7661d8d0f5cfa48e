/** How errors and warnings are written: for people, or for a program that collects them. */
export const LOG_FORMATS = ['text', 'json'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

const LEVELS = { 20: 'debug', 30: 'info', 40: 'warning', 50: 'error' } as const;
/** The numbers of pino, so that a collector sees one scale. */
export type LogLevel = keyof typeof LEVELS;

export interface LogRecord {
  readonly level: LogLevel;
  readonly time: string;
  /** The process. */
  readonly name: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

const shown = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** One record as one line: JSON, or `12:00:00 warning: what happened (field=value)` in the machine's time zone. */
export function logLine(format: LogFormat, record: LogRecord): string {
  if (format === 'json') return `${JSON.stringify(record)}\n`;
  const { level, time, name: _, msg, ...fields } = record;
  const more = Object.entries(fields).map(([field, value]) => `${field}=${shown(value)}`);
  const text = `${msg}${more.length === 0 ? '' : ` (${more.join(', ')})`}`;
  // A control character in a value must neither begin a line nor move the cursor.
  return `${new Date(time).toTimeString().slice(0, 8)} ${LEVELS[level]}: ${text.replaceAll(/\p{Cc}/gu, ' ')}\n`;
}

/** The format that `LOG_FORMAT` asks for, also where other variables are wrong. */
export const logFormatOf = (value: string | undefined, otherwise: LogFormat): LogFormat =>
  LOG_FORMATS.find((format) => format === value) ?? otherwise;
