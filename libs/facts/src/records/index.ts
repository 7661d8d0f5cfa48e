export * from './record.ts';
export { locators, records } from './projections.ts';
export * from './search-keys.ts';
export * from './directory.ts';
export * from './reader.ts';
export * from './supporting.ts';
export * from './labels.ts';
export * from './authorizations.ts';
export * from './versions.ts';
