/** The views and how to read them, without what follows topics: for threads that only read (no HTTP, no framework). */
export { memberFacts } from './projections.ts';
export { toMemberFacts } from './member-facts.ts';
