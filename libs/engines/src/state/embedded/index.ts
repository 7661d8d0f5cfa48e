import type { EventLog } from '@provider-access/engines/log';
import type { State } from '../port.ts';
import { EmbeddedClaims } from './claims.ts';
import { Database } from './database.ts';
import { EmbeddedCounters, EmbeddedLeases } from './leases.ts';
import { EmbeddedPresence } from './presence.ts';
import { EmbeddedStreams } from './streams.ts';
import { EmbeddedWork } from './work.ts';

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
  const streams = new EmbeddedStreams(db, log);
  return {
    streams,
    claims: new EmbeddedClaims(db, now),
    leases: new EmbeddedLeases(db, now),
    counters: new EmbeddedCounters(db, now),
    work: new EmbeddedWork(db, now),
    presence: new EmbeddedPresence(db, now),
    refusal: () => db.refusal(),
    close: async () => {
      await streams.relay?.stop();
      db.close();
    },
  };
}
