export * from './business-calendar.ts';
export * from './freshness.ts';
export * from './measure.ts';
export type * from './report.ts';
