import { DatabaseSync } from 'node:sqlite';
import { workerData } from 'node:worker_threads';

/** Checkpoints the write-ahead log of a file in its own thread, so that the writer does not wait for fsyncs. */
const { file } = workerData as { file: string };
/** A page that changes often is copied once in this time. The log then has some ten MB of a full load. */
const EVERY_MS = 3000;
const db = new DatabaseSync(file);
db.exec('PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0;');
setInterval(() => {
  try {
    db.exec('PRAGMA wal_checkpoint(PASSIVE)');
  } catch {
    // The file is busy or the disk is full. The writer's own checkpoint at a larger size reports a lasting fault.
  }
}, EVERY_MS);
