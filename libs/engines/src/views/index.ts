export * from './projection.ts';
export * from './port.ts';
export * from './store.ts';
export type { Extract, Extracts, ExtractsOptions, FilledExtract } from './extracts.ts';
export type { ViewStore } from './view-store.ts';
export { lastRecordsOf } from './decoded.ts';
export { traceOf } from './traces.ts';
export { beyond } from './progress.ts';
export { ProjectionSet, RebuildRefused } from './projection-set.ts';
