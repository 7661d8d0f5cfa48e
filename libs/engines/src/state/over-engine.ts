import { StoredClaims } from './claims.ts';
import { ClaimsInMemory } from './claims-in-memory.ts';
import type { StateEngine } from './engine.ts';
import { LeasesInMemory } from './leases-in-memory.ts';
import { StoredCounters, StoredLeases } from './leases.ts';
import type { State } from './port.ts';
import { StoredPresence } from './presence.ts';
import { Relay, type RelayOptions } from './relay.ts';
import { StoredStreams } from './streams.ts';
import { StoredWork } from './work.ts';

/**
 * What processes agree on, over the rows of any engine. With a log, this process may become the relay that publishes
 * the decided events of all processes.
 */
export function overEngine(engine: StateEngine, options: RelayOptions): State {
  const { log, relayTopics } = options;
  const leases = new StoredLeases(engine);
  const streams = new StoredStreams(engine, () => relay?.decided());
  const relay =
    log === undefined || relayTopics?.length === 0
      ? undefined
      : new Relay(engine, log, leases, () => streams.wake(), options);
  const claims = new StoredClaims(engine);
  return {
    streams,
    claims,
    bridging: engine.isShared ? claims : new ClaimsInMemory(() => engine.clock.now()),
    leases,
    briefLeases: engine.isShared ? leases : new LeasesInMemory(() => engine.clock.now()),
    counters: new StoredCounters(engine),
    work: new StoredWork(engine),
    presence: new StoredPresence(engine),
    close: async () => {
      await relay?.stop();
      await engine.close();
    },
  };
}
