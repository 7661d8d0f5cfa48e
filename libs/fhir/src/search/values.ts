import { dateRange, DATE_PREFIXES, type DatePrefix, type DateRange, matchesDate } from '../dates.ts';

/**
 * The value of a token search. `system` undefined: any system; null (`|code`): no system. `code` undefined (`system|`):
 * any code of the system.
 */
export interface Token {
  readonly system?: string | null;
  readonly code?: string;
}

export interface DateSearch {
  readonly prefix: DatePrefix;
  readonly range: DateRange;
}

/** Splits an OR list at unescaped commas. Escapes (`\,` `\|` `\$` `\\`) stay, and parseToken removes them. */
export const splitOr = (value: string): string[] => splitAt(value, ',');

/** Splits a value at an unescaped character. Escapes stay. */
export function splitAt(value: string, separator: ',' | '$'): string[] {
  const parts: string[] = [];
  let current = '';
  for (let index = 0; index < value.length; index++) {
    const character = value.charAt(index);
    if (character === '\\' && index + 1 < value.length) {
      current += character + value.charAt(index + 1);
      index += 1;
    } else if (character === separator) {
      parts.push(current);
      current = '';
    } else current += character;
  }
  parts.push(current);
  return parts;
}

/** Removes the escapes of a value: `\,` `\|` `\$` `\\`. */
export const unescapeValue = (value: string): string => value.replace(/\\([\\,|$])/g, '$1');

/** Parses `code`, `system|code`, `|code` or `system|`. Undefined when neither is given. */
export function parseToken(value: string): Token | undefined {
  const bar = /(?<!\\)(?:\\\\)*\|/.exec(value);
  if (bar === null) return value === '' ? undefined : { code: unescapeValue(value) };
  const at = bar.index + bar[0].length - 1;
  const system = unescapeValue(value.slice(0, at));
  const code = unescapeValue(value.slice(at + 1));
  if (system === '' && code === '') return undefined;
  return { system: system === '' ? null : system, ...(code === '' ? {} : { code }) };
}

/** Parses `[prefix]date`, precision from years to milliseconds. Undefined when it is no date. */
export function parseDateSearch(value: string): DateSearch | undefined {
  const head = value.slice(0, 2);
  const prefix = DATE_PREFIXES.find((known) => known === head);
  // In a query, `+` of a zone means a space unless it is escaped.
  const range = dateRange((prefix === undefined ? value : value.slice(2)).replace(' ', '+'));
  return range === undefined ? undefined : { prefix: prefix ?? 'eq', range };
}

/** Whether an instant (ms since the epoch) satisfies all the date parameters. */
export const matchesInstant = (wanted: readonly DateSearch[], at: number): boolean =>
  wanted.every(({ prefix, range }) => matchesDate(prefix, range, { start: at, end: at + 1 }));
