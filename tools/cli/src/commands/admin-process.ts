import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isAlone } from '../build.ts';
import { CliError, EXIT } from '../output.ts';

/** The built administration program of this checkout. It imports the adapters of the engines and has its own help. */
const ADMIN_MAIN = join(import.meta.dirname, '../../../../services/admin/dist/main.js');

/**
 * Runs it in this terminal with the current environment. @returns its exit code, or 128 plus the number of the signal
 * that ended it
 */
export async function runAdmin(argv: readonly string[], main = ADMIN_MAIN): Promise<number> {
  if (!existsSync(main))
    throw new CliError(
      EXIT.usage,
      isAlone()
        ? 'this command needs the administration program, which only the image and a clone have: run it as ' +
            `\`docker run … IMAGE admin ${argv.join(' ')}\``
        : 'the administration program is not built: run `npm run build`',
    );
  const child = spawn(process.execPath, [main, ...argv], { stdio: 'inherit' });
  // Ctrl-C reaches both processes. The exit of the child decides.
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
