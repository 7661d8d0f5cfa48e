import type { EventLog } from '@provider-access/engines/log';
import type { MongoOptions } from '../../mongo/client.ts';

export type { MongoOptions } from '../../mongo/client.ts';

export interface MongoStateOptions extends MongoOptions {
  /** The log for decided events. Without it, events wait for a process that has one. */
  readonly log?: EventLog;
  /**
   * Topics to which this process may append decided events. Other events wait for a process that may, because services
   * that share the database have no right to each other's topics. Default: all.
   */
  readonly relayTopics?: readonly string[];
  /**
   * ms since the epoch, the same for every process of the database. Default: the system's clock, corrected to the
   * server's (see clock.ts).
   */
  readonly now?: () => number;
  /** Correct `now` to the server's clock. Default: only when `now` is not given. */
  readonly alignClock?: boolean;
  /** Create missing indexes at opening. Default false: opening refuses and names them. */
  readonly applyIndexes?: boolean;
  /** How often the relay looks for decisions of other processes in the seconds after a decision. Default 25 ms. */
  readonly relayPollMs?: number;
  /**
   * How often a resting relay looks for events of a process that died before its own relay published them. Default 15
   * s.
   */
  readonly relaySweepMs?: number;
  /** A relay that has not renewed its lease for this time is replaced. Default 3 s. */
  readonly relayTtlMs?: number;
  readonly logger?: { warn(fields: object, message: string): void };
}
