import type { Person } from '../releases/find.ts';

/** What the person who recalls knows of the matter. */
export interface Matter {
  readonly recall: string;
  /** A sentence for the notice: what happened. Empty: to be added. */
  readonly what: string;
  /** YYYY-MM-DD: the first day on which it was known (45 CFR 164.404(a)(2)). */
  readonly discovered: string;
}
const DAY_MS = 86_400_000;
const plusDays = (day: string, days: number): string =>
  new Date(Date.parse(day) + days * DAY_MS).toISOString().slice(0, 10);
/** 45 CFR 164.408(b): from this number of persons on, HHS is told at the same time as they are. */
const MANY = 500;
const NOTICE_DAYS = 60;

/** What nobody but the payer can say, for each row or for the list. */
export const TO_ADD = [
  'name and address of each person, and the State for 45 CFR 164.406',
  'whose data they really were, if another person had them: this person is the one to be told',
  'the assessment of 45 CFR 164.402(2): whether it was a breach at all',
  'what the persons should do, what you do about it, and whom they can ask (164.404(c)(1)(C) to (E))',
] as const;

const HEADER = [
  ...['member', 'what happened', 'first release', 'last release', 'discovered', 'notify until', 'types of data'],
  ...['recipients', 'NPIs and TINs', 'releases', 'recall', 'name', 'address', 'State', 'whose data'],
];

/** The list for the notices: a row for each person. The last four columns are the payer's to fill. */
export const noticeRows = (people: readonly Person[], { recall, what, discovered }: Matter): string[][] => [
  [...HEADER],
  ...people.map(({ member, first, last, types, apps, providers, releases }) => [
    ...[member, what, first, last, discovered, plusDays(discovered, NOTICE_DAYS), types.join(' ')],
    ...[apps.join('; '), providers.join(' '), String(releases), recall, '', '', '', ''],
  ]),
];

/** The duties by the number of persons. Whether they apply is a decision of the payer. */
export function dutiesOf(people: number, discovered: string): readonly string[] {
  if (people === 0) return [];
  const until = plusDays(discovered, NOTICE_DAYS);
  const persons = people === 1 ? 'person' : 'persons';
  const notice = `45 CFR 164.404 asks for a notice to each without unreasonable delay, until ${until} at the latest.`;
  const hhs =
    people >= MANY
      ? `${MANY} or more: HHS is told at the same time (164.408(b)), and the media if more than ${MANY} live in one ` +
        'State (164.406).'
      : `Fewer than ${MANY}: HHS is told within 60 days after the end of ${discovered.slice(0, 4)} (164.408(c)).`;
  return [`${people} ${persons}: ${notice}`, hhs];
}
