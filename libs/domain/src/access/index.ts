export * from './facts.ts';
export * from './decide.ts';
export * from './group.ts';
