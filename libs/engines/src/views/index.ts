export * from './projection.ts';
export * from './port.ts';
export * from './store.ts';
export { traceOf } from './traces.ts';
export { UndeclaredQuery } from './query.ts';
export { beyond } from './progress.ts';
export { ProjectionSet, RebuildRefused } from './projection-set.ts';
export type { ProjectionSetOptions, RebuildOptions, RebuildResult, ViewLogger } from './projection-set.ts';
