export * from './facts.ts';
export * from './intake-harness.ts';
export * from './stand-ins.ts';
