const MONTH = '(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)';
const TIME = String.raw`\d\d:\d\d:\d\d`;
const IMF = new RegExp(`^([A-Z][a-z]{2}), (\\d\\d) (${MONTH}) (\\d{4}) (${TIME}) GMT$`);
const RFC_850 = new RegExp(
  `^(?=(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day)([A-Z][a-z]{2})[a-z]+, (\\d\\d)-(${MONTH})-(\\d\\d) (${TIME}) GMT$`,
);
const ASCTIME = new RegExp(`^([A-Z][a-z]{2}) (${MONTH}) ([ \\d]\\d) (${TIME}) (\\d{4})$`);
const FIFTY_YEARS = 50;

/** The text as `Date.prototype.toUTCString` writes it. */
function asImf(text: string, now: number): string | undefined {
  if (IMF.test(text)) return text;
  const ansi = ASCTIME.exec(text);
  if (ansi !== null) {
    const [, weekday, month, day, time, year] = ansi;
    return `${weekday}, ${day!.replace(' ', '0')} ${month} ${year} ${time} GMT`;
  }
  const former = RFC_850.exec(text);
  if (former === null) return undefined;
  const [, weekday, day, month, digits, time] = former;
  // Two digits mean the latest such year that is at most 50 years ahead.
  const most = new Date(now).getUTCFullYear() + FIFTY_YEARS;
  const year = most - ((most - Number(digits)) % 100);
  return `${weekday}, ${day} ${month} ${year} ${time} GMT`;
}

/**
 * Reads an HTTP-date in one of its three forms: https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7
 *
 * @param now ms since the epoch
 * @returns ms since the epoch; undefined if it is no HTTP-date, or no day of the calendar
 */
export function parseHttpDate(text: string, now: number = Date.now()): number | undefined {
  const imf = asImf(text, now);
  const at = imf === undefined ? NaN : Date.parse(imf);
  return Number.isNaN(at) || new Date(at).toUTCString() !== imf ? undefined : at;
}
