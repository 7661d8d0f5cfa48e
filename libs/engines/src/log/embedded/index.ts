import type { EventLog } from '../port.ts';
import type { Backoff } from '../backoff.ts';
import { LocalLog } from './local-log.ts';
import { checkpointInBackground } from './checkpoints.ts';
import { SqliteStore, type SqliteStoreOptions } from './sqlite-store.ts';

export interface EmbeddedLogOptions extends SqliteStoreOptions {
  /** Largest record of an inbound (payer) topic; our own topics accept twice that and 1 MiB. Default 6 MiB. */
  readonly maxRecordBytes?: number;
  /** Pauses between tries of a failing handler. Default 50 ms, doubling to 2 s. */
  readonly backoff?: Backoff;
  /** Checkpoints the file in a thread of its own, for long-running processes. Default false. */
  readonly backgroundCheckpoints?: boolean;
}

export { checkpointInBackground } from './checkpoints.ts';
export { sqliteFault } from './faults.ts';
export { LIMIT, VALUE } from './limit.ts';
export { groupsOf, placesOf } from './placeholders.ts';
export { transaction, WritesOfTurn } from './transactions.ts';
export { FileLocked, lockFile } from './file-lock.ts';

/**
 * The log in one SQLite file. An acknowledged append is durable (an fsync of the write-ahead log); concurrent appends
 * share a transaction. Throws EngineUnavailable.
 */
export function openEmbeddedLog(options: EmbeddedLogOptions): EventLog {
  const store: SqliteStore = new SqliteStore({ ...options, changed: (topic) => log.wake(topic) });
  const log: LocalLog = new LocalLog(store, options);
  if (options.backgroundCheckpoints !== true) return log;
  const stopCheckpoints = checkpointInBackground(options.file);
  const close = log.close.bind(log);
  log.close = async () => {
    await stopCheckpoints();
    await close();
  };
  return log;
}
