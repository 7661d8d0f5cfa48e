/**
 * The views and their readers, without what follows topics: for threads that only read, without HTTP or a framework.
 */
export { memberFacts } from './projections.ts';
export { toMemberFacts } from './member-facts.ts';
export { readOfMember, type ReadOfMember, type ReadOfParties, readUntil } from './read-until.ts';
