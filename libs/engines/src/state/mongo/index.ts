import { overEngine } from '../over-engine.ts';
import type { State } from '../port.ts';
import { connect, repeated } from './client.ts';
import { ServerClock } from './clock.ts';
import { ensureIndexes } from './indexes.ts';
import type { MongoStateOptions } from './options.ts';
import { MongoRows } from './rows.ts';

export { applyState, planState } from './indexes.ts';
export type { IndexPlan } from './indexes.ts';
export type { MongoOptions, MongoStateOptions } from './options.ts';

/**
 * The state store in MongoDB. Throws EngineUnavailable if no primary answers, and MissingIndexes before `applyState`.
 * With a log, this process may become the relay that publishes the decided events of all processes.
 */
export async function openMongoState(
  options: MongoStateOptions,
): Promise<State & { relayFailure(): string | undefined }> {
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
