import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { CliError, EXIT } from '../output.ts';
import type { PlatformProcess } from './platform-process.ts';

/** The command of this checkout. Node keeps its compiled code, so the same modules start sooner the second time. */
const MAIN = join(import.meta.dirname, '../../bin/pa.mjs');
const MOST_OUTPUT = 64 * 1024 * 1024;

export interface Ran {
  readonly code: number;
  /** What the command printed with `--json`. */
  readonly value: Readonly<Record<string, unknown>>;
}

/**
 * Runs `pa --json` with the platform's tokens, as a person does.
 * @throws CliError for an exit code other than 0 and 1, with what the command said
 */
export function runPa(
  { base, payerToken, administratorToken }: PlatformProcess,
  args: readonly string[],
): Promise<Ran> {
  const env = { ...process.env, PA_PAYER_TOKEN: payerToken, PA_ADMINISTRATOR_TOKEN: administratorToken };
  return new Promise((resolve, reject) =>
    execFile(
      process.execPath,
      [MAIN, '--server', base, '--json', ...args],
      { env, maxBuffer: MOST_OUTPUT },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : error.code;
        if (code === EXIT.ok || code === EXIT.refused)
          try {
            return resolve({ code, value: JSON.parse(stdout) as Ran['value'] });
          } catch {
            // The command ended before it had a result. What it said is in the message.
          }
        reject(new CliError(EXIT.unavailable, `pa ${args.join(' ')} ended with ${code}: ${stderr.trim()}`));
      },
    ),
  );
}
