import { createHash } from 'node:crypto';
import type { FileKind } from '@provider-access/events';
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
  /** Why the import needs a confirmation, in English. Empty if it needs none. */
  readonly reasons: readonly string[];
}

/** Percent of the source's rows, or of a list, above which an import needs a confirmation. */
const THRESHOLD_PERCENT = 5;
/** So many members of one list must change at least before the list alone needs a confirmation. */
const LEAST_OF_A_LIST = 10;

const isAbove = (count: number, of: number): boolean => count * 100 > of * THRESHOLD_PERCENT;
const percent = (count: number, of: number): string =>
  of === 0 ? 'it had none' : `${((count * 100) / of).toFixed(1)} % of ${of}`;

/** One thing that is more than an import may change by itself. */
export type ReportCause =
  /** Changes of a network that are too many to be foreseen. */
  | { readonly code: 'unforeseen'; readonly count: number }
  /** Rows that end or are new, or members who are lost or gained, of the rows that the platform holds. */
  | { readonly code: 'ended' | 'added' | 'lost' | 'gained'; readonly count: number; readonly of: number }
  /** Members whom one list loses or gains, of its rows or members. */
  | {
      readonly code: 'list-loses' | 'list-gains';
      readonly list: string;
      readonly count: number;
      readonly of: number;
    };

/** Why a report needs a confirmation (A73). Empty if it needs none. */
export function causesOf({
  kind,
  unforeseen,
  first,
  held,
  ended,
  added,
  gained,
  lost,
  lists,
}: Omit<FullReport, 'reasons' | 'number'>): readonly ReportCause[] {
  const causes: ReportCause[] = unforeseen > 0 ? [{ code: 'unforeseen', count: unforeseen }] : [];
  if (first) return causes;
  // A row that stays and is over loses its member as one that is absent does. A row of a network has many members.
  const totals = [
    ['ended', ended],
    ['added', added],
    ...(kind === 'network'
      ? []
      : ([
          ['lost', lost],
          ['gained', gained],
        ] as const)),
  ] as const;
  for (const [code, count] of totals) if (isAbove(count, held)) causes.push({ code, count, of: held });
  for (const [list, change] of Object.entries(lists))
    for (const [code, count] of [['list-loses', change.lost] as const, ['list-gains', change.gained] as const])
      if (count >= LEAST_OF_A_LIST && isAbove(count, change.held)) causes.push({ code, list, count, of: change.held });
  return causes;
}

const OF_ROWS = {
  ended: 'rows end',
  added: 'rows are new',
  lost: 'members are lost',
  gained: 'members are gained',
} as const;
/** A cause in English, for people. */
export function reasonOf(cause: ReportCause): string {
  switch (cause.code) {
    case 'unforeseen':
      return `${cause.count} changes of the network are too many to say what lists gain and lose`;
    case 'list-loses':
    case 'list-gains': {
      const what = cause.code === 'list-loses' ? 'loses' : 'gains';
      return `${cause.list} ${what} ${cause.count} members: ${percent(cause.count, cause.of)}`;
    }
    default:
      return `${cause.count} ${OF_ROWS[cause.code]}: ${percent(cause.count, cause.of)} rows`;
  }
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
