export * from './envelope.ts';
export * from './topics.ts';
export * from './payer-events.ts';
export * from './platform-events.ts';
export * from './export-events.ts';
export * from './provider-key.ts';
export * from './upcast.ts';
export * from './validate.ts';
