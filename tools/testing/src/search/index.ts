export { type Condition, satisfies, satisfiesChain, valuesOf } from './oracle.ts';
export { randomCondition } from './queries.ts';
export { BASE, cases, damaged, Random, randomResource, seed } from './random.ts';
