import type { Command } from 'commander';
import { isId } from '@provider-access/fhir';
import { readManifest } from '../client/manifest.ts';
import { faultOf } from '../client/server.ts';
import { tokenSource, withApp } from '../app-options.ts';
import { type AppOptions, contextOf } from '../context.ts';
import { CliError, EXIT, table } from '../output.ts';
import { printList, withList, type List, type ListOptions } from './lists.ts';

/** An export or a match as `GET /fhir/bulk` answers it. */
interface ListedExport {
  readonly id: string;
  readonly url: string;
  readonly group: string;
  readonly request: string;
  readonly requestedAt: string;
  readonly state: string;
  readonly progress?: string;
  readonly message?: string;
  readonly transactionTime?: string;
  readonly expiresAt?: string;
}

const PATH = '/fhir/bulk';
/** The id of an export, also from its status URL, which export.json and other clients keep. */
function exportId(text: string): string {
  const id = text.startsWith('http') ? (/\/fhir\/bulk\/([^/?#]+)$/.exec(text)?.[1] ?? '') : text;
  if (!isId(id))
    throw new CliError(EXIT.usage, `${text} is not the id or the status URL of an export: \`pa exports\` names them`);
  return id;
}
const stateOf = ({ state, progress }: ListedExport): string =>
  progress === undefined ? state : `${state}: ${progress}`;

const kindOf = ({ request }: ListedExport): string => (request.includes('$provider-member-match') ? 'match' : 'export');

async function list(o: AppOptions & ListOptions, command: Command): Promise<void> {
  const context = contextOf(command);
  const answer = await context.server.json<{ total: number; exports: ListedExport[] }>(PATH, {
    token: await tokenSource(context, o).get(),
  });
  const rows: List<ListedExport> = {
    items: answer.exports,
    header: ['id', 'requested', 'group', 'state', 'until', 'kind'],
    row: (e) => [e.id, e.requestedAt, e.group, stateOf(e), e.expiresAt ?? '', kindOf(e)],
    timeOf: (e) => e.requestedAt,
    none: ['This app has no exports or matches on the platform. `pa export` and `pa match` start one.'],
  };
  printList(context.out, rows, o);
  if (answer.total > answer.exports.length)
    context.out.note(`The platform lists the newest ${answer.exports.length} of ${answer.total} exports and matches.`);
}

async function show(text: string, o: AppOptions, command: Command): Promise<void> {
  const context = contextOf(command);
  const id = exportId(text);
  const answer = await context.server.call(`${PATH}/${id}`, {
    token: await tokenSource(context, o).get(),
    headers: { accept: 'application/json' },
    accept: [500],
  });
  if (answer.status === 500) {
    const message = faultOf(answer.status, answer.text);
    return context.out.result({ id, state: 'failed', message }, [message]);
  }
  if (answer.status === 202) {
    const progress = answer.headers.get('x-progress') ?? 'accepted';
    return context.out.result({ id, state: 'running', progress }, [`It runs: ${progress}.`]);
  }
  const manifest = JSON.parse(answer.text) as { readonly request?: string; readonly transactionTime: string };
  const lists = readManifest(answer.text);
  const expires = answer.headers.get('expires');
  const expiresAt = expires === null ? undefined : new Date(expires).toISOString();
  const files = (['output', 'deleted', 'error'] as const).flatMap((kind) =>
    (lists[kind] ?? []).map((file) => [kind, file.type, String(file.count ?? ''), file.url]),
  );
  context.out.result({ id, state: 'complete', ...(expiresAt !== undefined && { expiresAt }), manifest }, [
    `It is complete${expiresAt === undefined ? '' : `, and its files are there until ${expiresAt}`}.`,
    ...(manifest.request === undefined ? [] : [`request ${manifest.request}`]),
    `transactionTime ${manifest.transactionTime}`,
    ...(files.length === 0
      ? ['It has no file that this app may see now.']
      : ['', ...table(['kind', 'type', 'count', 'url'], files)]),
  ]);
}

async function cancel(text: string, o: AppOptions, command: Command): Promise<void> {
  const context = contextOf(command);
  const id = exportId(text);
  await context.server.call(`${PATH}/${id}`, { method: 'DELETE', token: await tokenSource(context, o).get() });
  context.out.result({ id, deleted: true }, [`${id} and its files are deleted.`]);
}

/** `pa exports`: what the platform keeps for an app. `pa export` and `pa match` start it and download it. */
export function exportsCommands(program: Command): void {
  const exports = program.command('exports').description("this app's own exports and matches on the platform");
  withList(withApp(exports.command('list', { isDefault: true })), 'kick-off')
    .description('the exports and matches that run or have files, newest first; `pa exports` alone does the same')
    .action(list);
  withApp(exports.command('show'))
    .argument('<export>', 'id, as `pa exports` names it, or status URL')
    .description('how far an export or a match is, or its files and until when they are there')
    .action(show);
  withApp(exports.command('cancel'))
    .argument('<export>', 'id, as `pa exports` names it, or status URL')
    .description('end an export or a match that runs, or delete the files of a complete one')
    .action(cancel);
}
