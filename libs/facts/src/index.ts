export {
  memberFacts,
  memberships,
  groups,
  FACTS_PROJECTIONS,
  membershipId,
  type MembershipPart,
  type GroupPart,
} from './projections.ts';
export { toMemberFacts, type MemberFactsDocument } from './member-facts.ts';
export { evolveMembers, EVERY_COVERAGE, membersSay, type MembersPart } from './coverage.ts';
export {
  attributionSays,
  endSteps,
  evolveAttribution,
  stepsThatEnd,
  type AttributionPart,
  type GroupAttribution,
} from './attribution.ts';
export { type ConsentEffect, consentEffect, evolveConsent, type ConsentPart, isNews } from './consent.ts';
export {
  barsAllOf,
  deciding,
  endOf,
  folded,
  isCovered,
  type OptIn,
  type OptOut,
  type Statements,
} from './statements.ts';
export { EVER, type Step, type StepTie } from './steps.ts';
export { networkStatusStands, Parties, type PartiesSource, withNetworkStatus } from './parties.ts';
export { sourceHolds } from './source-holds.ts';
export { asRegistered, ClientDetails, type ClientRegistration } from './client-details.ts';
export { InboundProgress } from './inbound-progress.ts';
export { PartiesPresence, PresentReaders, PARTIES_GROUP, type PresenceOptions, type PresencePort } from './presence.ts';
export { MEMBER_DERIVERS, PROVIDER_DERIVERS } from './derivers.ts';
export { INTAKES } from './derivers.ts';
export { Freshness, type FreshnessOptions } from './freshness.ts';
export { Access, FactsStale, type AccessOptions, type ConsentStatement, type StatementEffect } from './access.ts';
export { Facts, type FactsOptions } from './facts.ts';
