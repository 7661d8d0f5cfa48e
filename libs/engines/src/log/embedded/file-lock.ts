import { DatabaseSync } from 'node:sqlite';

/** Another process holds the lock, in whatever namespace of process ids it runs. */
export class FileLocked extends Error {
  override readonly name = 'FileLocked';
}

const SQLITE_BUSY = 5;
/** Kept from the garbage collector, which would close the connection and with it the lock. */
const held = new Set<DatabaseSync>();

/**
 * Holds a lock of the operating system on a file until it is given back or the process ends, however it ends. The
 * kernel keeps it with the file, so that processes in different containers that share a folder see each other, where
 * process ids would not tell. Works on file systems with POSIX locks, which SQLite needs anyway.
 * @returns a function that gives it back @throws FileLocked
 */
export function lockFile(file: string): () => void {
  const db = new DatabaseSync(file, { timeout: 0 });
  try {
    // A rollback journal in memory: nothing else appears beside the file.
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
