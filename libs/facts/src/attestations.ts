import type { AttestationFact } from '@provider-access/domain/access';
import {
  type AttestationEnded,
  dataOf,
  type MemberAttested,
  type MembersMatched,
  npiKey,
  PA_ATTESTATIONS,
  type ProviderKey,
} from '@provider-access/events';
import type { LogRecord } from '@provider-access/engines/log';
import type { Projection, TopicEvolve } from '@provider-access/engines/views';
import { eventIdOf, recordedAt, subjectOf, typeOfRecord } from './record.ts';

/** When an attestation ended before its expiry, and when that was recorded. RFC 3339 instants. */
interface Ended {
  readonly at: string;
  readonly recordedAt: string;
}
interface Attested extends Omit<AttestationFact, 'group' | 'endRecordedAt' | 'to'> {
  /** Its expiry. */
  readonly to: string;
  readonly ended?: Ended;
}
/** Part `attestations` of the member facts, from pa.attestations: what providers attest of the member. */
export interface AttestationsPart {
  /** By the Group of the result, which has the member once. */
  readonly groups: Readonly<Record<string, Attested>>;
  /** Ends without an attestation, by Group and app: the attestation counts as ended when it comes. */
  readonly ends?: Readonly<Record<string, Ended>>;
  /** Set when an attestation was dropped: before this instant the part is incomplete. */
  readonly since?: string;
  /** A record could not be read. It may have ended any of them, so none of them counts (ADR 0018). */
  readonly isUnread?: true;
}

const MEMBER_ATTESTED = 'pa.member-attested.v1';
const ATTESTATION_ENDED = 'pa.attestation-ended.v1';
const MEMBERS_MATCHED = 'pa.members-matched.v1';

/**
 * So many attestations that have not expired are kept for one app, those that expire last. An app that matches each day
 * has 30. If one is dropped, its Group lacks the member, who stays visible by the others.
 */
const MOST_OF_CLIENT = 40;
/** So many apps may have attestations of one member. */
const MOST_CLIENTS = 50;
/** So many expired attestations of one app are kept for `explain`. */
const HISTORY = 4;
/** So many ends without an attestation are kept. An app has fewer matches that run and may still bring one. */
const MOST_ENDS = 50;

const endName = (group: string, client: string): string => `${group}/${client}`;
const byName = <T>(record: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(record, name) ? record[name] : undefined;

/** undefined if the event changes nothing: a job's last step may append its attestations again. */
export function evolveAttestations(
  part: AttestationsPart | undefined,
  record: LogRecord,
): AttestationsPart | undefined {
  const known = part ?? { groups: {} };
  if (typeOfRecord(record) === MEMBER_ATTESTED) return withAttested(known, record);
  if (typeOfRecord(record) === ATTESTATION_ENDED) return withEnd(known, record);
  return undefined;
}

function withAttested(part: AttestationsPart, record: LogRecord): AttestationsPart | undefined {
  const { group, client, npi, from, to, attestedAt, policy, job } = dataOf<MemberAttested>(record);
  if (byName(part.groups, group) !== undefined) return undefined;
  const at = recordedAt(record);
  const ended = byName(part.ends ?? {}, endName(group, client));
  const attested: Attested = {
    client,
    provider: npiKey(npi),
    from,
    to,
    attestedAt,
    policy,
    job,
    recordedAt: at,
    event: eventIdOf(record),
    ...(ended !== undefined && { ended }),
  };
  return fewer(part, { ...part.groups, [group]: attested }, at);
}

function withEnd(part: AttestationsPart, record: LogRecord): AttestationsPart | undefined {
  const { group, client, at: stated } = dataOf<AttestationEnded>(record);
  const at = recordedAt(record);
  // The clock that states the end may be ahead. The end counts from its record on at the latest.
  const ended: Ended = { at: stated < at ? stated : at, recordedAt: at };
  const known = byName(part.groups, group);
  if (known === undefined) {
    const name = endName(group, client);
    if (byName(part.ends ?? {}, name) !== undefined) return undefined;
    return { ...part, ends: Object.fromEntries(Object.entries({ ...part.ends, [name]: ended }).slice(-MOST_ENDS)) };
  }
  // Nobody but the app that got the Group, or the payer in its name, ends what it got.
  if (known.client !== client || (known.ended !== undefined && known.ended.at <= ended.at)) return undefined;
  return { ...part, groups: { ...part.groups, [group]: { ...known, ended } } };
}

/** The part with the attestations that can still decide at `at`, and a few expired ones. */
function fewer(part: AttestationsPart, groups: AttestationsPart['groups'], at: string): AttestationsPart {
  const latestFirst = Object.entries(groups).sort(([, a], [, b]) => (a.to < b.to ? 1 : a.to > b.to ? -1 : 0));
  const counts = new Map<string, { open: number; expired: number }>();
  const kept = latestFirst.filter(([, { client, to }]) => {
    const count = counts.get(client) ?? { open: 0, expired: 0 };
    if (!counts.has(client) && counts.size >= MOST_CLIENTS) return false;
    counts.set(client, count);
    return to > at ? ++count.open <= MOST_OF_CLIENT : ++count.expired <= HISTORY;
  });
  const isLess = kept.length < latestFirst.length;
  return { ...part, groups: Object.fromEntries(kept), ...(isLess && { since: at }) };
}

/** The facts for a decision. */
export function attestationFacts(part: AttestationsPart | undefined): readonly AttestationFact[] {
  if (part === undefined || part.isUnread === true) return [];
  return Object.entries(part.groups).map(([group, { ended, ...attested }]) => ({
    ...attested,
    group,
    ...(ended !== undefined && {
      to: ended.at < attested.to ? ended.at : attested.to,
      endRecordedAt: ended.recordedAt,
    }),
  }));
}
/** When its statements were recorded. */
export const attestationsRecorded = (part: AttestationsPart | undefined): readonly string[] => [
  ...Object.values(part?.groups ?? {}).flatMap(({ recordedAt: at, ended }) =>
    ended === undefined ? [at] : [at, ended.recordedAt],
  ),
  ...Object.values(part?.ends ?? {}).map(({ recordedAt: at }) => at),
];

const isAboutMember = (record: LogRecord): boolean =>
  typeOfRecord(record) === MEMBER_ATTESTED || typeOfRecord(record) === ATTESTATION_ENDED;

/** Of the member facts. */
export const attestationsTopic: TopicEvolve<AttestationsPart> = {
  part: 'attestations',
  keys: (record) => (isAboutMember(record) ? [subjectOf(record)!] : []),
  evolve: evolveAttestations,
  failed: (part) => ({ groups: {}, ...part, isUnread: true }),
};

/** What one match says of one member, for the lists of its Group and of the payer. */
export interface AttestedPart {
  readonly group: string;
  readonly member: string;
  readonly client: string;
  /** Absent while only the end has come. */
  readonly provider?: ProviderKey;
  readonly from?: string;
  readonly to?: string;
  readonly attestedAt?: string;
  readonly policy?: string;
  readonly job?: string;
  readonly recordedAt?: string;
  readonly ended?: Pick<AttestationEnded, 'at' | 'reason' | 'by' | 'note'>;
}
const attestedTopic: TopicEvolve<AttestedPart> = {
  part: 'attested',
  keys: (record) => (isAboutMember(record) ? [`${dataOf<{ group: string }>(record).group}/${subjectOf(record)!}`] : []),
  evolve: (part, record) => {
    if (typeOfRecord(record) === MEMBER_ATTESTED) {
      if (part?.provider !== undefined) return undefined;
      const { npi, ...data } = dataOf<MemberAttested>(record);
      return { ...part, ...data, provider: npiKey(npi), recordedAt: recordedAt(record) };
    }
    const { group, member, client, at, reason, by, note } = dataOf<AttestationEnded>(record);
    if (part?.ended !== undefined || (part !== undefined && part.client !== client)) return undefined;
    const ended = { at, reason, ...(by !== undefined && { by }), ...(note !== undefined && { note }) };
    return { ...(part ?? { group, member, client }), ended };
  },
};
/**
 * One document for each pair of a matched Group and a member, ended ones included. Reads, exports and withdrawals of a
 * Group scan `by_group`, and decide for each member. Nothing in it permits.
 */
export const attested: Projection = {
  owner: 'facts',
  name: 'attested',
  version: 1,
  topics: { [PA_ATTESTATIONS]: attestedTopic },
  indexes: [
    { name: 'by_group', fields: ['attested.group', 'attested.member'] },
    { name: 'by_member', fields: ['attested.member', 'attested.recordedAt'] },
    { name: 'by_provider', fields: ['attested.provider', 'attested.recordedAt'] },
    { name: 'by_client', fields: ['attested.client', 'attested.recordedAt'] },
    { name: 'by_time', fields: ['attested.recordedAt'] },
  ],
};

/** The result of one match: its Group, which belongs to the app (MATCH.md M70). */
export interface MatchedGroupPart extends Omit<MembersMatched, 'group' | 'npis'> {
  readonly providers: readonly ProviderKey[];
  readonly recordedAt: string;
}
const matchedTopic: TopicEvolve<MatchedGroupPart> = {
  part: 'match',
  keys: (record) => (typeOfRecord(record) === MEMBERS_MATCHED ? [subjectOf(record)!] : []),
  evolve: (part, record) => {
    if (part !== undefined) return undefined;
    const { group: _, npis, ...data } = dataOf<MembersMatched>(record);
    return { ...data, providers: npis.map(npiKey), recordedAt: recordedAt(record) };
  },
};
/** One document for each matched Group. It never changes. The id is that of the Group. */
export const matchedGroups: Projection = {
  owner: 'facts',
  name: 'matched-groups',
  version: 1,
  topics: { [PA_ATTESTATIONS]: matchedTopic },
  indexes: [
    { name: 'by_client', fields: ['match.client', 'match.to'] },
    { name: 'by_time', fields: ['match.recordedAt'] },
  ],
};
