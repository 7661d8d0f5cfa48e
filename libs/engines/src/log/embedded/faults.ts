import { EngineUnavailable } from '../port.ts';

/** SQLITE_BUSY, LOCKED, NOMEM, IOERR, FULL, CANTOPEN: faults of the engine, and not of the event. */
const AWAY = new Set([5, 6, 7, 10, 13, 14]);
export function sqliteFault(error: unknown, store: string): unknown {
  const code = (error as { errcode?: number } | undefined)?.errcode;
  return code !== undefined && AWAY.has(code & 0xff)
    ? new EngineUnavailable(`the ${store} is away (SQLite ${code})`)
    : error;
}

/**
 * Turns faults of SQLite (disk full, I/O, busy, missing file) into EngineUnavailable. Other errors are bugs and pass.
 */
export function engine<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw logFault(error);
  }
}

export function logFault(error: unknown): unknown {
  const fromEngine = error instanceof Error && (error as NodeJS.ErrnoException).code === 'ERR_SQLITE_ERROR';
  return fromEngine ? new EngineUnavailable(`the log file: ${error.message}`, { cause: error }) : error;
}
