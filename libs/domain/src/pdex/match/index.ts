export type * from './bundle.ts';
export { COVERAGE_LOOK_BACK_DAYS, isCoverageOfUs } from './coverage.ts';
export * from './find.ts';
export * from './groups.ts';
export { type GuessKeys, guessKeys } from './guesses.ts';
export * from './policy.ts';
export { readBundle } from './read-bundle.ts';
export * from './request.ts';
