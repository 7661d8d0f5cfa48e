import type { Command } from 'commander';
import { contextOf, documentationOf } from '../context.ts';
import { CliError, EXIT, table } from '../output.ts';
import { text } from '../options.ts';

interface Options {
  readonly family?: string;
  readonly birthDate?: string;
  readonly given?: string;
  readonly identifier?: string;
}
interface Found {
  readonly members: readonly { readonly member: string; readonly name?: string; readonly birthDate?: string }[];
  readonly more: boolean;
}

/** `pa members`: for a call centre that works without the pages. */
export function memberCommands(program: Command): void {
  program
    .command('members')
    .description('members who call')
    .command('find')
    .description('find the members whom a caller may be')
    .option('--family <name>', 'the family name, or a former one; with --birth-date', text('--family'))
    .option('--birth-date <day>', 'such as 1975-12-31', text('--birth-date'))
    .option('--given <name>', 'the first name, to tell twins apart', text('--given'))
    .option('--identifier <number>', 'the number on the card, instead of the name', text('--identifier'))
    .addHelpText(
      'after',
      ({ command }) => `
Exit codes: 0 somebody was found · 1 nobody, or too many
A shell may keep what you type in its history. See ${documentationOf(command, 'opt-outs')}`,
    )
    .action(async ({ family, birthDate, given, identifier }: Options, command: Command) => {
      const isNamed = family !== undefined && birthDate !== undefined;
      if (isNamed === (identifier !== undefined))
        throw new CliError(EXIT.usage, 'give --family and --birth-date, or --identifier');
      const { server, out, administratorToken } = contextOf(command);
      const said =
        identifier === undefined ? { family, birthDate, ...(given !== undefined && { given }) } : { identifier };
      const found = await server.post<Found>('/ops/members/find', said, { token: administratorToken() });
      const rows = found.members.map(({ member, name = '', birthDate: born = '' }) => [member, name, born]);
      out.result(found, [
        ...(rows.length === 0 ? [found.more ? 'too many' : 'nobody'] : table(['member', 'name', 'birth date'], rows)),
        ...(found.more ? ['There are more: ask for the first name or the number of the card.'] : []),
      ]);
      if (rows.length === 0) process.exitCode = EXIT.refused;
    });
}
