import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FileLocked, lockFile } from '@provider-access/engines/log/embedded';
import { ConfigurationError, writableFolder } from '@provider-access/service/config';

/** Another process uses the folder. */
export class DataFolderInUse extends Error {
  override readonly name = 'DataFolderInUse';
}

const pidIn = (file: string): number => (existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0);

/**
 * Creates the folder and locks it for this process. Every file may name members, so the function sets the umask: other
 * users cannot read new files even if the folder is open to them. It also closes files that are open to others. The
 * lock of `lock.db` ends with the process, also after kill -9. The file `lock` has the process id for people.
 * @returns a function that releases the lock
 * @throws DataFolderInUse when a living process holds it, or ConfigurationError when it cannot be used
 */
export function takeDataFolder(folder: string): () => void {
  process.umask(0o077);
  writableFolder('DATA_DIR', folder);
  const file = join(folder, 'lock');
  let release: () => void;
  try {
    release = lockFile(join(folder, 'lock.db'));
  } catch (error) {
    if (error instanceof FileLocked) throw inUse(folder, file);
    throw unusable(folder, 'lock.db');
  }
  writeFileSync(file, String(process.pid), { mode: 0o600 });
  closeToOthers(folder);
  return () => {
    rmSync(file, { force: true });
    release();
  };
}

/** Names of stored data in a data folder. */
const DATA = /^((log|views|state)\.db(-wal|-shm)?|files|sandbox)$/;
/** Names of the rest that the platform makes there. Other files belong to somebody else. */
const LOCK_OR_SECRET = /^(lock|lock\.db(-wal|-shm)?|.*\.token|.*\.key|token-signing-keys\.json)$/;
const isOurs = (name: string): boolean => DATA.test(name) || LOCK_OR_SECRET.test(name);

/**
 * Deletes the stored data of a folder that no process uses. The tokens and keys stay, because people have copies of
 * them. The folder itself stays too, because it may be a volume.
 * @throws DataFolderInUse when a living process holds it
 */
export function emptyDataFolder(folder: string): void {
  const release = takeDataFolder(folder);
  for (const name of readdirSync(folder).filter((one) => DATA.test(one)))
    rmSync(join(folder, name), { recursive: true, force: true });
  release();
}

/** Folders 0700, files 0600. A folder inside one with 0700 needs no change: nobody else reaches it. */
export function closeToOthers(folder: string): void {
  const { mode, uid } = statSync(folder);
  const shared = (mode & 0o1000) !== 0;
  // A folder of everybody, such as /tmp, or of another user (a volume of Kubernetes) stays as it is.
  if (!shared && uid === process.geteuid?.()) chmodSync(folder, 0o700);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (!isOurs(entry.name) || !(entry.isFile() || entry.isDirectory())) continue;
    const path = join(folder, entry.name);
    if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, entry.isDirectory() ? 0o700 : 0o600);
  }
}

/** SQLite, or a port in front of it, could not open or read a file. */
export const isDatabaseFault = (error: unknown): boolean =>
  error instanceof Error &&
  ((error as NodeJS.ErrnoException).code === 'ERR_SQLITE_ERROR' || error.name === 'EngineUnavailable');

/** One of the files of the platform cannot be opened: somebody else owns it, it is a folder, or it is damaged. */
export const unusable = (folder: string, name: string): ConfigurationError =>
  new ConfigurationError(
    `DATA_DIR: the folder ${folder} holds a ${name} that cannot be opened as a file of this platform; restore the ` +
      'folder from a backup, or name another one',
  );

/** `file` has the process id of the holder, which wrote it at its start. */
function inUse(folder: string, file: string): DataFolderInUse {
  const pid = pidIn(file);
  const holder =
    pid > 0 ? `process ${pid} since ${statSync(file).mtime.toISOString().slice(0, 19)}Z` : 'an unknown process';
  return new DataFolderInUse(
    `${folder} is in use by ${holder}, perhaps of another container: stop it, or set DATA_DIR to another folder`,
  );
}
