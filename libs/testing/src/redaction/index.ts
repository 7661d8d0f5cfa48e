export { COMMON_UNITS, UCUM, type Unit } from './units.ts';
