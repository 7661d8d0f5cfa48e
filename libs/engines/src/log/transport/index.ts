export * from './event-log-transport.ts';
export * from './patterns.ts';
