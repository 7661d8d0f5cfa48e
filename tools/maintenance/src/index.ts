export { plant } from './faults/fault.ts';
export { FAULTS } from './faults/faults.ts';
export { MAX_FILE, MAX_FUNCTION, measure } from './size/measure.ts';
export { workingTree } from './size/tree.ts';
