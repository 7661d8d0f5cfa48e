export * from './port.ts';
export * from './losses.ts';
export * from './murmur2.ts';
export * from './derivation.ts';
export * from './progress.ts';
export * from './backlog.ts';
export * from './topics.ts';
export * from './records-from.ts';
