export * from './record.ts';
export * from './projections.ts';
export * from './directory.ts';
export * from './reader.ts';
export * from './supporting.ts';
