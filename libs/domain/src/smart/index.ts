export * from './restriction.ts';
export * from './scopes.ts';
