import { NOTICE_KINDS } from '@provider-access/events/notice-kinds';

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
  /** The first day on which its line of business shares data (PEOPLE.md N60); absent if no line postpones it. */
  readonly opensOn?: Day | 'never';
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
  /** The first day on which a coverage of the enrolment is shared; absent if none ever is. */
  readonly opens?: Day;
}
/** The first day on which a coverage is shared; undefined if its line has no start, or starts after the coverage. */
function opensOf({ from, until, opensOn = from }: CoveredDays): Day | undefined {
  if (opensOn === 'never') return undefined;
  const opens = opensOn > from ? opensOn : from;
  return until === undefined || opens < until ? opens : undefined;
}
const earlier = (a: Day | undefined, b: Day | undefined): Day | undefined =>
  a === undefined || (b !== undefined && b < a) ? b : a;
/** Coverage without a day between is one enrolment. It counts from the earliest acceptance of its first day. */
function periodsOf(coverage: readonly CoveredDays[]): readonly Period[] {
  const out: Period[] = [];
  const sorted = coverage.toSorted((a, b) =>
    a.from !== b.from ? (a.from < b.from ? -1 : 1) : a.accepted < b.accepted ? -1 : 1,
  );
  for (const covered of sorted) {
    const { from, until, accepted } = covered;
    if (until !== undefined && until <= from) continue;
    const opens = opensOf(covered);
    const last = out.at(-1);
    if (last === undefined || (last.until !== undefined && last.until < from))
      out.push({ from, accepted, ...(until !== undefined && { until }), ...(opens !== undefined && { opens }) });
    else {
      const { until: end, opens: known, ...rest } = last;
      const ends = end === undefined || until === undefined ? undefined : until > end ? until : end;
      const first = earlier(known, opens);
      const both = { ...(ends !== undefined && { until: ends }), ...(first !== undefined && { opens: first }) };
      out.splice(-1, 1, { ...rest, ...both });
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
 * An enrolment needs a notice that was sent after the one before it ended. While no line of business of the enrolment
 * has started, the rule does not bind the payer, so the first notice waits for the start. Pure.
 * @param today of an enrolment that ended before it, nothing is due. Without it all enrolments count.
 */
export function nextNotice(facts: NoticeFacts, today?: Day): DueNotice | undefined {
  const due: DueNotice[] = [];
  const last = lastNotice(facts);
  let before: Day | undefined;
  for (const { from, until, accepted, opens } of periodsOf(facts.coverage)) {
    const isOver = until !== undefined && today !== undefined && until <= today;
    const told = facts.notices.some(({ on }) => before === undefined || on >= before);
    before = until;
    if (isOver) continue;
    if (!told && opens !== undefined)
      due.push({ kind: 'enrolment', due: addDays(opens > accepted ? opens : accepted, WEEK) });
    if (last === undefined) {
      const { attributedFrom } = facts;
      if (attributedFrom !== undefined && opens !== undefined) {
        const visible = attributedFrom < opens ? opens : attributedFrom;
        if (until === undefined || visible < until) due.push({ kind: 'first', due: addDays(visible, -1) });
      }
    } else {
      const again = nextYear(last);
      if (from <= again && (until === undefined || again < until)) due.push({ kind: 'yearly', due: again });
    }
  }
  return due.toSorted((a, b) => (a.due !== b.due ? (a.due < b.due ? -1 : 1) : order(a.kind) - order(b.kind)))[0];
}
const order = (kind: NoticeKind): number => NOTICE_KINDS.indexOf(kind);
