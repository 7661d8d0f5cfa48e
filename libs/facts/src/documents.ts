/** The documents and their meaning without the rest: for worker threads that only read views. */
export { memberFacts, memberships, groups, membershipId, type GroupPart, type MembershipPart } from './projections.ts';
export { toMemberFacts, type MemberFactsDocument } from './member-facts.ts';
