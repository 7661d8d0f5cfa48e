export { type Condition, satisfies, satisfiesChain } from './oracle.ts';
export { randomCondition } from './queries.ts';
export { cases, Random, seed } from './random.ts';
