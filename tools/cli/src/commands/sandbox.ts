import type { Command } from 'commander';
import { setTimeout as delay } from 'node:timers/promises';
import { contextOf, type Context } from '../context.ts';
import { CliError, EXIT, table } from '../output.ts';

/** The answer of `GET /ops/sandbox` (tools/sandbox). */
interface State {
  readonly status: 'starting' | 'publishing' | 'ready';
  readonly members?: number;
  readonly history?: { readonly status: 'publishing' | 'complete'; readonly published: number; readonly of?: number };
  readonly clients?: readonly {
    readonly client_id: string;
    readonly name: string;
    readonly npi: string;
    readonly pem: string;
  }[];
}
const LOOK_EVERY_MS = 500;

/** Only `npm start -- --sandbox` has these routes: the services of a cluster cannot delete topics and databases. */
async function ask({ server, administratorToken }: Context, method: 'GET' | 'POST', path: string): Promise<State> {
  const { status, text } = await server.call(path, { method, token: administratorToken(), accept: [404] });
  if (status === 404)
    throw new CliError(
      EXIT.refused,
      `${server.base} is no sandbox of \`npm start -- --sandbox\`, so it has no state to show and cannot be reset. ` +
        'A sandbox in a cluster starts over with another topic prefix, another database and an empty place for ' +
        'files, as the page about sandboxes says',
    );
  return JSON.parse(text) as State;
}
const stateOf = (context: Context): Promise<State> => ask(context, 'GET', '/ops/sandbox');

function report({ out }: Context, state: State): void {
  out.result(state, [
    `The sandbox is ${state.status}${state.members === undefined ? '' : `; its payer has ${state.members} members`}.`,
    ...(state.history?.status === 'publishing' && state.history.of !== undefined
      ? [`Its history is being published: ${state.history.published} of ${state.history.of} events.`]
      : []),
    ...table(
      ['client', 'name', 'NPI', 'key'],
      (state.clients ?? []).map((client) => [client.client_id, client.name, client.npi, client.pem]),
    ),
  ]);
}

/** `pa sandbox`: for `npm start -- --sandbox`. */
export function sandboxCommands(program: Command): void {
  const sandbox = program.command('sandbox').description('a sandbox of `npm start -- --sandbox`');
  sandbox
    .command('show')
    .description('whether the sandbox is ready, and its clients')
    .action(async (_options: unknown, command: Command) => {
      const context = contextOf(command);
      report(context, await stateOf(context));
    });
  sandbox
    .command('reset')
    .description('deletes everything in the sandbox and starts it over with the same synthetic payer')
    .option('--wait <s>', 'how long to wait until it is ready again, in seconds', '300')
    .action(async ({ wait }: { wait: string }, command: Command) => {
      const context = contextOf(command);
      const deadline = Date.now() + Number(wait) * 1000;
      if (Number.isNaN(deadline)) throw new CliError(EXIT.usage, '--wait is a number of seconds');
      await ask(context, 'POST', '/ops/sandbox/reset');
      for (;;) {
        await delay(LOOK_EVERY_MS);
        // The sandbox cannot be reached while it starts.
        const state = await stateOf(context).catch((error: unknown): State => {
          if (error instanceof CliError && error.code === EXIT.unavailable) return { status: 'starting' };
          throw error;
        });
        if (state.status === 'ready') return report(context, state);
        if (Date.now() >= deadline)
          throw new CliError(EXIT.unavailable, `the sandbox is still ${state.status} after ${wait} s`);
      }
    });
}
