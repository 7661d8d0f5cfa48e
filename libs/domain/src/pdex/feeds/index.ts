export * from './check-profiles.ts';
export * from './list-demands.ts';
export * from './policy.ts';
export * from './report.ts';
