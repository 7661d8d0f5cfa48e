import { exportFaults } from './exports.ts';
import { inWorld } from './in-world.ts';
import { processFaults } from './processes.ts';

inWorld('faults of exports and processes', (world) => exportFaults(world, () => processFaults(world)));
