import {
  AUDIT_ACTIONS,
  CONSENT_COPY_HEADER,
  dataOf,
  type Disclosure,
  type FeedChecked,
  PA_AUDIT,
  PA_CONSENT,
  PA_FEEDS,
  PA_MEMBERS,
  type PlatformData,
  typeOf,
} from '@provider-access/events';
import { auditRecordOf, provedNothing, writtenAt } from '@provider-access/audit';
import { parsedOnce } from '@provider-access/engines/log';
import type { Projection, TopicEvolve } from '@provider-access/engines/views';
import { type ConsentPart, eventIdOf, evolveConsent, optOutFacts } from '@provider-access/facts';
import { type OwnRefusalsPart, refusedKey, withRefusal } from './own-refusals.ts';

/**
 * What the monthly page counts (ADR 0148). A month begins where the payer's time zone says, which a view does not know.
 * So counts are kept by the quarter of an hour, and everything else with its instant: every offset of a time zone is a
 * multiple of a quarter.
 */
export const SLOT_MS = 900_000;

/** Releases, resources in them, refusals, looks. */
export type SlotCounts = readonly [releases: number, resources: number, refusals: number, looks: number];
/** Entries of the audit of one UTC day and one partition. */
export interface AuditDayPart {
  readonly day: string;
  /** By the number of the quarter of an hour in the day. */
  readonly slots: Readonly<Record<string, SlotCounts>>;
}
/** The entry of the audit that names the hash of a page. */
export interface SignedPart {
  readonly sha256: string;
  readonly period: string;
  readonly format: string;
  readonly by: string;
  /** RFC 3339 */
  readonly at: string;
  /** Its place in pa.audit, and when the log got it (ms): the seal of that day covers it. */
  readonly partition: number;
  readonly offset: number;
  readonly appended: number;
}
export const EVIDENCE_ROUTE = 'GET /ops/evidence';
export const signedId = (sha256: string): string => `signed/${sha256}`;

/** How often something happened, ms since the epoch of the first and the last time. */
type Use = readonly [count: number, resources: number, first: number, last: number];
/** What one app took and was refused, by the entries of one partition. It names no member. */
export interface AppUsePart {
  readonly client: string;
  /** By the action: releases, and resources in them. */
  readonly given: Readonly<Record<string, Use>>;
  /** By the reason: refusals. */
  readonly refused: Readonly<Record<string, Use>>;
}
const CLIENT = /^[A-Za-z0-9._~-]{1,128}$/;
const withUse = (
  uses: Readonly<Record<string, Use>>,
  name: string,
  [count, resources, at]: readonly [number, number, number],
): Readonly<Record<string, Use>> => {
  const [before, of, first, last] = uses[name] ?? [0, 0, at, at];
  return { ...uses, [name]: [before + count, of + resources, Math.min(first, at), Math.max(last, at)] };
};

const NOTHING: SlotCounts = [0, 0, 0, 0];
function countsOf(entry: Disclosure): SlotCounts {
  const { action, outcome, reason, members, resources, operation, count = 1 } = entry;
  const { gives, isLook } = AUDIT_ACTIONS[action];
  if (outcome === 'refused')
    // A person without the role is no app.
    return operation !== undefined || provedNothing(entry) ? NOTHING : [0, 0, count, 0];
  if (isLook === true) return members.length === 0 ? NOTHING : [0, 0, 0, 1];
  // An answer that the client has already, or that a resource is gone, brings no data.
  return gives === undefined || reason !== undefined ? NOTHING : [1, resources, 0, 0];
}
function signatureIn({ operation, outcome, query }: Disclosure): URLSearchParams | undefined {
  if (operation !== EVIDENCE_ROUTE || outcome !== 'released' || query === undefined) return undefined;
  const said = new URLSearchParams(query);
  return /^[0-9a-f]{64}$/.test(said.get('sha256') ?? '') ? said : undefined;
}
const withEntry = (
  part: AppUsePart | undefined,
  { client, action, reason = 'unknown' }: Disclosure,
  at: number,
  [releases, resources, refusals]: SlotCounts,
): AppUsePart => {
  const { given, refused } = part ?? { given: {}, refused: {} };
  return {
    client,
    given: releases === 0 ? given : withUse(given, action, [releases, resources, at]),
    refused: refusals === 0 ? refused : withUse(refused, reason, [refusals, 0, at]),
  };
};

const auditTopic: TopicEvolve<AuditDayPart | SignedPart | AppUsePart | OwnRefusalsPart> = {
  part: 'audit',
  keys(record) {
    if (typeOf(record) !== 'pa.disclosure.v1') return [];
    const { entry, day } = auditRecordOf(record);
    const keys = [`day/${day}/${record.partition}`];
    const signature = signatureIn(entry);
    if (signature !== undefined) keys.push(signedId(signature.get('sha256')!));
    const [releases, , refusals] = countsOf(entry);
    if (releases + refusals > 0 && CLIENT.test(entry.client)) keys.push(`app/${entry.client}/${record.partition}`);
    const refused = refusedKey(entry, day);
    if (refused !== undefined) keys.push(refused);
    return keys;
  },
  evolve(part, record, key) {
    const { entry, at, day } = auditRecordOf(record);
    const added = countsOf(entry);
    if (key.startsWith('app/')) return withEntry(part as AppUsePart | undefined, entry, at, added);
    if (key.startsWith('refused/')) return withRefusal(part as OwnRefusalsPart | undefined, entry, at);
    if (key.startsWith('signed/')) {
      // A page that is made again with the same content keeps its first entry.
      if (part !== undefined) return undefined;
      const said = signatureIn(entry)!;
      const { partition, offset, timestamp: appended } = record;
      const [sha256, period, format] = ['sha256', 'period', 'format'].map((name) => said.get(name) ?? '');
      return {
        ...{ sha256: sha256!, period: period!, format: format!, by: entry.client },
        ...{ at: new Date(at).toISOString(), partition, offset, appended },
      };
    }
    const slots = (part as AuditDayPart | undefined)?.slots ?? {};
    const slot = String(Math.floor((at - Date.parse(day)) / SLOT_MS));
    const before = slots[slot] ?? NOTHING;
    // A day without a count is kept too: it shows since when the platform has recorded anything.
    if (part !== undefined && added === NOTHING) return undefined;
    const sum: SlotCounts = [before[0] + added[0], before[1] + added[1], before[2] + added[2], before[3] + added[3]];
    return { day, slots: { ...slots, [slot]: sum } };
  },
  // The counts stay without the entry that cannot be folded.
  failed: () => undefined,
};

/** `opt-out` and `opt-in`: a statement. `open`: a member id, with the end of its last opt-out. */
export type ConsentKind = 'opt-out' | 'opt-in' | 'open';
interface CountedConsentPart {
  readonly kind: ConsentKind;
  /** RFC 3339 instants, UTC with ms. Empty for a member without an opt-out. */
  readonly times: readonly string[];
  /** Of a member: its statements. */
  readonly consent?: ConsentPart;
}
/** Later than any instant. */
const FOREVER = '9999-12-31T23:59:59.999Z';
const STATEMENTS: Readonly<Record<string, 'opt-out' | 'opt-in' | 'taken back'>> = {
  'pa.opted-out.v1': 'opt-out',
  'pa.opted-in.v1': 'opt-in',
  'pa.provider-opted-in.v1': 'opt-in',
  // A file took back a row, which nobody has decided.
  'pa.opt-out-withdrawn.v1': 'taken back',
};
const consentTopic: TopicEvolve<CountedConsentPart> = {
  part: 'consent',
  keys(record) {
    const kind = STATEMENTS[typeOf(record) ?? ''];
    const { ce_subject: member, [CONSENT_COPY_HEADER]: copy } = record.headers;
    if (kind === undefined || member === undefined) return [];
    // Under each id of a person stands the same statement, and it counts once.
    return kind === 'taken back' || copy !== undefined
      ? [`member/${member}`]
      : [`member/${member}`, `said/${eventIdOf(record)}`];
  },
  evolve(part, record, key) {
    if (key.startsWith('said/')) {
      const kind = STATEMENTS[typeOf(record)!] as 'opt-out' | 'opt-in';
      return part === undefined ? { kind, times: [new Date(writtenAt(record)).toISOString()] } : undefined;
    }
    const consent = evolveConsent(part?.consent, record);
    if (consent === undefined) return undefined;
    const ends = optOutFacts(consent).flatMap(({ bars, to }) => (bars === 'nobody' ? [] : [to ?? FOREVER]));
    return { kind: 'open', consent, times: ends.length === 0 ? [] : [ends.toSorted().at(-1)!] };
  },
  // The member counts as before.
  failed: () => undefined,
};

type NoticeSent = PlatformData<'pa.notice-sent.v1'>;
interface NoticeCountPart {
  readonly kind: 'sent';
  /** In the payer's calendar. */
  readonly days: readonly string[];
}
const noticesTopic: TopicEvolve<NoticeCountPart> = {
  part: 'notice',
  keys(record) {
    if (typeOf(record) !== 'pa.notice-sent.v1') return [];
    // A merge brings the notice of one id to the other. It names the id under which it was sent.
    const { member, kind, on } = dataOf<NoticeSent>(record);
    return [`notice/${member}/${on}/${kind}`];
  },
  evolve: (part, record) => (part === undefined ? { kind: 'sent', days: [dataOf<NoticeSent>(record).on] } : undefined),
  failed: () => undefined,
};

/** Denials without a reason, of one UTC day and one inbound partition, and the offset up to which they count. */
export interface MissingReasonsPart {
  readonly day: string;
  readonly next: number;
  readonly missing: number;
}
const checkedOf = parsedOnce(dataOf<FeedChecked>);
const feedId = (day: string, scope: string): string => `feed/${day}/${scope}`;
const feedsTopic: TopicEvolve<MissingReasonsPart> = {
  part: 'feed',
  keys(record) {
    if (typeOf(record) !== 'pa.feed-checked.v1') return [];
    const { days, scope } = checkedOf(record);
    return days.map(({ day }) => feedId(day, scope));
  },
  evolve(part, record, key) {
    const { days, scope, next } = checkedOf(record);
    const counted = part?.next ?? 0;
    const found = days.find(({ day }) => feedId(day, scope) === key);
    if (found === undefined || next <= counted) return undefined;
    // A batch may be handled again with other boundaries, and a resource may stand in the rows of two profiles.
    const missing = new Set(
      found.rows.flatMap(({ lacks }) =>
        lacks.filter(({ rule }) => rule === 'denial-reason').flatMap((one) => one.offsets),
      ),
    );
    const fresh = [...missing].filter((offset) => offset >= counted).length;
    return { day: found.day, next, missing: (part?.missing ?? 0) + fresh };
  },
  failed: () => undefined,
};

/**
 * Counts for the monthly page of the compliance officer, of each app for reviewers, and its refusals for the app.
 * Nothing in it decides. One view has all of them, because each view that follows the audit costs every read. It
 * lingers as long as `disclosures`, so that both write in one transaction.
 */
export const evidence: Projection = {
  owner: 'audit',
  name: 'evidence',
  version: 3,
  topics: {
    [PA_AUDIT]: auditTopic,
    [PA_CONSENT]: consentTopic,
    [PA_MEMBERS]: noticesTopic,
    [PA_FEEDS]: feedsTopic,
  },
  lingerMs: 500,
  commitMs: 100,
  indexes: [
    { name: 'by_day', fields: ['audit.day'] },
    { name: 'by_app', fields: ['audit.client'] },
    { name: 'by_feed_day', fields: ['feed.day'] },
    { name: 'by_time', fields: ['consent.kind', 'consent.times'], array: true },
    { name: 'by_notice', fields: ['notice.kind', 'notice.days'], array: true },
  ],
};
