import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { awaitReceipt } from '../client/publish.ts';
import { deadLettersOf } from '../client/steps.ts';
import { contextOf } from '../context.ts';
import { CliError, EXIT, table } from '../output.ts';
import { oneOf, text } from './options.ts';

/** The commands for parked events. */
export function deadLetterCommands(program: Command): void {
  const letters = program.command('dead-letters').description('parked events: why, and what to do with them');
  letters
    .command('list')
    .description('oldest first')
    .option(
      '--status <status>',
      'open | replayed | discarded',
      oneOf('--status', 'open', 'replayed', 'discarded'),
      'open',
    )
    .action(async (o: { status: string }, command: Command) => {
      const { server, out, payerToken } = contextOf(command);
      const all = await deadLettersOf(server, payerToken(), o.status);
      out.result(
        all,
        all.length === 0
          ? [`no ${o.status} dead letters`]
          : table(
              ['id', 'reason', 'type', 'parked at'],
              all.map((l) => [l.id, l.reason, l.eventType ?? '', l.parkedAt]),
            ),
      );
    });
  letters
    .command('show')
    .description('with the original event, which may be PHI')
    .argument('<id>')
    .action(async (id: string, _o: unknown, command: Command) => {
      const { server, out, payerToken } = contextOf(command);
      const letter = await server.json<unknown>(`/events/dead-letters/${encodeURIComponent(id)}`, {
        token: payerToken(),
      });
      out.result(letter, JSON.stringify(letter, null, 2).split('\n'));
    });
  letters
    .command('replay')
    .argument('<id>')
    .option('--with <file>', 'the corrected event (or its data) as JSON; the original stays')
    .description('hand the event to intake again; says what became of it')
    .action(async (id: string, o: { with?: string }, command: Command) => {
      const { server, out, payerToken } = contextOf(command);
      const token = payerToken();
      const body = o.with === undefined ? undefined : readCorrection(o.with);
      const answer = await server.json<{ receipt: string; event: string }>(
        `/events/dead-letters/${encodeURIComponent(id)}/replay`,
        { method: 'POST', token, ...(body !== undefined && { body, headers: { 'content-type': 'application/json' } }) },
      );
      const { counts, items } = await awaitReceipt(server, token, answer.receipt, 1);
      const [item] = items;
      const outcome = item?.outcome ?? Object.keys(counts)[0] ?? 'pending';
      const why = [item?.reason, item?.deadLetter].filter((part) => part !== undefined).join(', ');
      out.result(
        {
          ...answer,
          outcome,
          ...(item?.reason !== undefined && { reason: item.reason }),
          ...(item?.deadLetter !== undefined && { deadLetter: item.deadLetter }),
        },
        [`replayed ${id}: ${outcome}${why === '' ? '' : ` (${why})`}`],
      );
      if (outcome === 'parked') process.exitCode = EXIT.refused;
      if (outcome === 'pending') process.exitCode = EXIT.unavailable;
    });
  letters
    .command('discard')
    .description('give an event up; it stays readable')
    .argument('<id>')
    .requiredOption('--reason <text>', 'why', text('--reason'))
    .action(async (id: string, o: { reason: string }, command: Command) => {
      const { server, out, payerToken } = contextOf(command);
      const answer = await server.post<unknown>(
        `/events/dead-letters/${encodeURIComponent(id)}/discard`,
        { reason: o.reason },
        { token: payerToken() },
      );
      out.result(answer, [`discarded ${id}`]);
    });
}

function readCorrection(file: string): string {
  let content: string;
  try {
    content = readFileSync(file, 'utf8');
  } catch (error) {
    throw new CliError(EXIT.usage, `${file} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
  try {
    JSON.parse(content);
  } catch {
    throw new CliError(EXIT.usage, `${file} is not JSON`);
  }
  return content;
}
