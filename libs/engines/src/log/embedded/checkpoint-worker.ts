import { DatabaseSync } from 'node:sqlite';
import { workerData } from 'node:worker_threads';

/** Copies the write-ahead log of one file into it, beside the thread that writes: its fsyncs stop nobody. */
const { file, everyMs } = workerData as { file: string; everyMs: number };
const db = new DatabaseSync(file);
db.exec('PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0;');
setInterval(() => {
  try {
    db.exec('PRAGMA wal_checkpoint(PASSIVE)');
  } catch {
    // Busy, or the disk is full: the writer's own checkpoint comes at a larger size, and reports the fault.
  }
}, everyMs);
