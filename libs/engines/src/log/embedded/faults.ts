import { EngineUnavailable } from '../port.ts';

/** SQLITE_BUSY, LOCKED, NOMEM, IOERR, FULL, CANTOPEN: faults of the engine, and not of the event. */
const AWAY = new Set([5, 6, 7, 10, 13, 14]);
export function sqliteFault(error: unknown, store: string): unknown {
  const code = (error as { errcode?: number } | undefined)?.errcode;
  return code !== undefined && AWAY.has(code & 0xff)
    ? new EngineUnavailable(`the ${store} is away (SQLite ${code})`)
    : error;
}
