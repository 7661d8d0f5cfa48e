import { NOTICE_KINDS } from '@provider-access/events';

/** Days are `2026-07-01`, in the payer's calendar, so they compare as text. */
type Day = string;

export type NoticeKind = (typeof NOTICE_KINDS)[number];

/** A time in which the member is covered. */
export interface CoveredDays {
  readonly from: Day;
  /** The first day without coverage; absent if there is no end. */
  readonly until?: Day;
  /** When the enrolment was accepted, as far as anybody knows. */
  readonly accepted: Day;
}
/** A notice that was sent and has not come back. */
interface SentNotice {
  readonly on: Day;
  /** The id of the member under which it was sent. */
  readonly of: string;
}
/** What the platform knows of one person, under all its ids. */
export interface NoticeFacts {
  readonly coverage: readonly CoveredDays[];
  /** The first day on which a provider may see data, if the member is attributed to one. */
  readonly attributedFrom?: Day;
  readonly notices: readonly SentNotice[];
  /** When the newest merge of two ids of the person happened; absent if there was none. */
  readonly mergedOn?: Day;
}
export interface DueNotice {
  readonly kind: NoticeKind;
  /** The last day on which the notice is in time. */
  readonly due: Day;
}

const DAY_MS = 86_400_000;
const WEEK = 7;

/** The day that lies `days` later. */
export const addDays = (day: Day, days: number): Day =>
  new Date(Date.parse(`${day}T00:00:00Z`) + days * DAY_MS).toISOString().slice(0, 10);
/** The same day of the next year. 29 February is followed by 28 February, so that a year never has more days. */
export function nextYear(day: Day): Day {
  const year = String(Number(day.slice(0, 4)) + 1).padStart(4, '0');
  return day.endsWith('-02-29') ? `${year}-02-28` : year + day.slice(4);
}

interface Period extends Pick<CoveredDays, 'from' | 'until'> {
  readonly accepted: Day;
}
/** Coverage without a day between is one enrolment. It counts from the earliest acceptance of its first day. */
function periodsOf(coverage: readonly CoveredDays[]): readonly Period[] {
  const out: Period[] = [];
  const sorted = coverage.toSorted((a, b) =>
    a.from !== b.from ? (a.from < b.from ? -1 : 1) : a.accepted < b.accepted ? -1 : 1,
  );
  for (const { from, until, accepted } of sorted) {
    if (until !== undefined && until <= from) continue;
    const last = out.at(-1);
    if (last === undefined || (last.until !== undefined && last.until < from))
      out.push({ from, accepted, ...(until !== undefined && { until }) });
    else if (last.until !== undefined && (until === undefined || until > last.until)) {
      const { until: _, ...rest } = last;
      out.splice(-1, 1, { ...rest, ...(until !== undefined && { until }) });
    }
  }
  return out;
}

const newest = (days: readonly Day[]): Day | undefined => days.toSorted().at(-1);

/**
 * The notice from which the year counts. A merge keeps the older one: of the notices that the ids of a person got
 * before they were merged, the newest of each id, and of these the oldest. A notice after the merge is for the
 * whole person.
 */
function lastNotice({ notices, mergedOn }: NoticeFacts): Day | undefined {
  const all = notices.map(({ on }) => on);
  if (mergedOn === undefined) return newest(all);
  const after = newest(all.filter((on) => on >= mergedOn));
  if (after !== undefined) return after;
  const ids = [...new Set(notices.map(({ of }) => of))];
  return ids.flatMap((id) => newest(notices.filter(({ of }) => of === id).map(({ on }) => on)) ?? []).toSorted()[0];
}

/**
 * The notice that is due next, or undefined if none is (42 CFR 422.121(a)(4)(ii)(A) to (C); PEOPLE.md N30 to N32, N40).
 * An enrolment needs a notice that was sent after the one before it ended. Pure.
 * @param today of an enrolment that ended before it, nothing is due. Without it all enrolments count.
 */
export function nextNotice(facts: NoticeFacts, today?: Day): DueNotice | undefined {
  const due: DueNotice[] = [];
  const last = lastNotice(facts);
  let before: Day | undefined;
  for (const { from, until, accepted } of periodsOf(facts.coverage)) {
    const isOver = until !== undefined && today !== undefined && until <= today;
    const told = facts.notices.some(({ on }) => before === undefined || on >= before);
    before = until;
    if (isOver) continue;
    if (!told) due.push({ kind: 'enrolment', due: addDays(from > accepted ? from : accepted, WEEK) });
    if (last === undefined) {
      const { attributedFrom } = facts;
      const visible = attributedFrom === undefined || attributedFrom < from ? from : attributedFrom;
      if (attributedFrom !== undefined && (until === undefined || visible < until))
        due.push({ kind: 'first', due: addDays(visible, -1) });
    } else {
      const again = nextYear(last);
      if (from <= again && (until === undefined || again < until)) due.push({ kind: 'yearly', due: again });
    }
  }
  return due.toSorted((a, b) => (a.due !== b.due ? (a.due < b.due ? -1 : 1) : order(a.kind) - order(b.kind)))[0];
}
const order = (kind: NoticeKind): number => NOTICE_KINDS.indexOf(kind);
