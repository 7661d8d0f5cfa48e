import type { FullReport } from '@provider-access/full-files';
import { countLines, table } from '../output.ts';

/** Lists and reasons that the lines have; `--json` has all. */
const LISTED = 15;

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
