import type { Command } from 'commander';
import { awaitReceipt } from '../client/publish.ts';
import { deadLettersOf, type Letter } from '../client/steps.ts';
import { contextOf, type Context } from '../context.ts';
import { CliError, EXIT, table } from '../output.ts';
import { causeCommands } from './dead-letter-runs.ts';
import { readJson } from '../json-file.ts';
import { atLeastOne, printList, withList, type List, type ListOptions } from './lists.ts';
import { oneOf, text } from '../options.ts';

interface Replayed {
  readonly id: string;
  readonly outcome: string;
  readonly event?: string;
  readonly receipt?: string;
  readonly reason?: string;
  readonly deadLetter?: string;
}

async function replay({ server }: Context, token: string, id: string, body?: string): Promise<Replayed> {
  const answer = await server.json<{ receipt: string; event: string }>(
    `/events/dead-letters/${encodeURIComponent(id)}/replay`,
    { method: 'POST', token, ...(body !== undefined && { body, headers: { 'content-type': 'application/json' } }) },
  );
  const { counts, items } = await awaitReceipt(server, token, answer.receipt, 1);
  const [item] = items;
  return {
    id,
    ...answer,
    outcome: item?.outcome ?? Object.keys(counts)[0] ?? 'pending',
    ...(item?.reason !== undefined && { reason: item.reason }),
    ...(item?.deadLetter !== undefined && { deadLetter: item.deadLetter }),
  };
}
const discard = ({ server }: Context, token: string, id: string, reason: string): Promise<unknown> =>
  server.post<unknown>(`/events/dead-letters/${encodeURIComponent(id)}/discard`, { reason }, { token });

const whyOf = ({ reason, deadLetter }: Replayed): string =>
  [reason, deadLetter].filter((part) => part !== undefined).join(', ');
function exitBy(replayed: readonly Replayed[]): void {
  if (replayed.some(({ outcome }) => outcome === 'parked')) process.exitCode = EXIT.refused;
  else if (replayed.some(({ outcome }) => outcome === 'pending')) process.exitCode = EXIT.unavailable;
}

interface Many {
  readonly all?: string;
  readonly limit?: number;
}
/** The open dead letters that the command line names: one by its id, or all that were parked for one reason. */
async function chosen(context: Context, token: string, id: string | undefined, o: Many): Promise<readonly string[]> {
  if ((id === undefined) === (o.all === undefined))
    throw new CliError(EXIT.usage, 'name one dead letter by its id, or many with --all REASON');
  if (id !== undefined) return [id];
  const open = await deadLettersOf(context.server, token, 'open');
  const found = open.filter(({ reason }) => reason === o.all).map((letter) => letter.id);
  if (found.length === 0) {
    const reasons = [...new Set(open.map(({ reason }) => reason))].sort().join(', ');
    throw new CliError(
      EXIT.refused,
      `no open dead letter has the reason ${o.all}. Reasons of open ones: ${reasons || 'none is open'}`,
    );
  }
  return found.slice(0, o.limit ?? found.length);
}
const withMany = (command: Command): Command =>
  command
    .argument('[id]', 'one dead letter')
    .option('--all <reason>', 'every open dead letter with this reason, as `list` shows it', text('--all'))
    .option('--limit <n>', 'with --all: at most so many, oldest first', atLeastOne);

/** The commands for parked events. */
export function deadLetterCommands(program: Command): void {
  const letters = program.command('dead-letters').description('parked events: why, and what to do with them');
  withList(letters.command('list'), 'time of parking')
    .description('oldest first')
    .option(
      '--status <status>',
      'open | replayed | discarded',
      oneOf('--status', 'open', 'replayed', 'discarded'),
      'open',
    )
    .action(async (o: ListOptions & { status: string }, command: Command) => {
      const { server, out, payerToken } = contextOf(command);
      const list: List<Letter> = {
        items: await deadLettersOf(server, payerToken(), o.status),
        header: ['id', 'reason', 'type', 'parked at', 'detail'],
        row: (l) => [l.id, l.reason, l.eventType ?? '', l.parkedAt, l.detail],
        timeOf: (l) => l.parkedAt,
        none: [`no ${o.status} dead letters`],
      };
      printList(out, list, o);
    });
  causeCommands(letters);
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
  withMany(letters.command('replay'))
    .option('--with <file>', 'the corrected event (or its data) as JSON; the original stays')
    .description('hand events to intake again; says what became of each')
    .action(async (id: string | undefined, o: Many & { with?: string }, command: Command) => {
      const context = contextOf(command);
      if (o.with !== undefined && o.all !== undefined)
        throw new CliError(EXIT.usage, '--with corrects one dead letter: name it by its id');
      const token = context.payerToken();
      const body = o.with === undefined ? undefined : readJson(o.with);
      const replayed: Replayed[] = [];
      const progress = context.out.progress('replaying');
      for (const each of await chosen(context, token, id, o)) {
        replayed.push(await replay(context, token, each, body));
        if (o.all !== undefined) progress.update(`${replayed.length} replayed`);
      }
      const [first] = replayed;
      if (id !== undefined && first !== undefined) {
        const why = whyOf(first);
        context.out.result(first, [`replayed ${id}: ${first.outcome}${why === '' ? '' : ` (${why})`}`]);
      } else {
        const counts = new Map<string, number>();
        for (const { outcome } of replayed) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
        const told = [...counts].map(([outcome, count]) => `${count} ${outcome}`).join(', ');
        context.out.result(replayed, [
          `${replayed.length} replayed: ${told}.`,
          ...table(
            ['id', 'outcome', 'why'],
            replayed.map((r) => [r.id, r.outcome, whyOf(r)]),
          ),
        ]);
      }
      exitBy(replayed);
    });
  withMany(letters.command('discard'))
    .description('give events up; they stay readable')
    .requiredOption('--reason <text>', 'why', text('--reason'))
    .action(async (id: string | undefined, o: Many & { reason: string }, command: Command) => {
      const context = contextOf(command);
      const token = context.payerToken();
      const answers: unknown[] = [];
      const ids = await chosen(context, token, id, o);
      for (const each of ids) answers.push(await discard(context, token, each, o.reason));
      context.out.result(id === undefined ? answers : answers[0], [
        id === undefined ? `${ids.length} discarded.` : `discarded ${id}`,
      ]);
    });
}
