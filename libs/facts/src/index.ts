export type { BindingDetails } from './bindings.ts';
export { FORMER_PROJECTIONS } from './former-views.ts';
export {
  attestationFacts,
  attested,
  type AttestedPart,
  matchedGroups,
  type MatchedGroupPart,
  type AttestationsPart,
} from './attestations.ts';
export { memberships, groups, FACTS_PROJECTIONS, type MembershipPart, type GroupPart } from './projections.ts';
export { lists, type ListPart, replacesList } from './lists.ts';
export { type GroupHead, ListHeads, type NamedGroup } from './list-heads.ts';
export {
  type DeniedGroup,
  absentGroup,
  GroupLists,
  type OpenedGroup,
  type OwnedGroup,
  purposeOfList,
} from './group-lists.ts';
export { type ListReaders, listReaders, membersOfGroups } from './list-members.ts';
export { toMemberFacts, type MemberFactsDocument } from './member-facts.ts';
export { evolveMembers, EVERY_COVERAGE, membersFacts, membersSay, type MembersPart } from './coverage.ts';
export { personOfId } from './persons.ts';
export { arrivedNotices, isKnownReturn, type NoticesPart, sentNotices } from './notices.ts';
export {
  aboutOf,
  attributionSays,
  endSteps,
  evolveAttribution,
  stepsThatEnd,
  type AttributionPart,
} from './attribution.ts';
export { type ConsentPart, evolveConsent, isNews, optOutFacts } from './consent.ts';
export {
  barsAllOf,
  deciding,
  endOf,
  ends,
  folded,
  includesAll,
  isAboutAllOf,
  isCovered,
  isOptOut,
  isWithdrawal,
  namedBy,
  type OptIn,
  type OptOut,
  statementOf,
  type Statements,
} from './statements.ts';
export { eventIdOf, originOf } from './record.ts';
export { EVER, type Step, type StepTie } from './steps.ts';
export { Parties } from './parties.ts';
export { factsOfLines } from './lines.ts';
export { type NetworkStatements, networkStatusStands, withNetworkChange } from './network-status.ts';
export {
  ASKED,
  asRegistered,
  ClientDetails,
  type ClientKeySet,
  type ClientRegistration,
  type RejectedApp,
} from './client-details.ts';
export { PartiesPresence, PresentReaders, presentServices, type PresenceOptions } from './presence.ts';
export { MEMBER_DERIVERS } from './derivers.ts';
export { INTAKES } from './derivers.ts';
export { Access, FactsStale, type ConsentStatement, type ListedMember, type StatementEffect } from './access.ts';
export type { RequestDecisions } from './request-decisions.ts';
export { Facts } from './facts.ts';
export { history } from './history/rows.ts';
export { learnedAfter } from './history/learned.ts';
export { FactsHistory, type Moment, type PastDecision, type PastFacts, type ServedHistory } from './history/history.ts';
export { type AppsOfMember, SeenHistory, TooManyChanges } from './history/seen.ts';
export { attributedMembers } from './attributed-members.ts';
