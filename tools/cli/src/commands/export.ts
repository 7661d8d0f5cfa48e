import { type Command, Option } from 'commander';
import {
  EXPORT_PARAMETERS,
  EXPORT_TYPES,
  type ExportOperation,
  type ExportParameter,
  LIST_TYPES,
} from '@provider-access/domain/pdex';
import { isInstant } from '@provider-access/fhir';
import { type AskedParameter, bulkExport, ExportEnded, type BulkOptions, type BulkResult } from '../client/bulk.ts';
import { ExportFolder, typesOf, type Series } from '../client/export-folder.ts';
import { PATIENCE_MS } from '../client/patience.ts';
import { groupsOf } from '../client/steps.ts';
import type { TokenSource } from '../client/token.ts';
import { appOf, tokenSource, withApp } from '../app-options.ts';
import { type AppOptions, contextOf, type Context } from '../context.ts';
import { afterInterrupt, EXPORT_STOPPED } from '../interrupt.ts';
import { CliError, EXIT, table } from '../output.ts';
import { emptyLines, sizeOf } from './empty.ts';
import { npi } from '../options.ts';

const secondsOf = (text: string): number => {
  if (!/^\d+$/.test(text)) throw new CliError(EXIT.usage, `--patience ${text}: give whole seconds, for example 300`);
  return Number(text);
};
const LAST = 'last';
const sinceOf = (text: string): string => {
  if (text !== LAST && !isInstant(text))
    throw new CliError(
      EXIT.usage,
      `--since ${text}: give the transactionTime of an export, such as 2026-01-31T10:00:00Z, or \`last\``,
    );
  return text;
};

function patientsOf(text: string): string {
  // Nobody must not become everybody.
  if (text.split(',').every((id) => id.trim() === ''))
    throw new CliError(EXIT.usage, '--patient names nobody: give ids of patients, for example --patient m-1,m-2');
  return text;
}

const untilOf = (text: string): string => {
  if (!isInstant(text))
    throw new CliError(EXIT.usage, `--until ${text}: give an instant, such as 2026-01-31T10:00:00Z`);
  return text;
};

/** The full code, which a short name stands for as well. */
function exportTypeOf(text: string): string {
  const found = Object.entries(EXPORT_TYPES).find((codes) => (codes as readonly string[]).includes(text));
  if (found !== undefined) return found[1];
  const known = Object.keys(EXPORT_TYPES).join(', ');
  throw new CliError(EXIT.usage, `--export-type ${text}: give one of ${known}, or the full code of one`);
}

interface ExportOptions extends AppOptions {
  readonly group?: string;
  readonly npi?: string;
  readonly out: string;
  readonly since?: string;
  readonly type?: string;
  readonly until?: string;
  readonly exportType?: string;
  readonly davinci?: boolean;
  readonly resume?: boolean;
  readonly new?: boolean;
  readonly patience: number;
}

/** The parameters that have an option. */
const WITH_OPTION = (EXPORT_PARAMETERS as readonly ExportParameter[]).flatMap(({ name, value, operations, option }) =>
  'none' in option ? [] : [{ name, value, operations, option, key: keyOf(option.flags) }],
);
/** The name under which commander keeps an option. */
function keyOf(flags: string): string {
  return new Option(flags).attributeName();
}
/** Short parameters of an export by GET. */
const IN_URL: ReadonlySet<string> = new Set(['_type', '_since']);

/** The types that the options name. A member list must name its types, and has them all by default. */
const typeOf = ({ type, exportType }: ExportOptions): string | undefined =>
  type ?? (exportType === EXPORT_TYPES['attribution-list'] ? LIST_TYPES.join(',') : undefined);

/** The operation that has all parameters. `$export` is the default. */
function operationOf(o: ExportOptions): ExportOperation {
  const asked = new Set(asksOf(o).map(({ name }) => name));
  const lacking = WITH_OPTION.some(({ name, operations }) => asked.has(name) && !operations.includes('$export'));
  return o.davinci === true || lacking ? '$davinci-data-export' : '$export';
}

/** Parameters that a URL cannot have, or that may be long. */
function asksOf(o: ExportOptions): readonly AskedParameter[] {
  return WITH_OPTION.flatMap(({ name, value, key }): readonly AskedParameter[] => {
    const text = (o as unknown as Readonly<Record<string, string | undefined>>)[key];
    if (text === undefined || IN_URL.has(name)) return [];
    if (value !== 'Reference') return [{ name, value: { valueString: text } }];
    const ids = text.split(',').map((id) => id.trim());
    return ids
      .filter((id) => id !== '')
      .map((id) => ({ name, value: { valueReference: { reference: id.includes('/') ? id : `Patient/${id}` } } }));
  });
}

/** The Group that the options name. A provider with several contracts has several. */
async function groupOf({ group, npi }: ExportOptions, { server }: Context, tokens: TokenSource): Promise<string> {
  if ((group === undefined) === (npi === undefined))
    throw new CliError(EXIT.usage, 'name the Group: --group ID, as `pa groups` prints it, or --npi NPI, one of them');
  if (group !== undefined) return group;
  const [only, ...others] = await groupsOf(server, tokens, npi);
  if (only === undefined)
    throw new CliError(EXIT.refused, `no Group of NPI ${npi}: \`pa groups\` says which there are`);
  if (others.length > 0)
    throw new CliError(
      EXIT.usage,
      `NPI ${npi} has several Groups, choose one with --group: ${[only, ...others].map(({ id }) => id).join(', ')}`,
    );
  return only.id;
}

/**
 * Makes room for the export that the options ask for. @returns the `_since` of it
 * @throws CliError if the folder holds a finished export and no option says what to do with it
 */
function prepare(
  folder: ExportFolder,
  o: Pick<ExportOptions, 'new' | 'resume' | 'since'>,
  series: Series,
  note: (line: string) => void,
) {
  const state = folder.load();
  const finished = ExportFolder.finished(state);
  // A process that was killed after the last file has not remembered it.
  if (finished) folder.remember(state);
  const since = o.since === LAST ? folder.lastOf(series) : o.since;
  if (state !== undefined && (o.new === true || (finished && o.since === LAST)))
    note(`The earlier export is now in ${folder.path}/${folder.archive(state)}.`);
  else if (finished && o.resume !== true)
    throw new CliError(
      EXIT.finished,
      `${folder.path} holds a finished export of Group ${state.group} (transactionTime ` +
        `${state.manifest.transactionTime}, ${state.files.length} files). Nothing was requested.\n` +
        '--since last exports what changed since, --new exports everything again, --resume shows the finished one.',
    );
  // What is unfinished covers at least as much, because the remembered time changes only when an export is finished.
  else if (state !== undefined && o.since === LAST && state.series?.group === series.group) return state.since;
  if (o.since === LAST && since === undefined)
    note(`No earlier export of Group ${series.group} is remembered in ${folder.path}: everything is exported.`);
  return since;
}

/** An export of some patients is another series than one of everybody. The end of its time makes no other series. */
const seriesOf = (o: ExportOptions): string =>
  [typesOf(typeOf(o)), ...asksOf(o).flatMap((each) => (each.name === '_until' ? [] : JSON.stringify(each)))]
    .join(' ')
    .trim();

async function exportGroup(o: ExportOptions, command: Command): Promise<void> {
  if (o.resume === true && (o.new === true || o.since === LAST))
    throw new CliError(EXIT.usage, '--resume continues the export of the folder: leave out --new and --since last');
  const context = contextOf(command);
  const { server, out } = context;
  const { clientId, scope } = appOf(o);
  const tokens = tokenSource(context, o);
  const group = await groupOf(o, context, tokens);
  const series: Series = { server: server.base, client: clientId, scope, group, types: seriesOf(o) };
  const folder = new ExportFolder(o.out);
  if (folder.create().open)
    out.note(
      `Others can look into ${o.out}. The files of the export are readable by you only; chmod 700 hides the names.`,
    );
  const since = prepare(folder, o, series, out.note);
  afterInterrupt(EXPORT_STOPPED);
  const progress = out.progress('export');
  const options = (from: string | undefined): BulkOptions => ({
    server,
    token: (refused) => tokens.get(refused),
    patienceMs: o.patience * 1000,
    group,
    out: o.out,
    since: from,
    until: o.until,
    types: typeOf(o),
    asks: asksOf(o),
    series,
    operation: operationOf(o),
    onProgress: (text) => progress.update(text),
  });
  let asked = since;
  let result: BulkResult;
  try {
    result = await bulkExport(options(since));
  } catch (error) {
    const state = folder.load();
    // A job that runs every night must not fail for ever because one of its exports expired or failed.
    if (o.since !== LAST || !(error instanceof ExportEnded) || state === undefined) throw error;
    out.note(`${error.message}: it starts again. What there is of it is in ${o.out}/${folder.archive(state)}.`);
    asked = folder.lastOf(series);
    result = await bulkExport(options(asked));
  }
  const { manifest, files, status } = result;
  const state = folder.load();
  if (ExportFolder.finished(state)) folder.remember(state);
  progress.done(`${files.length} files, ${(result.bytes / 1e6).toFixed(1)} MB`);
  const empty = files.every(({ kind }) => kind !== 'output')
    ? emptyLines({ group, since: asked, types: typeOf(o) }, await sizeOf(server, await tokens.get(), group))
    : [];
  out.result({ transactionTime: manifest.transactionTime, status, files, ...(empty.length > 0 && { empty }) }, [
    ...empty,
    ...(files.length === 0
      ? []
      : table(
          ['type', 'count', 'file'],
          files.map((f) => [f.type, String(f.count ?? ''), f.file]),
        )),
    `transactionTime ${manifest.transactionTime}: --since last asks for what changes from then on`,
  ]);
}

/** How an option's text is read. Others are sent as they are. */
const READERS: Readonly<Record<string, (text: string) => string>> = {
  _since: sinceOf,
  _until: untilOf,
  patient: patientsOf,
  exportType: exportTypeOf,
};
/** The options of the parameters that the platform takes. */
function withParameters(command: Command): Command {
  for (const { name, option } of WITH_OPTION)
    command.option(option.flags, option.text, READERS[name] ?? ((text: string) => text));
  return command;
}

/** `pa export`: one Group into a folder. */
export function exportCommand(program: Command): void {
  const command = withApp(program.command('export'))
    .description('export a Group and download it; run again to go on where it stopped')
    .option('--group <id>', 'as `pa groups` names it')
    .option('--npi <npi>', 'the Group of this provider, instead of --group', npi)
    .requiredOption('--out <dir>', 'folder of the files, made for you alone');
  withParameters(command)
    .option('--resume', 'continue the export of the folder, or show it if it is finished')
    .option('--new', 'start a new export; the one of the folder moves into a folder below it')
    .option('--davinci', 'use $davinci-data-export')
    .option(
      '--patience <seconds>',
      'how long the platform may be away, or answer 429, 502, 503 or 504, before the export gives up; each ' +
        'progress starts the time again',
      secondsOf,
      PATIENCE_MS / 1000,
    )
    .addHelpText(
      'after',
      `
Exit code 4 also means that the folder holds a finished export and none of --since last, --new, --resume says what to
do. A job that runs every night uses --since last.`,
    )
    .action(exportGroup);
}
