import { readFileSync } from 'node:fs';
import { logFormatOf, logLine, type LogLevel } from '@provider-access/kernel';
import { Sandbox } from './sandbox.ts';

/**
 * The payer and the reviewer of a sandbox in a cluster. Environment: SANDBOX_PAYER_URL and SANDBOX_AUTH_URL (the
 * services resources and auth), PAYER_TOKENS_FILE, ADMINISTRATOR_TOKENS_FILE, SANDBOX_FOLDER, SANDBOX_MEMBERS,
 * SANDBOX_EVENTS_PER_MINUTE, LOG_FORMAT. Runs until SIGTERM.
 */
const tell = (level: LogLevel, msg: string): void => {
  const format = logFormatOf(process.env['LOG_FORMAT'], 'json');
  process.stderr.write(logLine(format, { level, time: new Date().toISOString(), name: 'sandbox', msg }));
};
const fail = (sentence: string): never => {
  tell(50, sentence);
  process.exit(1);
};
const setting = (name: string): string => {
  const value = process.env[name];
  return value !== undefined && value !== '' ? value : fail(`${name}: must be set`);
};
const whole = (name: string): number => {
  const value = Number(setting(name));
  return Number.isInteger(value) && value >= 0 ? value : fail(`${name}: must be a whole number`);
};
/** The first token of a file, read at each request because an operator may replace it. */
const tokenOf = (file: string) => (): string => readFileSync(file, 'utf8').trim().split(/\s+/)[0]!;

const sandbox = new Sandbox({
  payerUrl: setting('SANDBOX_PAYER_URL'),
  authUrl: setting('SANDBOX_AUTH_URL'),
  publicUrl: setting('SANDBOX_AUTH_URL'),
  payerToken: tokenOf(setting('PAYER_TOKENS_FILE')),
  administratorToken: tokenOf(setting('ADMINISTRATOR_TOKENS_FILE')),
  folder: setting('SANDBOX_FOLDER'),
  members: whole('SANDBOX_MEMBERS'),
  eventsPerMinute: whole('SANDBOX_EVENTS_PER_MINUTE'),
  // Nobody can read files of this pod, so developers register apps of their own.
  readyClients: false,
  say: (sentence) => void process.stdout.write(`sandbox: ${sentence}\n`),
  warn: (sentence) => tell(40, sentence),
});
sandbox.start();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void sandbox.stop());
