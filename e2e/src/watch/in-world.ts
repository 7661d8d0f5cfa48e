import { afterAll, beforeAll, describe } from 'vitest';
import { openWorld, type World } from './world.ts';

/**
 * Each alert is tried by causing what it is for: real processes on a real Kafka and a MongoDB-compatible server are scraped while the
 * fault is there and after its cure, and Prometheus' own engine says what the chart's rules make of it (`firingAt`: how time is
 * stretched). One world for many, since its start takes longer than a trial; there are two, side by side, since a trial is mostly waiting.
 * MigrationFailed needs another: migration.installed.spec.ts.
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
