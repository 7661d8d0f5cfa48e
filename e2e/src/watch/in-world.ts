import { afterAll, beforeAll, describe } from 'vitest';
import { openWorld, type World } from './world.ts';

/**
 * Causes the fault of each alert on real processes, a real Kafka and a MongoDB-compatible server. The processes are
 * scraped while the fault lasts and after its cure, and Prometheus' own engine evaluates the rules of the chart
 * (`input` says how time is stretched). One world serves many faults, because its start takes longer than a fault.
 * There are two worlds side by side, because a trial mostly waits. MigrationFailed needs a cluster:
 * migration.installed.spec.ts.
 */
export function inWorld(what: string, faults: (world: () => World) => void): void {
  describe(what, () => {
    let opened: World | undefined;
    beforeAll(async () => {
      opened = await openWorld();
    }, 900_000);
    afterAll(() => opened?.close());
    faults(() => opened!);
  });
}
