export * from '../segments/index.ts';
export * from './job-files.ts';
export * from './list-file.ts';
export * from './part-set.ts';
