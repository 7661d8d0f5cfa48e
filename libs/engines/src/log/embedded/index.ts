import { maxRecordBytes } from '@provider-access/events';
import type { EventLog } from '../port.ts';
import type { Backoff } from '../backoff.ts';
import { LocalLog } from '../local/local-log.ts';
import { checkpointInBackground } from './checkpoints.ts';
import { SqliteStore } from './sqlite-store.ts';

export interface EmbeddedLogOptions {
  /** Path of the SQLite file in an existing folder. Only one process writes it. */
  readonly file: string;
  /** Partitions of a new topic; an existing topic keeps its count. Default 4. */
  readonly partitions?: number;
  /** Largest record of an inbound (payer) topic; our own topics accept twice that and 1 MiB. Default 6 MiB. */
  readonly maxRecordBytes?: number;
  /** Another process or thread writes the file. `append` and `subscribe` are refused. */
  readonly readonly?: boolean;
  /** How long a write blocks for a lock of another process before it throws EngineUnavailable. Default 1,000 ms. */
  readonly busyMs?: number;
  /** Pauses between tries of a failing handler. Default 50 ms, doubling to 2 s. */
  readonly backoff?: Backoff;
  readonly now?: () => number;
  /** Checkpoints the file in a thread of its own, for long-running processes. Default false. */
  readonly backgroundCheckpoints?: boolean;
}

export { checkpointInBackground } from './checkpoints.ts';
export { sqliteFault } from './faults.ts';
export { FileLocked, lockFile } from './file-lock.ts';

/**
 * The log in one SQLite file. An acknowledged append is durable (WAL, synchronous=FULL); concurrent appends share a
 * transaction. Throws EngineUnavailable.
 */
export function openEmbeddedLog(options: EmbeddedLogOptions): EventLog {
  const store: SqliteStore = new SqliteStore({
    file: options.file,
    partitions: options.partitions ?? 4,
    readonly: options.readonly ?? false,
    busyMs: options.busyMs ?? 1000,
    now: options.now ?? Date.now,
    changed: (topic) => log.wake(topic),
  });
  const log: LocalLog = new LocalLog(store, {
    maxRecordBytes: (topic) => maxRecordBytes(topic, options.maxRecordBytes),
    ...(options.backoff && { backoff: options.backoff }),
  });
  if (options.backgroundCheckpoints !== true) return log;
  const stopCheckpoints = checkpointInBackground(options.file);
  const close = log.close.bind(log);
  log.close = async () => {
    await stopCheckpoints();
    await close();
  };
  return log;
}
