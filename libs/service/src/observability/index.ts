export * from './catalogue.ts';
export { valueIn } from './labels.ts';
export * from './metrics.ts';
export * from './shared.ts';
export * from './logger.ts';
export * from './member-hash.ts';
export * from './tracing/index.ts';
