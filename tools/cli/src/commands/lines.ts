import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { type Context, contextOf, documentationOf } from '../context.ts';
import { CliError, EXIT, table } from '../output.ts';
import { text } from '../options.ts';

interface Line {
  readonly line: string;
  readonly name?: string;
  readonly start?: string;
  readonly from?: string;
  readonly plans: readonly object[];
  readonly started: boolean;
  readonly coverages: number;
}
/** The answer of `GET /ops/lines`. Without a table, `version` is 0 and the rest is absent. */
interface LinesReport {
  readonly version: number;
  readonly setAt?: string;
  readonly by?: string;
  readonly reason?: string;
  readonly lines: readonly Line[];
  readonly unmapped?: readonly { readonly plan: string; readonly coverages: number }[];
  readonly withoutPlan?: number;
}

/** Whether a coverage is not shared because nothing tells its line. */
const hasUnknown = ({ unmapped = [], withoutPlan = 0 }: LinesReport): boolean => unmapped.length > 0 || withoutPlan > 0;

/** The report in a form for people. `title` is its first line. */
function linesLines(report: LinesReport, title: string): string[] {
  const { lines, unmapped = [], withoutPlan = 0 } = report;
  return [
    title,
    ...table(
      ['line', 'started', 'from', 'plans', 'coverages'],
      lines.map(({ line, started, from, plans, coverages }) => [
        line,
        started ? 'yes' : 'no',
        from ?? 'no start date',
        String(plans.length),
        String(coverages),
      ]),
    ),
    ...unmapped.map(
      ({ plan, coverages }) => `not shared: the table does not name the plan ${plan} (coverages: ${coverages})`,
    ),
    ...(withoutPlan > 0 ? [`not shared: no plan is known of the coverage (coverages: ${withoutPlan})`] : []),
  ];
}

const titleOf = ({ version, setAt, by, reason }: LinesReport): string =>
  version === 0
    ? 'There is no table of lines of business: all lines are started.'
    : `table ${version}, set ${setAt} by ${by}${reason === undefined ? '' : `: ${reason}`}`;

/** @throws CliError that names the file */
function fileOf(file: string): Record<string, unknown> {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  } catch (error) {
    const because = error instanceof SyntaxError ? 'is no JSON' : 'cannot be read';
    throw new CliError(EXIT.usage, `${file} ${because}: ${(error as Error).message}`);
  }
}
function send<T>({ server, administratorToken }: Context, path: string, body: object): Promise<T> {
  return server.json<T>(path, {
    method: 'POST',
    token: administratorToken(),
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}
const show = ({ server, administratorToken }: Context): Promise<LinesReport> =>
  server.json<LinesReport>('/ops/lines', { token: administratorToken() });

/** Lines of business and their start dates. */
export function linesCommands(program: Command): void {
  const help = ({ command }: { readonly command: Command }): string => `
Exit codes: 0 the line of every coverage is known · 1 a coverage is not shared because its line is unknown (the report
says which plans), or the table was refused · 2 wrong usage · 3 cannot be reached, repeat · 4 not authorized
What a table does, and how a file of it looks: ${documentationOf(command, 'lines-of-business')}`;
  const print = ({ out }: Context, report: LinesReport, title = titleOf(report)): void => {
    out.result(report, report.version === 0 ? [title] : linesLines(report, title));
    if (hasUnknown(report)) process.exitCode = EXIT.refused;
  };
  const lines = program.command('lines').description('lines of business: which are shared, since when');
  lines
    .command('show', { isDefault: true })
    .description('the table in force, and the coverages that are not shared because their line is unknown')
    .addHelpText('after', help)
    .action(async (_o: unknown, command: Command) => {
      const context = contextOf(command);
      print(context, await show(context));
    });
  lines
    .command('check')
    .argument('<file>', 'JSON: the lines with their start dates and plans')
    .description('report what a table would share, and set nothing')
    .addHelpText('after', help)
    .action(async (file: string, _o: unknown, command: Command) => {
      const context = contextOf(command);
      const report = await send<LinesReport>(context, '/ops/lines/check', fileOf(file));
      print(context, report, `${file} would share, once it is set:`);
    });
  lines
    .command('set')
    .argument('<file>', 'JSON: the lines with their start dates and plans')
    .description('set the table: from now on nothing of a line is shared before its start')
    .option('--reason <text>', 'why; the table shows it', text('--reason'))
    .addHelpText('after', help)
    .action(async (file: string, { reason }: { reason?: string }, command: Command) => {
      const context = contextOf(command);
      await send(context, '/ops/lines', { ...fileOf(file), ...(reason !== undefined && { reason }) });
      print(context, await show(context));
    });
}
