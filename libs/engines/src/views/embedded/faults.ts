import { EngineUnavailable } from '@provider-access/engines/log';

/** SQLITE_BUSY, LOCKED, NOMEM, IOERR, FULL, CANTOPEN: the engine is away, the event is not at fault. */
const AWAY = new Set([5, 6, 7, 10, 13, 14]);
export function asFault(error: unknown): unknown {
  const code = (error as { errcode?: number } | undefined)?.errcode;
  return code !== undefined && AWAY.has(code & 0xff)
    ? new EngineUnavailable(`the view store is away (SQLite ${code})`)
    : error;
}

export function reading<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw asFault(error);
  }
}
