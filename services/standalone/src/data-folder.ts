import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FileLocked, lockFile } from '@provider-access/engines/log/embedded';

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
const pidIn = (file: string): number => (existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0);

/**
 * Makes the folder and takes it for this process. Everything in it may name members, so from here on this process makes
 * no file that others can read, also where the operator made the folder for all to enter. The lock of `lock.db` ends
 * with its process, also by kill -9. `lock` holds the process id for people, and for the release before, which knows no
 * other lock.
 * @returns a function that gives it back
 * @throws DataFolderInUse when a living process holds it
 */
export function takeDataFolder(folder: string): () => void {
  process.umask(0o077);
  mkdirSync(folder, { recursive: true });
  const [file, database] = [join(folder, 'lock'), join(folder, 'lock.db')];
  const pid = pidIn(file);
  // A folder without `lock.db` was last used by the release before, which may still run.
  if (!existsSync(database) && pid !== process.pid && pid > 0 && running(pid)) throw inUse(folder, pid);
  let release: () => void;
  try {
    release = lockFile(database);
  } catch (error) {
    if (error instanceof FileLocked) throw inUse(folder, pid);
    throw error;
  }
  writeFileSync(file, String(process.pid), { mode: 0o600 });
  return () => {
    rmSync(file, { force: true });
    release();
  };
}

const inUse = (folder: string, pid: number): DataFolderInUse =>
  new DataFolderInUse(
    `${folder} is in use by process ${pid > 0 ? pid : 'unknown'}, perhaps of another container: stop it, or set ` +
      'DATA_DIR to another folder',
  );
