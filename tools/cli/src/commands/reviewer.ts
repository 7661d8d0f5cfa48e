import type { Command } from 'commander';
import { contextOf } from '../context.ts';
import { instant, npi, tin } from '../options.ts';
import { CliError, EXIT, table } from '../output.ts';

/** What each command of a reviewer does with an app. */
const ENDS = {
  reject: 'as the reviewer: refuses an app that waits, for good',
  suspend: 'as the reviewer: ends the access of an app until somebody approves it again',
  revoke: 'as the reviewer: ends the access of an app for good',
} as const;

/** The options of `pa apps unbind`. */
interface Unbound {
  readonly npi?: string;
  readonly tin?: string;
  readonly reason: string;
  readonly note?: string;
  readonly evidence?: string;
  readonly to?: string;
}
interface Report {
  readonly from: string;
  readonly to: string;
  readonly decisions: readonly {
    readonly status: string;
    readonly reason?: string;
    readonly count: number;
    readonly days: { readonly least: number; readonly median: number; readonly most: number };
  }[];
  readonly waiting: { readonly count: number; readonly oldestDays?: number };
}

/** How long apps wait at the time of a report, as a sentence. */
const inWords = ({ count, oldestDays }: Report['waiting']): string =>
  count === 0
    ? 'No app waits.'
    : `${count} ${count === 1 ? 'app waits' : 'apps wait'}, the oldest for ${oldestDays} days.`;

/** Adds what a reviewer decides about apps, and the report of all decisions (docs/reviewing.md). */
export function reviewCommands(apps: Command): void {
  const decide = async (client: string, verb: string, body: object, command: Command): Promise<void> => {
    const { server, out, administratorToken } = contextOf(command);
    const path = `/auth/clients/${encodeURIComponent(client)}/${verb}`;
    const answer = await server.post<{ status: string }>(path, body, { token: administratorToken() });
    out.result(answer, [`${client} is ${answer.status}`]);
  };
  apps
    .command('review')
    .argument('<client>')
    .description('as the reviewer: puts an app in review; with four eyes another person approves it then')
    .action((client: string, _: object, command: Command) => decide(client, 'review', {}, command));
  for (const [verb, description] of Object.entries(ENDS))
    apps
      .command(verb)
      .argument('<client>')
      .requiredOption('--reason <code>', 'a code of the list, such as key-compromised; a wrong one shows the list')
      .option('--note <text>', 'what happened, and what shows it')
      .description(description)
      .action((client: string, o: { reason: string; note?: string }, command: Command) =>
        decide(client, verb, o, command),
      );
  apps
    .command('unbind')
    .argument('<client>')
    .option('--npi <npi>', 'the NPI for which the app speaks no longer', npi)
    .option('--tin <tin>', 'the same, a TIN', tin)
    .requiredOption('--reason <code>', 'a code of the list, such as contract-ended; a wrong one shows the list')
    .option('--note <text>', 'what happened')
    .option('--evidence <text>', 'what you looked at')
    .option('--to <instant>', 'when the binding ends, or ended (default: now)', instant('--to'))
    .description('as the reviewer: ends the binding of an app to one NPI or TIN; the app stays approved')
    .action((client: string, { npi: ofNpi, tin: ofTin, ...body }: Unbound, command: Command) => {
      if ((ofNpi === undefined) === (ofTin === undefined))
        throw new CliError(EXIT.usage, 'give --npi or --tin, one of them');
      const provider = encodeURIComponent(ofNpi === undefined ? `tin|${ofTin}` : `npi|${ofNpi}`);
      return decide(client, `bindings/${provider}/end`, body, command);
    });
  apps
    .command('report')
    .option('--from <instant>', 'decisions that are not before (default: a year before --to)')
    .option('--to <instant>', 'decisions before (default: now)')
    .description('as the reviewer: decisions by reason and age')
    .action(async (o: { from?: string; to?: string }, command: Command) => {
      const { server, out, administratorToken } = contextOf(command);
      const query = new URLSearchParams(Object.entries(o)).toString();
      const report = await server.json<Report>(`/auth/decisions${query === '' ? '' : `?${query}`}`, {
        token: administratorToken(),
      });
      const rows = report.decisions.map(({ status, reason = '', count, days }) => [
        status,
        reason,
        ...[count, days.least, days.median, days.most].map(String),
      ]);
      out.result(report, [
        `Decisions from ${report.from} to ${report.to}. Days are from the registration, or from the last approval.`,
        ...(rows.length === 0 ? ['none'] : table(['status', 'reason', 'count', 'least days', 'median', 'most'], rows)),
        inWords(report.waiting),
      ]);
    });
}
