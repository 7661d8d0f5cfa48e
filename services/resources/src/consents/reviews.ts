import type { PayerDays } from '@provider-access/domain/pdex/days';
import { dateRange, isInstant } from '@provider-access/fhir';
import type { StatedConsent } from './statements.ts';

const DAY_MS = 86_400_000;

/** Why a person must look at the statement of a representative again (PEOPLE.md N9). */
type ReviewReason = 'authority-ended' | 'of-age';
export interface DueReview {
  readonly reason: ReviewReason;
  /** The day from which on it is due, in the payer's calendar. */
  readonly since: string;
}
export interface ReviewOptions {
  /** A FHIR date: a day, a month or a year. Undefined if nobody knows it. */
  readonly birthDate: string | undefined;
  /** Years. */
  readonly ageOfMajority: number;
  readonly days: PayerDays;
  /** The latest day that it is in the payer's time zones. */
  readonly today: string;
}

const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
const later = (a: string, b: string): string => (a > b ? a : b);

/** Since when a review of the statement is due, for each reason; [] if none is. */
export function reviewsOf(statement: StatedConsent, options: ReviewOptions): readonly DueReview[] {
  const { days, today, birthDate, ageOfMajority } = options;
  const until = statement.details.proof?.until;
  const ended = until === undefined ? undefined : endOfAuthority(until, days);
  const stated = days.daysAt(Date.parse(statement.businessTime)).first;
  const ofAge = birthDate === undefined ? undefined : comingOfAge(birthDate, ageOfMajority);
  const due: DueReview[] = [];
  if (ended !== undefined) due.push({ reason: 'authority-ended', since: ended });
  // A statement about somebody who surely was of age was no statement about a minor.
  if (ofAge !== undefined && stated < ofAge.last) due.push({ reason: 'of-age', since: later(ofAge.first, stated) });
  return due.filter(({ since }) => since <= today);
}

/** The first day without the authority. It lasts through its last day, month or year. */
function endOfAuthority(until: string, days: PayerDays): string | undefined {
  if (until.startsWith('9999')) return undefined;
  if (isInstant(until)) return days.daysAt(Date.parse(until)).first;
  const range = dateRange(until);
  return range && dayOf(range.end);
}

/**
 * The earliest and the latest day on which the member may come of age. Who was born on 29 February comes of age on 28
 * February at the earliest, and on 1 March at the latest.
 */
function comingOfAge(birthDate: string, years: number): { readonly first: string; readonly last: string } | undefined {
  const range = dateRange(birthDate);
  if (range === undefined) return undefined;
  const birthday = (day: string): readonly [string, string] => {
    const date = `${String(Number(day.slice(0, 4)) + years).padStart(4, '0')}${day.slice(4)}`;
    const exists = dayOf(Date.parse(date)) === date;
    return exists ? [date, date] : [`${date.slice(0, 4)}-02-28`, `${date.slice(0, 4)}-03-01`];
  };
  return { first: birthday(dayOf(range.start))[0], last: birthday(dayOf(range.end - DAY_MS))[1] };
}
