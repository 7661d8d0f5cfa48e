export * from './consented.ts';
export * from './label.ts';
export * from './policy.ts';
export * from './read-policy.ts';
