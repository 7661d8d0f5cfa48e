import type { Command } from 'commander';
import type { ServiceLevelReport } from '@provider-access/domain/pdex/service-levels';
import type { BusinessDays } from '@provider-access/events';
import { contextOf, documentationOf } from '../context.ts';
import { CliError, EXIT, table } from '../output.ts';

/** Short enough for a column: `850 ms`, `2.4 s`, `13 min`, `26.0 h`, `3.1 days`. */
export function duration(ms: number | undefined): string {
  if (ms === undefined) return '';
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)} min`;
  return ms < 72 * 3_600_000 ? `${(ms / 3_600_000).toFixed(1)} h` : `${(ms / 86_400_000).toFixed(1)} days`;
}
/** Never rounds up to a hundred. */
const percent = (share: number | undefined): string =>
  share === undefined ? '' : share === 1 ? '100 %' : `${(Math.floor(share * 100_000) / 1000).toFixed(3)} %`;
const calendarLine = ({ timeZone, days, holidays }: BusinessDays): string =>
  `${days.join(' ')} in ${timeZone}${holidays.length === 0 ? ', no holidays' : `, without ${holidays.join(' ')}`}`;

/** The report in a form for people. */
export function sloLines(report: ServiceLevelReport): string[] {
  const listed = report.objectives.flatMap((o) => o.exports ?? []);
  const open = report.objectives.filter((o) => o.open.count > 0);
  return [
    `service levels of what began from ${report.from} to ${report.to}, at ${report.at}`,
    '',
    ...table(
      ['objective', 'target', 'count', 'met', 'missed', 'overdue', 'share', 'p50', 'p99', 'worst', 'open'],
      report.objectives.map((o) => [
        o.objective,
        o.target ?? '',
        String(o.met + o.missed + o.overdue),
        String(o.met),
        String(o.missed),
        String(o.overdue),
        percent(o.share),
        duration(o.p50Ms),
        duration(o.p99Ms),
        duration(o.worstMs),
        String(o.open.count),
      ]),
    ),
    '',
    ...(open.length === 0
      ? []
      : [
          ...open.map(
            (o) =>
              `open: ${o.open.count} of ${o.objective}, the oldest since ${o.open.oldest}, due ${o.open.deadline}, ` +
              `${Math.floor((o.open.usedShare ?? 0) * 100)} % of its time used`,
          ),
          '',
        ]),
    ...(listed.length === 0
      ? []
      : ['exports that were missed or are overdue:', ...listed.map((job) => `  ${job}`), '']),
    ...(report.measuredWith.length === 0
      ? ['nothing was measured']
      : report.measuredWith.map((c) => `business days: ${calendarLine(c)}`)),
    ...(report.measuredWith.length === 1 && calendarLine(report.measuredWith[0]!) === calendarLine(report.calendar)
      ? []
      : [`configured now: ${calendarLine(report.calendar)}`]),
  ];
}

/** The query of `--from` and `--to`. @throws CliError for anything but days */
export function periodQuery({ from, to }: { from?: string; to?: string }): URLSearchParams {
  for (const [name, value] of Object.entries({ from, to }))
    if (value !== undefined && !/^\d{4}-\d{2}-\d{2}$/.test(value))
      throw new CliError(EXIT.usage, `--${name} is a day such as 2026-11-30`);
  return new URLSearchParams({ ...(from !== undefined && { from }), ...(to !== undefined && { to }) });
}

/** Whether the service levels of a period were met. */
export function sloCommand(program: Command): void {
  program
    .command('slo')
    .description('the service levels of a period: how many were met and missed, and what is open')
    .option('--from <day>', 'first local day of the payer, e.g. 2026-11-01 (default: the first of the month of --to)')
    .option('--to <day>', 'last day, included (default: today)')
    .addHelpText(
      'after',
      ({ command }) => `
Exit codes: 0 nothing was missed · 1 something was missed or is overdue (the report says what) · 2 wrong usage ·
3 cannot be reached · 4 not authorized
What is measured, and how a month is proven: ${documentationOf(command, 'service-levels')}`,
    )
    .action(async (o: { from?: string; to?: string }, command: Command) => {
      const query = periodQuery(o);
      const { server, out, administratorToken } = contextOf(command);
      const report = await server.json<ServiceLevelReport>(`/ops/slo?${query}`, { token: administratorToken() });
      out.result(report, sloLines(report));
      if (report.objectives.some((r) => r.missed + r.overdue > 0)) process.exitCode = EXIT.refused;
    });
}
