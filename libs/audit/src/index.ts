export * from './audit.ts';
export * from './disclosures.ts';
