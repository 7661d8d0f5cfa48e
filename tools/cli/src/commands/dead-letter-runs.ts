import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import { contextOf } from '../context.ts';
import { readJson } from '../json-file.ts';
import { CliError, EXIT, table } from '../output.ts';
import { text } from '../options.ts';
import { printList, withList, type List, type ListOptions } from './lists.ts';

interface Cause {
  readonly cause: string;
  readonly reason: string;
  readonly detail: string;
  readonly eventType?: string;
  readonly count: number;
  readonly isMore: boolean;
  readonly newest: string;
}
interface Run {
  readonly id: string;
  readonly status: 'running' | 'done' | 'stopped';
  readonly taken: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly failures: readonly {
    readonly deadLetter: string;
    readonly reason: string;
    readonly detail?: string;
    readonly again?: string;
  }[];
}
const PATH = '/events/dead-letters';
/** ms between two looks at a run. */
const LOOK_MS = 500;

/** The commands for dead letters with one cause. */
export function causeCommands(letters: Command): void {
  withList(letters.command('causes'))
    .description('why events are dead letters, with how many there are of each cause')
    .action(async (o: ListOptions, command: Command) => {
      const { server, out, payerToken } = contextOf(command);
      const items: Cause[] = [];
      for (let after: string | undefined = ''; after !== undefined;) {
        const query: string = after === '' ? '' : `?${new URLSearchParams({ after })}`;
        const page = await server.json<{ causes: Cause[]; next?: string }>(`${PATH}/causes${query}`, {
          token: payerToken(),
        });
        items.push(...page.causes);
        after = o.limit !== undefined && items.length >= o.limit ? undefined : page.next;
      }
      const list: List<Cause> = {
        items,
        header: ['cause', 'open', 'type', 'newest', 'detail'],
        row: (c) => [c.cause, `${c.count}${c.isMore ? '+' : ''}`, c.eventType ?? '', c.newest, c.detail],
        none: ['no open dead letters'],
      };
      printList(out, list, o);
    });
  letters
    .command('resolve')
    .description('correct, replay or discard every open dead letter of a cause; goes on if you interrupt it')
    .argument('<cause>', 'as `causes` shows it')
    .option('--patch <file>', 'the correction of each event: a JSON Patch (RFC 6902) of its data', text('--patch'))
    .option('--discard <reason>', 'give them up instead, and why', text('--discard'))
    .action(async (cause: string, o: { patch?: string; discard?: string }, command: Command) => {
      const { server, out, payerToken } = contextOf(command);
      if (o.patch !== undefined && o.discard !== undefined)
        throw new CliError(EXIT.usage, 'choose one of --patch and --discard');
      const token = payerToken();
      const what =
        o.discard === undefined
          ? { action: 'replay', ...(o.patch !== undefined && { patch: JSON.parse(readJson(o.patch)) as unknown }) }
          : { action: 'discard', reason: o.discard };
      let run = await server.post<Run>(`${PATH}/runs`, { cause, ...what }, { token });
      const progress = out.progress('resolving');
      while (run.status === 'running') {
        progress.update(`${run.taken} handled`);
        await delay(LOOK_MS);
        run = await server.json<Run>(`${PATH}/runs/${run.id}`, { token });
      }
      const counts = Object.entries(run.counts).map(([outcome, n]) => `${n} ${outcome}`);
      out.result(run, [
        `${run.taken} handled: ${counts.join(', ') || 'none'}.`,
        ...(run.failures.length === 0
          ? []
          : table(
              ['id', 'reason', 'what is wrong'],
              run.failures.map(({ deadLetter, reason, detail, again }) => [deadLetter, reason, detail ?? again ?? '']),
            )),
      ]);
      if (run.failures.length > 0) process.exitCode = EXIT.refused;
    });
}
