import type { Command } from 'commander';
import { CliError, EXIT, table, type Output } from '../output.ts';
import { instant } from '../options.ts';

export interface ListOptions {
  readonly limit?: number;
  readonly since?: string;
  readonly csv?: boolean;
}

export const atLeastOne = (text: string): number => {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new CliError(EXIT.usage, '--limit must be a whole number above 0');
  return Number(text);
};

/** Adds `--limit` and `--csv`, and `--since` to a list whose rows have a time. */
export function withList(command: Command, time?: string): Command {
  command.option('--limit <n>', 'at most so many rows', atLeastOne).option('--csv', 'rows as CSV on standard output');
  return time === undefined
    ? command
    : command.option('--since <instant>', `rows whose ${time} is not before`, instant('--since'));
}

/** One cell by RFC 4180. A text from outside that a spreadsheet would run as a formula begins with an apostrophe. */
const cellOf = (text: string): string => {
  const safe = /^[=+\-@\t\r]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
};

/** A row of a CSV file. */
export const csvLine = (cells: readonly string[]): string => cells.map(cellOf).join(',');

export interface List<T> {
  readonly items: readonly T[];
  readonly header: readonly string[];
  readonly row: (item: T) => readonly string[];
  /** The RFC 3339 instant of an item, for `--since`. */
  readonly timeOf?: (item: T) => string;
  /** The value for `--json`. Default: the items. */
  readonly json?: (shown: readonly T[]) => unknown;
  /** Sentences for people if there is nothing. */
  readonly none: readonly string[];
}

/** Prints a list as a table, as CSV or as JSON. All three have the same rows. */
export function printList<T>(out: Output, { items, header, row, timeOf, json, none }: List<T>, o: ListOptions): void {
  if (o.csv === true && out.json) throw new CliError(EXIT.usage, 'choose one of --csv and --json');
  const { since, limit } = o;
  const found =
    since === undefined || timeOf === undefined
      ? items
      : items.filter((item) => Date.parse(timeOf(item)) >= Date.parse(since));
  const shown = found.slice(0, limit ?? found.length);
  if (o.csv === true) return out.result(shown, [header, ...shown.map(row)].map(csvLine));
  const rest = found.length - shown.length;
  out.result(json === undefined ? shown : json(shown), [
    ...(shown.length === 0 ? none : table(header, shown.map(row))),
    ...(rest > 0 ? [`… ${rest} more without --limit`] : []),
  ]);
}
