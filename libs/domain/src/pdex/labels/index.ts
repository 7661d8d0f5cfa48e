export * from './consented.ts';
export * from './label.ts';
export * from './persons.ts';
export { type Label, normalLabel, UNREADABLE_LABEL } from './names.ts';
export * from './policy.ts';
export * from './read-policy.ts';
export { isDrugAuthorization } from './drugs.ts';
export { withoutDrugs } from './without-drugs.ts';
export type { PolicyReading } from '../policy-file.ts';
