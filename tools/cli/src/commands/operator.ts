import type { Command } from 'commander';
import { contextOf, type Context } from '../context.ts';
import { CliError, EXIT } from '../output.ts';
import { explanationSentences, factRows, withheldLines, type Explanation } from './explanation.ts';
import { printList, withList, type List, type ListOptions } from './lists.ts';
import { id, instant, text } from '../options.ts';

interface View {
  readonly view: string;
  readonly version: number;
  readonly documents: number;
  readonly failure?: string;
  readonly rebuilding?: unknown;
  readonly passedOver?: number;
}
const stateOf = (v: View): string =>
  v.failure ??
  (v.rebuilding !== undefined
    ? 'rebuilding'
    : v.passedOver !== undefined
      ? `live, passed over ${v.passedOver}`
      : 'live');
const verdictText = ({ decision, reason }: Explanation['now']): string =>
  decision === 'deny' ? `deny: ${reason}` : decision;

/** The services that have views. Each answers for its own views, wherever it runs. */
const SERVICES = ['attribution', 'resources', 'export'] as const;
async function viewsOf({ server, administratorToken }: Context): Promise<Record<string, View[]>> {
  const token = administratorToken();
  return Object.fromEntries(
    await Promise.all(
      SERVICES.map(
        async (service) =>
          [service, (await server.json<{ views: View[] }>(`/ops/views/${service}`, { token })).views] as const,
      ),
    ),
  );
}

/** The commands of an operator. */
export function operatorCommands(program: Command): void {
  const views = program.command('views').description('the materialized views');
  withList(views.command('list'))
    .description('documents and state of each')
    .action(async (o: ListOptions, command: Command) => {
      const context = contextOf(command);
      const services = await viewsOf(context);
      const all: List<{ service: string; view: View }> = {
        items: Object.entries(services).flatMap(([service, list]) => list.map((view) => ({ service, view }))),
        header: ['service', 'view', 'documents', 'state'],
        row: ({ service, view }) => [service, view.view, String(view.documents), stateOf(view)],
        json: (shown) =>
          Object.fromEntries(
            Object.keys(services).map((name) => [
              name,
              shown.filter(({ service }) => service === name).map(({ view }) => view),
            ]),
          ),
        none: ['no views'],
      };
      printList(context.out, all, o);
    });
  const change = (what: 'rebuild' | 'rollback' | 'abandon', description: string, done: string): void =>
    void views
      .command(what)
      .argument('<view>', 'as `pa views list` names it')
      .description(description)
      .action(async (view: string, _o: unknown, command: Command) => {
        const context = contextOf(command);
        const { server, out, administratorToken } = context;
        const services = await viewsOf(context);
        const service = Object.entries(services).find(([, list]) => list.some((v) => v.view === view))?.[0];
        if (service === undefined)
          throw new CliError(EXIT.refused, `there is no view ${view}: \`pa views list\` names them`);
        const answer = await server.json<unknown>(`/ops/views/${service}/${encodeURIComponent(view)}/${what}`, {
          method: 'POST',
          token: administratorToken(),
          timeoutMs: 60 * 60 * 1000,
        });
        out.result(answer, [`${done} ${view}`]);
      });
  change('rebuild', 'build the view anew beside the live one, compare, swap; one that was killed goes on', 'rebuilt');
  change('rollback', 'go back to the build before the last swap, after it has caught up', 'rolled back');
  change('abandon', 'give up a rebuild', 'abandoned the rebuild of');
  program
    .command('explain')
    .description('could this client see this member, and why')
    .requiredOption('--client <id>', 'as `pa apps list` names it', text('--client'))
    .requiredOption('--member <id>', 'member id', id('--member'))
    .option('--at <instant>', 'a moment of the past (default: now)', instant('--at'))
    .option('--known <instant>', 'only what was recorded by then counts, or `now` (default: as --at)', (value) =>
      value === 'now' ? value : instant('--known')(value),
    )
    .action(async (o: { client: string; member: string; at?: string; known?: string }, command: Command) => {
      const { server, out, administratorToken } = contextOf(command);
      const { client, member, at, known } = o;
      const asked = { client, member, ...(at !== undefined && { at }), ...(known !== undefined && { known }) };
      const token = administratorToken();
      const answer = await server.json<Explanation>(`/ops/explain?${new URLSearchParams(asked)}`, { token });
      const [decided, change] = explanationSentences(answer);
      const { words = [], survivor } = answer;
      out.result({ ...answer, sentences: [decided, change] }, [
        decided,
        change,
        ...(survivor === undefined
          ? []
          : [`A merge retired the id. ${survivor.member} stays: ${verdictText(survivor)}.`]),
        ...words,
        ...(o.at === undefined ? [] : [`That is the decision at ${answer.at}; now it is ${verdictText(answer.now)}.`]),
        '',
        ...factRows(answer),
        ...withheldLines(answer),
      ]);
    });
}
