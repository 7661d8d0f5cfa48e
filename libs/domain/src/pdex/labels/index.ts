export * from './consented.ts';
export { DRUG_AUTHORIZATION } from './drugs.ts';
export * from './label.ts';
export * from './policy.ts';
export * from './read-policy.ts';
