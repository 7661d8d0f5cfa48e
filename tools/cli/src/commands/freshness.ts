import type { Command } from 'commander';
import type { FreshnessReport, Took } from '@provider-access/domain/pdex/service-levels';
import { contextOf, documentationOf } from '../context.ts';
import { CliError, EXIT, table } from '../output.ts';
import { duration, periodQuery } from './slo.ts';

const UNITS = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const silence = (value: string): number => {
  const [, number, unit] = /^(\d{1,5})([mhd])$/.exec(value) ?? [];
  if (unit === undefined) throw new CliError(EXIT.usage, '--silent is a duration such as 90m, 26h or 3d');
  return Number(number) * UNITS[unit as keyof typeof UNITS];
};
const tookCells = ({ events, p50Ms, p99Ms, worstMs }: Took): string[] => [
  String(events),
  duration(p50Ms),
  duration(p99Ms),
  duration(worstMs),
];

/** The report in a form for people. `stale`: feeds that are silent for longer are marked, ms. */
export function freshnessLines(report: FreshnessReport, byDay: boolean, stale: number): string[] {
  if (report.feeds.length === 0) return ['no feed was measured yet'];
  const rows = report.feeds.flatMap((feed) => {
    const { source, type, newest, silentMs, period, days } = feed;
    const mark = silentMs > stale ? 'stale' : '';
    return [
      [source, type, newest, duration(silentMs), ...tookCells(period), mark],
      ...(byDay ? days.map((took) => ['', '', took.day, '', ...tookCells(took), '']) : []),
    ];
  });
  return [
    `freshness of feeds at ${report.at}; events from ${report.from} to ${report.to}`,
    '',
    ...table(['source', 'type', 'newest event', 'silent for', 'events', 'p50', 'p99', 'worst', ''], rows),
  ];
}

/** Which source has sent nothing about which type, and since when. */
export function freshnessCommand(program: Command): void {
  program
    .command('freshness')
    .description('how fresh the events of each source and type are: the newest, and how long they took to be visible')
    .option('--from <day>', 'first local day of the payer, e.g. 2026-11-01 (default: the first of the month of --to)')
    .option('--to <day>', 'last day, included (default: today)')
    .option('--silent <duration>', 'mark feeds without an event for longer, e.g. 90m, 26h or 3d', silence)
    .option('--by-day', 'a row for each day with events', false)
    .addHelpText(
      'after',
      ({ command }) => `
Exit codes: 0 no feed is silent for longer than --silent · 1 a feed is (the report says which) · 2 wrong usage ·
3 cannot be reached · 4 not authorized
What is measured: ${documentationOf(command, 'service-levels')}`,
    )
    .action(async (o: { from?: string; to?: string; silent?: number; byDay: boolean }, command: Command) => {
      const query = periodQuery(o);
      const { server, out, administratorToken } = contextOf(command);
      const report = await server.json<FreshnessReport>(`/ops/slo/freshness?${query}`, { token: administratorToken() });
      const stale = o.silent ?? Infinity;
      out.result(report, freshnessLines(report, o.byDay, stale));
      if (report.feeds.some(({ silentMs }) => silentMs > stale)) process.exitCode = EXIT.refused;
    });
}
