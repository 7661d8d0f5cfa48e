import {
  type GroupOpened,
  PA_ATTESTATIONS,
  PA_ATTRIBUTION,
  PA_CONSENT,
  PA_GROUPS,
  PA_MEMBERS,
  type ProviderKey,
  dataOf,
} from '@provider-access/events';
import type { LogRecord } from '@provider-access/engines/log';
import type { Projection, TopicEvolve } from '@provider-access/engines/views';
import { attestationsTopic, attested, matchedGroups } from './attestations.ts';
import { asserted, ATTRIBUTED, evolveAttribution, type AttributionPart, type GroupAttribution } from './attribution.ts';
import { evolveConsent, type ConsentPart } from './consent.ts';
import { evolveMembers, type MembersPart, unprojectedMembers } from './coverage.ts';
import { heldUnprojected } from './holds.ts';
import { subjectOf, typeOfRecord } from './record.ts';
import { lists } from './lists.ts';
import { sourceHolds } from './source-holds.ts';

/** The subject of our member events is the member. A hold of a whole source has no member and changes no document. */
const bySubject = (record: LogRecord): readonly string[] => {
  const subject = subjectOf(record);
  return subject === undefined ? [] : [subject];
};

const membersTopic: TopicEvolve<MembersPart> = {
  part: 'members',
  keys: bySubject,
  evolve: evolveMembers,
  failed: unprojectedMembers,
};
const attributionTopic: TopicEvolve<AttributionPart> = {
  part: 'attribution',
  keys: bySubject,
  evolve: evolveAttribution,
  failed: (part, record) => ({ groups: {}, sources: [], ...part, holds: heldUnprojected(part?.holds, record) }),
};
const consentTopic: TopicEvolve<ConsentPart> = {
  part: 'consent',
  keys: bySubject,
  evolve: evolveConsent,
  failed: (part, record) => ({ sources: [], ...part, holds: heldUnprojected(part?.holds, record) }),
};

/** One document for each member, with everything that a decision reads (`toMemberFacts`). */
export const memberFacts: Projection = {
  owner: 'facts',
  name: 'members',
  version: 2,
  indexes: [],
  keepDecoded: 5000,
  subject: '_id',
  topics: {
    [PA_MEMBERS]: membersTopic,
    [PA_ATTRIBUTION]: attributionTopic,
    [PA_CONSENT]: consentTopic,
    // A release that does not follow this topic shows nobody by an attestation.
    [PA_ATTESTATIONS]: attestationsTopic,
  },
};

export interface MembershipPart extends GroupAttribution {
  readonly group: string;
  readonly member: string;
}
const membershipId = (group: string, member: string): string => `${group}/${member}`;
const membershipTopic: TopicEvolve<MembershipPart> = {
  part: 'membership',
  keys: (record) =>
    typeOfRecord(record) === ATTRIBUTED
      ? [membershipId(dataOf<{ group: string }>(record).group, subjectOf(record)!)]
      : [],
  evolve: (part, record) => {
    const next = asserted(part, record);
    return next && { ...next, group: dataOf<{ group: string }>(record).group, member: subjectOf(record)! };
  },
};
/**
 * One document for each pair of Group and member that was ever asserted, ended ones included. An export plans with a
 * keyset scan of `by_group`, and decides for each member.
 */
export const memberships: Projection = {
  owner: 'facts',
  name: 'memberships',
  version: 2,
  topics: { [PA_ATTRIBUTION]: membershipTopic },
  indexes: [{ name: 'by_group', fields: ['membership.group', 'membership.member'] }],
};

export interface GroupPart {
  readonly providers: readonly ProviderKey[];
  readonly contract?: string;
  readonly openedAt: string;
}
const groupsTopic: TopicEvolve<GroupPart> = {
  part: 'group',
  keys: (record) => (typeOfRecord(record) === 'pa.group-opened.v1' ? bySubject(record) : []),
  evolve: (part, record) => {
    if (part !== undefined) return undefined;
    const { providers, contract, openedAt } = dataOf<GroupOpened>(record);
    return { providers, ...(contract !== undefined && { contract }), openedAt };
  },
};
/** One document for each Group, with its owner. It never changes. */
export const groups: Projection = {
  owner: 'facts',
  name: 'groups',
  version: 1,
  topics: { [PA_GROUPS]: groupsTopic },
  indexes: [{ name: 'by_provider', fields: ['group.providers'], array: true }],
};

/** Attribution runs these, each in a consumer group of its own. Every service reads them. */
export const FACTS_PROJECTIONS: readonly Projection[] = [
  memberFacts,
  memberships,
  groups,
  sourceHolds,
  lists,
  attested,
  matchedGroups,
];
