export * from './harness.ts';
export * from './road.ts';
