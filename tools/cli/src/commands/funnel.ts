import type { Command } from 'commander';
import { DECISION_STEPS } from '@provider-access/domain/access';
import { contextOf, type Context } from '../context.ts';
import { id, oneOf, text } from '../options.ts';
import { table } from '../output.ts';

interface Step {
  readonly step: string;
  readonly members: number;
  /** By reason. */
  readonly lost: Readonly<Record<string, number>>;
}
/** An answer of `GET /ops/lists/{group}/funnel` (docs/engineer-page.md#why-is-this-group-empty). */
interface Funnel {
  readonly group: string;
  readonly providers: readonly string[];
  readonly apps: readonly { readonly client: string; readonly name: string; readonly status: string }[];
  readonly steps: readonly Step[];
  readonly members?: readonly { readonly member: string; readonly reason?: string }[];
  readonly exportsFrom?: string;
  readonly next?: string;
}
interface FunnelOptions {
  readonly group: string;
  readonly client?: string;
  readonly step?: string;
}

const STEPS = ['listed', ...DECISION_STEPS.map(([step]) => step), 'exported'];
/** An answer of a large Group decides for 2,000 members. */
const ANSWER_MS = 10 * 60_000;

/** The numbers of all answers, because the server looks at some members an answer. */
async function whole({ server, administratorToken }: Context, { group, client, step }: FunnelOptions): Promise<Funnel> {
  const token = administratorToken();
  const query = new URLSearchParams({ ...(client !== undefined && { client }), ...(step !== undefined && { step }) });
  let sum: Funnel | undefined;
  const first = `/ops/lists/${group}/funnel${query.size === 0 ? '' : `?${query}`}`;
  for (let path: string | undefined = first; path !== undefined;) {
    const { next, ...page }: Funnel = await server.json<Funnel>(path, { token, timeoutMs: ANSWER_MS });
    sum = sum === undefined ? page : added(sum, page);
    path = next;
  }
  return sum!;
}
function added(before: Funnel, more: Funnel): Funnel {
  const members = [...(before.members ?? []), ...(more.members ?? [])];
  return {
    ...more,
    steps: more.steps.map(({ step, members: count, lost }, n) => {
      const other = before.steps[n]!;
      const sum: Record<string, number> = { ...other.lost };
      for (const [reason, one] of Object.entries(lost)) sum[reason] = (sum[reason] ?? 0) + one;
      return { step, members: count + other.members, lost: sum };
    }),
    ...(more.members !== undefined && { members }),
  };
}

/** Why a Group is empty: the same as the page of the payer's engineer. */
export function funnelCommand(program: Command): void {
  program
    .command('funnel')
    .description('where the members of a Group are lost on the way to an app, and why')
    .requiredOption('--group <id>', 'the Group, as `pa feeds --lists` or the app names it', id('--group'))
    .option('--client <id>', 'decide for this app (default: any app of the providers)', text('--client'))
    .option('--step <step>', `name the members whom this step loses: ${STEPS.join(', ')}`, oneOf('--step', ...STEPS))
    .action(async (o: FunnelOptions, command: Command) => {
      const context = contextOf(command);
      const { apps, steps, members, exportsFrom, ...rest } = await whole(context, o);
      const lostOf = (lost: Step['lost']): string =>
        Object.entries(lost)
          .filter(([, count]) => count > 0)
          .map(([reason, count]) => `${count} ${reason}`)
          .join(', ');
      context.out.result(
        { ...rest, apps, steps, ...(exportsFrom !== undefined && { exportsFrom }), ...(members && { members }) },
        [
          ...(members === undefined
            ? table(
                ['step', 'members', 'lost'],
                steps.map(({ step, members: count, lost }) => [step, String(count), lostOf(lost)]),
              )
            : table(
                ['member', 'reason'],
                members.map(({ member, reason }) => [member, reason ?? '']),
              )),
          '',
          ...(apps.length === 0
            ? ['No app acts for a provider of the Group.']
            : [`Apps: ${apps.map(({ name, client, status }) => `${name} (${client}, ${status})`).join(', ')}`]),
          ...(exportsFrom === undefined ? [] : [`Downloads are known from ${exportsFrom} on.`]),
        ],
      );
    });
}
