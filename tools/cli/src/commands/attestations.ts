import { closeSync, writeSync } from 'node:fs';
import type { Command } from 'commander';
import { contextOf, documentationOf } from '../context.ts';
import { CliError, EXIT, table } from '../output.ts';
import { openOwn } from '../own-file.ts';
import { csvLine } from './lists.ts';

interface Attestation {
  readonly member: string;
  readonly group: string;
  readonly client: string;
  readonly npi?: string;
  readonly attestedAt?: string;
  readonly to?: string;
  readonly policy?: string;
  readonly ended?: { readonly at: string; readonly reason: string; readonly note?: string };
}
interface Match {
  readonly group: string;
  readonly client: string;
  readonly npis: readonly string[];
  readonly recordedAt: string;
  readonly submitted: number;
  readonly matched: number;
}
type Page<Name extends string, Row> = { readonly [K in Name]: readonly Row[] } & { readonly next?: string };
interface Filters {
  readonly group?: string;
  readonly member?: string;
  readonly npi?: string;
  readonly client?: string;
}

const HEADER = ['member', 'npi', 'app', 'attested', 'until', 'policy', 'ended', 'reason', 'group'];
const rowOf = ({ member, npi = '', client, attestedAt = '', to = '', policy = '', ended, group }: Attestation) => [
  ...[member, npi, client, attestedAt, to, policy],
  ...[ended?.at ?? '', [ended?.reason, ended?.note].filter((text) => text !== undefined).join(': '), group],
];
/** So many rows are printed. A file has them all. */
const SHOWN = 1000;

/** All rows, page by page. */
async function* rowsOf<Name extends string, Row>(
  command: Command,
  first: string,
  name: Name,
): AsyncGenerator<readonly Row[]> {
  const { server, administratorToken } = contextOf(command);
  const token = administratorToken();
  for (let next: string | undefined = first; next !== undefined;) {
    const page: Page<Name, Row> = await server.json<Page<Name, Row>>(next, { token });
    yield page[name];
    next = page.next;
  }
}

/** `pa attestations`: what providers attested by `$provider-member-match`, and its withdrawal (MATCH.md M78). */
export function attestationCommands(program: Command): void {
  const attestations = program.command('attestations').description('what providers attested about their patients');
  listCommand(attestations);
  reportCommand(attestations);
  withdrawCommand(attestations);
}

function listCommand(attestations: Command): void {
  attestations
    .command('list')
    .description('list who attested whom, when, and for which app')
    .option('--group <id>', 'of one match')
    .option('--member <id>', 'about one member')
    .option('--npi <npi>', 'by one provider')
    .option('--client <id>', 'for one app')
    .option('--out <file>', 'all rows as CSV, in a file that only you can read')
    .addHelpText(
      'after',
      ({ command }) => `
The list names members by their ids. What an attestation opens: ${documentationOf(command, 'attestations')}`,
    )
    .action(async ({ out: path, ...filters }: Filters & { out?: string }, command: Command) => {
      const given = Object.entries(filters).filter((pair): pair is [string, string] => pair[1] !== undefined);
      if (given.length > 1) throw new CliError(EXIT.usage, 'give one of --group, --member, --npi and --client');
      const { out } = contextOf(command);
      const file = path === undefined ? undefined : openOwn(path);
      const shown: Attestation[] = [];
      let count = 0;
      try {
        if (file !== undefined) writeSync(file, `${csvLine(HEADER)}\r\n`);
        const first = `/ops/attestations?${new URLSearchParams(given)}`;
        for await (const rows of rowsOf<'attestations', Attestation>(command, first, 'attestations')) {
          if (file !== undefined) writeSync(file, rows.map((row) => `${csvLine(rowOf(row))}\r\n`).join(''));
          shown.push(...rows.slice(0, SHOWN - shown.length));
          count += rows.length;
        }
      } finally {
        if (file !== undefined) closeSync(file);
      }
      const summary = `${count} attestations`;
      if (path !== undefined) return out.result({ count, file: path }, [`${summary}: ${path}`]);
      out.result({ count, attestations: shown }, [
        ...(shown.length === 0 ? [] : table(HEADER, shown.map(rowOf))),
        ...(count > shown.length ? [`… ${count - shown.length} more: --out FILE has all rows`] : []),
        summary,
      ]);
    });
}

function reportCommand(attestations: Command): void {
  attestations
    .command('report')
    .description('count for each provider how many of the submitted patients matched')
    .addHelpText(
      'after',
      ({ command }) => `
A match with several attesting providers counts for each of them. More: ${documentationOf(command, 'attestations')}`,
    )
    .action(async (_: object, command: Command) => {
      const { out } = contextOf(command);
      const providers = new Map<string, { matches: number; submitted: number; matched: number; apps: Set<string> }>();
      for await (const rows of rowsOf<'matches', Match>(command, '/ops/attestations/matches', 'matches'))
        for (const { npis, client, submitted, matched } of rows)
          for (const npi of npis.length === 0 ? ['none'] : npis) {
            const one = providers.get(npi) ?? { matches: 0, submitted: 0, matched: 0, apps: new Set<string>() };
            one.matches++;
            one.submitted += submitted;
            one.matched += matched;
            one.apps.add(client);
            providers.set(npi, one);
          }
      const report = [...providers]
        .map(([npi, { apps, ...counts }]) => ({ npi, ...counts, apps: [...apps].toSorted() }))
        .toSorted((a, b) => b.submitted - a.submitted);
      const cells = report.map((row) => [
        row.npi,
        ...[row.matches, row.submitted, row.matched].map(String),
        row.apps.join(' '),
      ]);
      out.result({ providers: report }, [
        ...(report.length === 0 ? [] : table(['npi', 'matches', 'submitted', 'matched', 'apps'], cells)),
        `${report.length} providers`,
      ]);
    });
}

function withdrawCommand(attestations: Command): void {
  attestations
    .command('withdraw')
    .description('end what providers attested: of a match, of a member, or of both')
    .option('--group <id>', 'of this match')
    .option('--member <id>', 'about this member')
    .option('--client <id>', 'only what this app got')
    .option('--by <name>', 'who withdraws it')
    .requiredOption('--reason <text>', 'why; the log keeps it')
    .addHelpText(
      'after',
      ({ command }) => `
Exit codes: 0 every process applies it · 1 recorded, and a process has not confirmed it yet · 2 wrong usage
What ends with an attestation: ${documentationOf(command, 'attestations')}`,
    )
    .action(
      async (
        o: { group?: string; member?: string; client?: string; by?: string; reason: string },
        command: Command,
      ) => {
        if (o.group === undefined && o.member === undefined) throw new CliError(EXIT.usage, 'give --group or --member');
        const { server, out, administratorToken } = contextOf(command);
        const { withdrawn, effective } = await server.json<{ withdrawn: number; effective: boolean }>(
          '/ops/attestations/withdrawals',
          {
            method: 'POST',
            token: administratorToken(),
            body: JSON.stringify(o),
            headers: { 'content-type': 'application/json' },
          },
        );
        const state = effective ? 'every process applies it' : 'a process has not confirmed it yet';
        out.result({ withdrawn, effective }, [`${withdrawn} attestations were withdrawn: ${state}`]);
        if (!effective) process.exitCode = EXIT.refused;
      },
    );
}
