export { redactionFaults } from './oracle.ts';
export { COMMON_UNITS, UCUM, type Unit } from './units.ts';
