import type { EventLog } from '@provider-access/engines/log';
import type { MongoOptions } from '../../mongo/client.ts';

export type { MongoOptions } from '../../mongo/client.ts';

export interface MongoStateOptions extends MongoOptions {
  /** The log for decided events. Without it, events wait for a process that has one. */
  readonly log?: EventLog;
  /**
   * Topics to which this process may append decided events. Other events wait for another process, because a service
   * that shares the database may not write the topics of another service. Default: all.
   */
  readonly relayTopics?: readonly string[];
  /**
   * ms since the epoch, equal in all processes of the database. Default: the system clock, corrected to the server's
   * (clock.ts).
   */
  readonly now?: () => number;
  /** Corrects `now` to the server's clock. Default: only if `now` is absent. */
  readonly alignClock?: boolean;
  /** Creates missing indexes at opening. Default false: opening throws MissingIndexes. */
  readonly applyIndexes?: boolean;
  /** How often the relay polls for decisions of other processes in the seconds after a decision. Default 25 ms. */
  readonly relayPollMs?: number;
  /** How often an idle relay checks for events of a process that died before it published them. Default 15 s. */
  readonly relaySweepMs?: number;
  /** Another process replaces a relay that has not renewed its lease for this time. Default 3 s. */
  readonly relayTtlMs?: number;
  readonly logger?: { warn(fields: object, message: string): void };
}
