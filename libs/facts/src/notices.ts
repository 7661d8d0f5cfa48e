import type { NoticeFact } from '@provider-access/domain/access';
import { type CoverageChanged, dataOf, type MemberMerged, type PlatformData } from '@provider-access/events';
import type { LogRecord } from '@provider-access/engines/log';
import { eventIdOf, recordedAt, subjectOf } from './record.ts';

/** A notice that was sent to one of the ids of a person. */
interface SentPart {
  readonly event: string;
  readonly kind: string;
  /** Day in the payer's calendar. */
  readonly on: string;
  readonly from: string;
  readonly recordedAt: string;
  /** The id under which it was sent. */
  readonly of: string;
}
/** What part `members` of the member facts has about notices. All of it is absent without any. */
export interface NoticesPart {
  readonly notices?: readonly SentPart[];
  /** `id|day` of notices that came back. The letter may come back before anybody reports that it was sent. */
  readonly returned?: readonly string[];
  /** By coverage, the newest day on which somebody says that the enrolment was accepted. */
  readonly accepted?: Readonly<Record<string, string>>;
  /** How the member wants to get notices, as the newest event says it. */
  readonly wishes?: { readonly businessTime: string; readonly language?: string; readonly format?: string };
  /** Business times of merges, by the other id. */
  readonly merges?: Readonly<Record<string, string>>;
  /** A merge has retired this id. */
  readonly retired?: true;
}

/** So many notices, and so many that came back, are kept of one member. A payer sends one a year. */
const MOST = 24;

/** The day and the id of a notice, by which it is known when it comes back. */
const markOf = (of: string, on: string): string => `${of}|${on}`;
const newestFirst = (a: SentPart, b: SentPart): number =>
  a.on < b.on ? 1 : a.on > b.on ? -1 : a.event < b.event ? 1 : -1;

/** The part with a notice that was sent or came back; undefined if it is known. */
export function withNotice<Part extends NoticesPart>(part: Part, record: LogRecord): Part | undefined {
  const { member: of, kind, on, from } = dataOf<PlatformData<'pa.notice-sent.v1'>>(record);
  const event = eventIdOf(record);
  const { notices = [] } = part;
  if (notices.some((known) => known.of === of && known.on === on && known.kind === kind)) return undefined;
  const sent: SentPart = { event, kind, on, from, recordedAt: recordedAt(record), of };
  const kept = [...notices, sent].sort(newestFirst).slice(0, MOST);
  return kept.includes(sent) ? { ...part, notices: kept } : undefined;
}
export function withReturned<Part extends NoticesPart>(part: Part, record: LogRecord): Part | undefined {
  const { member, on } = dataOf<PlatformData<'pa.notice-returned.v1'>>(record);
  const mark = markOf(member, on);
  const { returned = [] } = part;
  if (returned.includes(mark)) return undefined;
  const day = (one: string): string => one.slice(one.lastIndexOf('|') + 1);
  const kept = [...returned, mark]
    .sort((a, b) => (day(a) < day(b) ? 1 : day(a) > day(b) ? -1 : a < b ? 1 : -1))
    .slice(0, MOST);
  return kept.includes(mark) ? { ...part, returned: kept } : undefined;
}
/** What a merge says of the subject of the record: when it happened, and whether it retired the subject. */
export function ofMerge(
  part: NoticesPart | undefined,
  record: LogRecord,
  { member, retired, businessTime }: MemberMerged,
): Pick<NoticesPart, 'merges' | 'retired'> {
  const isRetired = subjectOf(record) === retired;
  const merges = { ...part?.merges, [isRetired ? member : retired]: businessTime };
  return { merges, ...(isRetired && { retired: true }) };
}

/**
 * What an event about a coverage says beside its days. It does not matter in which order events come.
 * @param kept whether the part keeps a coverage
 */
export function saidOfNotices(
  part: NoticesPart | undefined,
  { coverageId, accepted, notices, businessTime }: CoverageChanged,
  kept: (coverage: string) => boolean,
): Pick<NoticesPart, 'accepted' | 'wishes'> {
  const days = Object.entries(part?.accepted ?? {}).filter(([id]) => kept(id));
  const before = days.find(([id]) => id === coverageId)?.[1];
  if (accepted !== undefined && (before === undefined || before < accepted)) days.push([coverageId, accepted]);
  const isNewer = notices !== undefined && (part?.wishes === undefined || part.wishes.businessTime < businessTime);
  const wishes = isNewer ? { ...notices, businessTime } : part?.wishes;
  return {
    ...(days.length > 0 && { accepted: Object.fromEntries(days) }),
    ...(wishes !== undefined && { wishes }),
  };
}

/** The notices that did not come back, the newest first. */
export const arrivedNotices = ({ notices = [], returned = [] }: NoticesPart): readonly SentPart[] =>
  notices.filter(({ of, on }) => !returned.includes(markOf(of, on)));
/** Every notice that was sent, the newest first, with whether it came back. */
export const sentNotices = ({ notices = [], returned = [] }: NoticesPart) =>
  notices.map(({ kind, on, of }) => ({ kind, on, ...(returned.includes(markOf(of, on)) && { returned: true }) }));
/** Whether a notice is known that is said to have come back. */
export const isKnownReturn = (
  part: NoticesPart,
  { member, on }: { readonly member: string; readonly on: string },
): boolean => part.notices?.some((sent) => sent.of === member && sent.on === on) ?? false;
/** The facts for a decision; nothing without notices. */
export const noticeFacts = (part: NoticesPart | undefined): { readonly notices?: readonly NoticeFact[] } => {
  const arrived = part === undefined ? [] : arrivedNotices(part);
  return arrived.length === 0
    ? {}
    : { notices: arrived.map(({ from, kind, event, recordedAt: at }) => ({ from, kind, event, recordedAt: at })) };
};
