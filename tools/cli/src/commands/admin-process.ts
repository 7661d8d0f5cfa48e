import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CliError, EXIT } from '../output.ts';

/** The built administration program of this checkout: what knows the engines, and its own help. */
const ADMIN_MAIN = join(import.meta.dirname, '../../../../services/admin/dist/main.js');

/**
 * Runs it in this terminal, with the environment as it is. @returns its exit code; 128 and the signal's number when one
 * ended it
 */
export async function runAdmin(argv: readonly string[], main = ADMIN_MAIN): Promise<number> {
  if (!existsSync(main)) throw new CliError(EXIT.usage, 'the administration program is not built: run `npm run build`');
  const child = spawn(process.execPath, [main, ...argv], { stdio: 'inherit' });
  // Ctrl-C reaches both: it is the child that says how it ended.
  const ignore = (): void => undefined;
  process.on('SIGINT', ignore);
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) =>
        resolve(code ?? 128 + (signal === 'SIGINT' ? 2 : signal === 'SIGTERM' ? 15 : 9)),
      );
    });
  } finally {
    process.off('SIGINT', ignore);
  }
}
