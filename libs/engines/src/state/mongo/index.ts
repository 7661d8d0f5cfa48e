import type { State } from '../port.ts';
import { MongoClaims } from './claims.ts';
import { connect, repeated } from './client.ts';
import { ServerClock } from './clock.ts';
import { ensureIndexes } from './indexes.ts';
import { MongoCounters, MongoLeases } from './leases.ts';
import type { MongoStateOptions } from './options.ts';
import { MongoOutbox } from './outbox.ts';
import { MongoPresence } from './presence.ts';
import { MongoStreams } from './streams.ts';
import { MongoWork } from './work.ts';

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
  const leases = new MongoLeases(db, clock);
  const streams = new MongoStreams(db, () => outbox?.decided());
  const outbox =
    options.log === undefined || options.relayTopics?.length === 0
      ? undefined
      : new MongoOutbox(db, options.log, leases, {
          pollMs: options.relayPollMs ?? 25,
          sweepMs: options.relaySweepMs ?? 15_000,
          ttlMs: options.relayTtlMs ?? 3000,
          topics: options.relayTopics,
          published: () => streams.wake(),
        });
  return {
    streams,
    claims: new MongoClaims(db, now),
    leases,
    counters: new MongoCounters(db, clock),
    work: new MongoWork(db, clock),
    presence: new MongoPresence(db, clock),
    relayFailure: () => outbox?.relay.failure(),
    close: async () => {
      clock.stop();
      await outbox?.stop();
      await client.close();
    },
  };
}
