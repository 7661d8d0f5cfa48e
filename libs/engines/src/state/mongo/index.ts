import type { MongoOptions } from '../../mongo/client.ts';
import { overEngine } from '../over-engine.ts';
import type { State } from '../port.ts';
import type { RelayOptions } from '../relay.ts';
import { connect, repeated } from './client.ts';
import { ServerClock } from './clock.ts';
import { ensureIndexes } from './indexes.ts';
import { MongoRows } from './rows.ts';

export { applyState, planState } from './indexes.ts';
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

/**
 * The state store in MongoDB. Throws EngineUnavailable if no primary answers, and MissingIndexes before `applyState`.
 * With a log, this process may become the relay that publishes the decided events of all processes.
 */
export async function openMongoState(options: MongoStateOptions): Promise<State> {
  const now = options.now ?? Date.now;
  const { client, db } = await connect(options);
  const clock = new ServerClock(now);
  try {
    await repeated(() => ensureIndexes(db, options.applyIndexes ?? false));
    if (options.alignClock ?? options.now === undefined) await clock.align(db, options.logger);
  } catch (error) {
    await client.close();
    throw error;
  }
  return overEngine(new MongoRows(client, db, clock), options);
}
