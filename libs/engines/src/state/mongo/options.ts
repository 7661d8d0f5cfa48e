import type { MongoOptions } from '../../mongo/client.ts';
import type { RelayOptions } from '../relay.ts';

export type { MongoOptions } from '../../mongo/client.ts';

export interface MongoStateOptions extends MongoOptions, RelayOptions {
  /**
   * ms since the epoch, equal in all processes of the database. Default: the system clock, corrected to the server's
   * (clock.ts).
   */
  readonly now?: () => number;
  /** Corrects `now` to the server's clock. Default: only if `now` is absent. */
  readonly alignClock?: boolean;
  /** Creates missing indexes at opening. Default false: opening throws MissingIndexes. */
  readonly applyIndexes?: boolean;
  readonly logger?: { warn(fields: object, message: string): void };
}
