export { type Condition, satisfies } from './oracle.ts';
export { randomCondition } from './queries.ts';
export { cases, Random, seed } from './random.ts';
