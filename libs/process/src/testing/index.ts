export * from './facts.ts';
export * from './intake-harness.ts';
export * from './stand-ins.ts';
export { fixedSecrets } from './fixed-secrets.ts';
