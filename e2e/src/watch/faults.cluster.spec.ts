import { afterAll, beforeAll, describe } from 'vitest';
import { engineFaults } from './engines.ts';
import { exportFaults } from './exports.ts';
import { processFaults } from './processes.ts';
import { openWorld, type World } from './world.ts';

/**
 * Each alert is tried by causing what it is for: real processes on a real Kafka and a MongoDB-compatible server are scraped while the
 * fault is there and after its cure, and Prometheus' own engine says what the chart's rules make of it (`firingAt`: how time is
 * stretched). One world for all, since its start takes longer than a trial; MigrationFailed needs another: migration.installed.spec.ts.
 */
describe.skipIf(process.env['WATCH_FAULTS'] !== '1')('faults (some minutes: WATCH_FAULTS=1)', () => {
  let opened: World | undefined;
  const world = (): World => opened!;
  beforeAll(async () => {
    opened = await openWorld();
  }, 900_000);
  afterAll(() => opened?.close());

  exportFaults(world, () => {
    processFaults(world);
    engineFaults(world);
  });
});
