import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FileLocked, lockFile } from '@provider-access/engines/log/embedded';

/** Another process uses the folder. */
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
    // Another program may have the pid now. Such a process does not own the folder.
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('node');
  } catch {
    return true;
  }
};
const pidIn = (file: string): number => (existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0);

/**
 * Creates the folder and locks it for this process. Sets the umask, so that other users cannot read new files even if
 * the folder is open to them, because every file may name members. The lock of `lock.db` ends with the process, also
 * after kill -9. The file `lock` has the process id for people, and for the previous release, which knows only this
 * lock.
 * @returns a function that releases the lock
 * @throws DataFolderInUse when a living process holds it
 */
export function takeDataFolder(folder: string): () => void {
  process.umask(0o077);
  mkdirSync(folder, { recursive: true });
  const [file, database] = [join(folder, 'lock'), join(folder, 'lock.db')];
  const pid = pidIn(file);
  // A folder without `lock.db` was last used by the previous release, which may still run.
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
