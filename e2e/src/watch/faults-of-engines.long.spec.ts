import { engineFaults } from './engines.ts';
import { inWorld } from './in-world.ts';

inWorld('faults of engines and views', engineFaults);
