export * from './config.ts';
export * from './domain/job.ts';
export * from './job-metrics.ts';
export * from './jobs-view.ts';
export * from './operations/index.ts';
export * from './run/index.ts';
export * from './turns.ts';
