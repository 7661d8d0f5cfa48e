import { DatabaseSync } from 'node:sqlite';
import { workerData } from 'node:worker_threads';
import { answerCalls } from '../../threads/index.ts';
import { rowsWith } from './blocks.ts';
import { RowWriter } from './row-writer.ts';
import { type PackedBatch, unpack, type WriterData } from './writer-thread.ts';

/** Writes the batches of a log, in the order of the calls. It answers with the fault of SQLite, if there is one. */
const { file, busyMs, blocks } = workerData as WriterData;
let writer: RowWriter | undefined;

function open(): RowWriter {
  const db = new DatabaseSync(file, { timeout: busyMs });
  db.exec('PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=8000; PRAGMA cache_size=-16384;');
  return new RowWriter(db, rowsWith(blocks));
}

answerCalls((packed: PackedBatch): string | undefined => {
  try {
    writer ??= open();
    writer.write(unpack(packed));
    return undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_SQLITE_ERROR') return (error as Error).message;
    throw error;
  }
});
