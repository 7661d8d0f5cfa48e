import { DatabaseSync } from 'node:sqlite';

/** Another process holds the lock, in this container or in another one. */
export class FileLocked extends Error {
  override readonly name = 'FileLocked';
}

const SQLITE_BUSY = 5;
/** References to the connections, because garbage collection would close them and release the locks. */
const held = new Set<DatabaseSync>();

/**
 * Locks a file with a lock of the operating system, until the lock is released or the process ends, even by a kill. The
 * kernel keeps the lock with the file. So it also works between containers that share a folder, where process ids do
 * not. It needs a file system with POSIX locks, as SQLite does.
 * @returns a function that releases the lock @throws FileLocked
 */
export function lockFile(file: string): () => void {
  const db = new DatabaseSync(file, { timeout: 0 });
  try {
    // With the journal in memory, no other file appears beside the lock file.
    db.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    db.close();
    if ((((error as { errcode?: number }).errcode ?? 0) & 0xff) === SQLITE_BUSY)
      throw new FileLocked(`${file} is locked by another process`);
    throw error;
  }
  held.add(db);
  return () => {
    held.delete(db);
    if (db.isOpen) db.close();
  };
}
