import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Another process works in the folder. */
export class DataFolderInUse extends Error {
  override readonly name = 'DataFolderInUse';
}

const running = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  try {
    // A pid that was reused by something else is no owner.
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('node');
  } catch {
    return true;
  }
};

/**
 * Makes the folder and takes it for this process. Everything in it may name members, so from here on this process makes no file that others can
 * read, also where the operator made the folder for all to enter. A lock left behind by kill -9 is taken over.
 * @returns a function that gives it back
 * @throws DataFolderInUse when a living process holds it
 */
export function takeDataFolder(folder: string): () => void {
  process.umask(0o077);
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'lock');
  for (;;) {
    try {
      writeFileSync(file, String(process.pid), { flag: 'wx', mode: 0o600 });
      return () => rmSync(file, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const pid = Number(readFileSync(file, 'utf8'));
      if (pid !== process.pid && pid > 0 && running(pid)) throw new DataFolderInUse(`${folder} is in use by process ${pid}: stop it, or set DATA_DIR to another folder`);
      rmSync(file, { force: true });
    }
  }
}
