import { createHash } from 'node:crypto';
import type { FileKind } from '@provider-access/events';
import { countLines, table } from '../output.ts';
import type { Comparison } from './compare.ts';

/** How a list of a provider changes. */
export interface ListChange {
  /** Rows of the source that name the provider. Of a network: members whom its apps see now. */
  held: number;
  /** Members whom apps of the provider would see, and see not now. */
  gained: number;
  /** Members whom apps of the provider see now, and would not see. */
  lost: number;
}
/** What an import would do. */
export interface FullReport extends Comparison {
  readonly kind: FileKind;
  readonly source: string;
  readonly asOf: string;
  readonly batch: string;
  /** Names this report: the same file over the same state has the same number. */
  readonly number: string;
  /** The source has no import of this kind yet, so there is nothing to compare with. */
  readonly first: boolean;
  /** Members and lists that change: a member on two lists counts twice. */
  readonly gained: number;
  readonly lost: number;
  /** Changes of a network for which nobody can say what lists gain and lose, because they are too many. */
  readonly unforeseen: number;
  /** By the providers of the list. */
  readonly lists: Readonly<Record<string, ListChange>>;
  /** Gained members by security label (`system|code`), of resources that their new providers would get (A72). */
  readonly sensitive: Readonly<Record<string, number>>;
  /** Why the import needs a confirmation. Empty if it needs none. */
  readonly reasons: readonly string[];
}

/** Percent of the source's rows, or of a list, above which an import needs a confirmation. */
const THRESHOLD_PERCENT = 5;
/** So many members of one list must change at least before the list alone needs a confirmation. */
const LEAST_OF_A_LIST = 10;
const LISTED = 15;

const isAbove = (count: number, of: number): boolean => count * 100 > of * THRESHOLD_PERCENT;
const percent = (count: number, of: number): string =>
  of === 0 ? 'it had none' : `${((count * 100) / of).toFixed(1)} % of ${of}`;

/** Why a report needs a confirmation (A73). */
export function reasonsOf({
  kind,
  unforeseen,
  first,
  held,
  ended,
  added,
  gained,
  lost,
  lists,
}: Omit<FullReport, 'reasons' | 'number'>): readonly string[] {
  const reasons: string[] = [];
  if (unforeseen > 0) reasons.push(`${unforeseen} changes of the network are too many to say what lists gain and lose`);
  if (first) return reasons;
  // A row that stays and is over loses its member as one that is absent does. A row of a network has many members.
  const totals = [
    ['rows end', ended],
    ['rows are new', added],
    ...(kind === 'network'
      ? []
      : ([
          ['members are lost', lost],
          ['members are gained', gained],
        ] as const)),
  ] as const;
  for (const [what, count] of totals)
    if (isAbove(count, held)) reasons.push(`${count} ${what}: ${percent(count, held)} rows`);
  for (const [list, change] of Object.entries(lists))
    for (const [what, count] of [['loses', change.lost] as const, ['gains', change.gained] as const])
      if (count >= LEAST_OF_A_LIST && isAbove(count, change.held))
        reasons.push(`${list} ${what} ${count} members: ${percent(count, change.held)}`);
  return reasons;
}

/** Ten digits that a person can read aloud. @param changes what names the changes of every row, in their order */
export function numberOf(report: Omit<FullReport, 'reasons' | 'number'>, changes: string): string {
  const lists = Object.entries(report.lists).sort(([a], [b]) => (a < b ? -1 : 1));
  const text = JSON.stringify([
    report.batch,
    report.held,
    report.gained,
    report.lost,
    lists,
    report.sensitive,
    changes,
  ]);
  return digitsOf(text);
}
/** Ten digits that stand for a text. */
export function digitsOf(text: string): string {
  const digits = BigInt(`0x${createHash('sha256').update(text).digest('hex').slice(0, 15)}`) % 10_000_000_000n;
  return digits
    .toString()
    .padStart(10, '0')
    .replace(/^(.{5})/, '$1-');
}

/** The report for people. */
export function reportLines(report: FullReport): string[] {
  const { kind, source, asOf, rows, repeated, held, added, changed, ended, kept, gained, lost, lists, first } = report;
  const largest = Object.entries(lists)
    .filter(([, change]) => change.gained + change.lost > 0)
    .sort(([a, x], [b, y]) => y.gained + y.lost - (x.gained + x.lost) || a.localeCompare(b));
  return [
    `Report ${report.number}: ${kind} of ${source} as of ${asOf}, ${rows} rows` +
      `${repeated > 0 ? ` (${repeated} stand more than once)` : ''}.`,
    first
      ? 'This is the first full file of this source: there is nothing to compare it with.'
      : `The platform holds ${held} rows of this source.`,
    `${added} rows are new, ${changed} change, ${ended} end.`,
    ...(kept === 0
      ? []
      : [`${kept} opt-outs of this source are not in the file. They stay, because nobody has confirmed their ends.`]),
    ...(report.unforeseen > 0 ? [] : [`Lists of providers gain ${gained} members and lose ${lost}.`]),
    ...countLines('new access to labelled data, in members by label', report.sensitive),
    ...(largest.length === 0
      ? []
      : table(
          ['list', kind === 'network' ? 'members now' : 'rows held', 'gains', 'loses'],
          largest.slice(0, LISTED).map(([list, c]) => [list, String(c.held), String(c.gained), String(c.lost)]),
        )),
    ...(largest.length > LISTED ? [`… ${largest.length - LISTED} more lists with --json`] : []),
  ];
}
/** Why the import stops, and how it goes on. */
export const confirmLines = ({ reasons, number }: FullReport): string[] =>
  reasons.length === 0
    ? []
    : [
        'This is more than an import may change by itself:',
        ...reasons.slice(0, LISTED).map((reason) => `  ${reason}`),
        ...(reasons.length > LISTED ? [`  … ${reasons.length - LISTED} more with --json`] : []),
        `If it is right, import the file with --confirm ${number}.`,
      ];
