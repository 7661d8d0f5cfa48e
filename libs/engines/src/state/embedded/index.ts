import type { EventLog } from '../../log/index.ts';
import { overEngine } from '../over-engine.ts';
import type { State } from '../port.ts';
import { Database } from './database.ts';
import { EmbeddedRows } from './rows.ts';

export interface EmbeddedStateOptions {
  /** The SQLite file in an existing folder. Only one process opens it. */
  readonly file: string;
  /** The log for decided events. Without a log they wait in the file until it is opened with one. */
  readonly log?: EventLog;
  /**
   * Every earlier process has ended, so their leases are released at once. Fencing tokens still only grow. Default
   * false.
   */
  readonly soleOwner?: boolean;
  /** ms since the epoch. Default the system's clock. */
  readonly now?: () => number;
}

/** The state store in one SQLite file. Events that a crash left unpublished are published at once. */
export function openEmbeddedState({
  file,
  log,
  soleOwner = false,
  now = Date.now,
}: EmbeddedStateOptions): State & Required<Pick<State, 'refusal'>> {
  const db = new Database(file);
  if (soleOwner) db.releaseAll();
  return { ...overEngine(new EmbeddedRows(db, now), { log }), refusal: () => db.refusal() };
}
