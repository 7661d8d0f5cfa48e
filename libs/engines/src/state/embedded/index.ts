import type { EventLog } from '@provider-access/engines/log';
import type { State } from '../port.ts';
import { EmbeddedClaims } from './claims.ts';
import { Database } from './database.ts';
import { EmbeddedCounters, EmbeddedLeases } from './leases.ts';
import { EmbeddedPresence } from './presence.ts';
import { EmbeddedStreams } from './streams.ts';
import { EmbeddedWork } from './work.ts';

export interface EmbeddedStateOptions {
  /** The SQLite file; its folder exists. One process opens it. */
  readonly file: string;
  /** Where decided events go. Without it they wait in the file for an opening with a log. */
  readonly log?: EventLog;
  /**
   * The caller knows that every earlier process is dead: what they leased is free at once. Fences still only grow.
   * Default false.
   */
  readonly soleOwner?: boolean;
  /** ms since the epoch. Default the system's clock. */
  readonly now?: () => number;
}

export interface EmbeddedState extends State {
  /** Why decisions are not published, as long as they are not. */
  relayFailure(): string | undefined;
  /**
   * Why nothing can be changed, such as a full disk; undefined when it can. For readiness: after a failure it tries the
   * file.
   */
  refusal(): Promise<string | undefined>;
}

/** What instances must agree on, in one SQLite file. What a crash left unpublished is published at once. */
export function openEmbeddedState({
  file,
  log,
  soleOwner = false,
  now = Date.now,
}: EmbeddedStateOptions): EmbeddedState {
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
    relayFailure: () => streams.relay?.failure(),
    refusal: () => db.refusal(),
    close: async () => {
      await streams.relay?.stop();
      db.close();
    },
  };
}
