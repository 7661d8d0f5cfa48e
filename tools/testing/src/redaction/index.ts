export { redactionFaults } from './oracle.ts';
export { COMMON_UNITS, UCUM } from './units.ts';
