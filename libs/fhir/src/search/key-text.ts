import { SEARCH } from './definitions.ts';

/** The parts of search keys. Every resource has about four keys, so a byte of each counts. */

/**
 * The sign of each parameter that has keys, with which its keys begin. A key is the sign, then `=` and a value, `:` and
 * an identifier of a reference, or `!` for more values than the index has. So keys of two parameters never meet.
 */
const SIGNS: Readonly<Record<string, string>> = {
  _profile: 'f',
  'abatement-date': 'B',
  address: 'a',
  'address-city': 'x',
  'address-postalcode': 'z',
  'address-state': 'Z',
  'asserted-date': 'A',
  authored: 'u',
  authoredon: 'U',
  'billable-period-start': 'b',
  birthdate: 'j',
  category: 'k',
  characteristic: 'h',
  'characteristic-value-reference': 'H',
  class: 'C',
  code: 'c',
  date: 'd',
  'death-date': 'J',
  description: 'y',
  'discharge-disposition': 'D',
  encounter: 'e',
  endpoint: 'E',
  family: 'm',
  given: 'g',
  identifier: 'i',
  location: 'l',
  name: 'n',
  'onset-date': 'O',
  organization: 'o',
  period: 'p',
  practitioner: 'P',
  questionnaire: 'q',
  'recorded-date': 'R',
  role: 'r',
  'service-date': 's',
  'service-start-date': 'S',
  specialty: 'v',
  target: 't',
  'target-date': 'T',
  type: 'w',
};

const INDEXED = Object.values(SEARCH).flatMap(({ parameters }) => parameters.filter(({ indexed }) => indexed));
checkSigns(
  SIGNS,
  INDEXED.map(({ name }) => name),
);

/**
 * Two parameters with one sign would find resources of each other. Keys of labels begin with `_`, so no sign is that.
 * @throws Error if a name has no sign, or one that is no letter or digit, or the one of another name
 */
export function checkSigns(signs: Readonly<Record<string, string>>, names: readonly string[]): void {
  const owners = new Map<string, string>();
  for (const [name, sign] of Object.entries(signs)) {
    if (!/^[0-9A-Za-z]$/.test(sign)) throw new Error(`The sign "${sign}" of ${name} is no letter or digit.`);
    if (owners.has(sign)) throw new Error(`${name} and ${owners.get(sign)} have the same sign "${sign}".`);
    owners.set(sign, name);
  }
  const without = names.find((name) => !Object.hasOwn(signs, name));
  if (without !== undefined) throw new Error(`The parameter ${without} has keys and needs a sign in SIGNS.`);
}

/** The sign of a parameter that has keys. */
export const signOf = (name: string): string => SIGNS[name]!;

const DAY = 86_400_000;
/** The first year of FHIR, less the widest time zone and the day by which ranges reach back. It is a midnight. */
const FIRST = Date.UTC(0, 0, 1) - 2000 * 366 * DAY;
/** In the order of their bytes. */
const DIGITS = '-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz';
/** All pairs of digits, because a lookup costs less than arithmetic on texts. */
const PAIRS = [...DIGITS].flatMap((high) => [...DIGITS].map((low) => high + low));
const LOWEST = '----';
const HIGHEST = 'zzzz';
/** The days that four digits count, until the year 43,000. */
const DAYS = PAIRS.length ** 2;

/**
 * Text that sorts as the instant does: four digits of the day, three of the second unless it is midnight in UTC, two of
 * the millisecond unless it is 0. Most dates are days. A text sorts before all longer ones that begin with it.
 * @param ms since the epoch, or infinite. A fraction is left out.
 */
export function sortable(ms: number): string {
  if (ms <= FIRST) return LOWEST;
  const days = Math.floor((ms - FIRST) / DAY);
  if (days >= DAYS) return HIGHEST;
  const day = PAIRS[Math.floor(days / PAIRS.length)]! + PAIRS[days % PAIRS.length]!;
  const within = Math.floor(ms - FIRST - days * DAY);
  if (within === 0) return day;
  const seconds = Math.floor(within / 1000);
  const time = day + DIGITS[Math.floor(seconds / PAIRS.length)]! + PAIRS[seconds % PAIRS.length]!;
  return within % 1000 === 0 ? time : time + PAIRS[within % 1000]!;
}
