import type { Command } from 'commander';
import { contextOf, type Context } from '../context.ts';
import type { Undone } from '@provider-access/full-files';
import { batchNamed, undoBatch } from '../full/undo.ts';
import { afterInterrupt, PUBLISH_STOPPED } from '../interrupt.ts';
import { table } from '../output.ts';
import { deniedAt, givenOf, releasedAmong } from '../releases/given.ts';

/** A release that only the undone import permitted. */
interface Access {
  readonly member: string;
  readonly at: string;
  readonly client: string;
  readonly app?: string;
  readonly action: string;
  readonly types?: readonly string[];
  readonly resources?: number;
  readonly job?: string;
  readonly file?: string;
}
const SHOWN = 20;

/**
 * The releases since the import that nothing permits now that it is undone (A77): the decision for the app at the
 * moment of the release denies.
 */
export async function accessOf(
  context: Pick<Context, 'server' | 'administratorToken'>,
  { given, since }: Undone,
): Promise<readonly Access[]> {
  const token = context.administratorToken();
  const found: Access[] = [];
  for await (const member of releasedAmong(context, token, given, since!))
    for await (const { id: _id, outcome: _outcome, agent, query: _query, ...one } of givenOf(context, token, {
      member,
      since: since!,
    }))
      if ((await deniedAt(context, token, { client: one.client, member, at: one.at })) !== undefined)
        found.push({ ...one, member, ...(agent !== undefined && { app: agent.name }) });
  return found;
}

const linesOf = ({ batch, by, rows, kept }: Undone, access: readonly Access[]): string[] => [
  rows === 0
    ? `No row is as ${batch} stated it. Nothing changed.`
    : `${rows} rows are as they were before ${batch}. The undo is ${by}.`,
  ...(kept === 0 ? [] : [`${kept} rows stay, because a later import changed them.`]),
  ...(rows === 0
    ? []
    : batch.startsWith('network.')
      ? ['A network opens lists, so its accesses are not listed by member: ask pa audit for the apps of the providers.']
      : access.length === 0
        ? ['Nobody used an access that only this import gave.']
        : [
            `${access.length} accesses that only this import gave:`,
            ...table(
              ['at', 'member', 'app', 'action', 'resources', 'of'],
              access
                .slice(0, SHOWN)
                .map((a) => [
                  a.at,
                  a.member,
                  a.app ?? a.client,
                  a.action,
                  String(a.resources ?? '?'),
                  (a.types ?? []).join(' '),
                ]),
            ),
            ...(access.length > SHOWN ? [`… ${access.length - SHOWN} more with --json`] : []),
          ]),
];

/** `pa undo`: takes a full import back. */
export function undoCommand(program: Command): void {
  program
    .command('undo')
    .argument('<batch>', 'as `pa import --full` printed it')
    .description('take a full import back by new events, and list the access that it gave meanwhile')
    .addHelpText(
      'after',
      `
Rows that a later import changed stay. Needs the payer token, and the administrator token for the list of accesses.`,
    )
    .action(async (named: string, _options: unknown, command: Command) => {
      const batch = batchNamed(named);
      const context = contextOf(command);
      const { server, out, payerToken } = context;
      // Before anything changes: the list of accesses needs it.
      context.administratorToken();
      afterInterrupt(PUBLISH_STOPPED);
      const progress = out.progress('undoing');
      const undone = await undoBatch(batch, { server, token: payerToken() }, (text) => progress.update(text));
      try {
        progress.done(`${undone.rows} rows`);
        const access = undone.rows === 0 ? [] : await accessOf(context, undone);
        const { given: _given, close: _close, ...about } = undone;
        out.result({ ...about, access }, linesOf(undone, access));
      } finally {
        undone.close();
      }
    });
}
