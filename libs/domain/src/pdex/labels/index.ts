export * from './consented.ts';
export { DEFAULT_LABELS } from './default-policy.ts';
export * from './label.ts';
export * from './policy.ts';
export * from './read-policy.ts';
