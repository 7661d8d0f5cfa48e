import type { Command } from 'commander';
import { tokenSource, withApp } from '../app-options.ts';
import { type AppOptions, contextOf } from '../context.ts';
import { printList, withList, type ListOptions } from './lists.ts';

/** A row of `GET /refusals`. */
interface Refusal {
  readonly day: string;
  readonly action: string;
  readonly status: number;
  readonly code: string;
  readonly type?: string;
  readonly count: number;
  /** RFC 3339. */
  readonly last: string;
  readonly cure: string;
}

/** What was refused to the provider's own app in the last 30 days, with the cure of each (docs/refusals.md). */
export function refusalsCommand(program: Command): void {
  withList(withApp(program.command('refusals')), 'last refusal')
    .description('what was refused to your app in the last 30 days, and what cures it')
    .action(async (o: AppOptions & ListOptions, command: Command) => {
      const context = contextOf(command);
      const token = await tokenSource(context, o).get();
      const { from, to, refusals } = await context.server.json<{
        readonly from: string;
        readonly to: string;
        readonly refusals: readonly Refusal[];
      }>('/refusals', { token });
      printList(
        context.out,
        {
          items: refusals,
          header: ['day', 'action', 'status', 'count', 'cure'],
          row: ({ day, action, type, status, code, count, cure }) => [
            day,
            type === undefined ? action : `${action} ${type}`,
            `${status} ${code}`,
            String(count),
            cure,
          ],
          timeOf: ({ last }) => last,
          none: [`Nothing was refused from ${from} to ${to} (UTC).`],
        },
        o,
      );
    });
}
