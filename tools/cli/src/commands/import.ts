import { existsSync, statSync } from 'node:fs';
import type { Command } from 'commander';
import { IMPORT_KINDS, IMPORT_NAMES, type ImportFile, type ImportName, NO_MAP } from '@provider-access/full-files';
import { fileAt } from '../import/file-faults.ts';
import type { ImportReport } from '../import/import-file.ts';
import { outcomesOf, refusedOf } from '../import/row-files.ts';
import { contextOf } from '../context.ts';
import { afterInterrupt, PUBLISH_STOPPED } from '../interrupt.ts';
import { CliError, EXIT, type ExitCode, table } from '../output.ts';
import { instant, oneOf, whole } from '../options.ts';
import { type FullOptions, fullFileOf, importFull } from './full-import.ts';

interface ImportOptions extends FullOptions {
  readonly map?: string;
  readonly time?: string;
  readonly dryRun?: boolean;
  readonly outcomes?: string;
}
const SHOWN = 20;
const PREVIEWED = 5;

const rowsOf = (count: number): string => `${count} ${count === 1 ? 'row' : 'rows'}`;
const refusedLines = ({ refused, refusedRows }: ImportReport): string[] =>
  refused === 0
    ? []
    : [
        ...table(
          ['line', 'column', 'reason'],
          refusedRows.slice(0, SHOWN).map((row) => [String(row.line), row.column ?? '', row.reason]),
        ),
        ...(refused > SHOWN ? ['… the file of outcomes has the others'] : []),
      ];
const SEPARATORS: Readonly<Record<string, string>> = { '\t': 'tabs' };
/** How the file was read, where it is not the usual form. */
const formLines = ({ encoding, separator }: ImportReport): string[] =>
  encoding === 'UTF-8' && separator === ','
    ? []
    : [`Read as ${encoding}, with columns separated by ${SEPARATORS[separator] ?? `"${separator}"`}.`];
const NO_ROW = 'The file has a header and no row. Nothing was imported: ask its sender.';
const ignoredLines = ({ ignoredColumns }: ImportReport): string[] =>
  ignoredColumns.length === 0
    ? []
    : [`No attribute takes the columns ${ignoredColumns.map((name) => `"${name}"`).join(', ')}.`];

/**
 * The opt-outs that do not decide now. A parked one does: its member is denied until the dead letter is resolved.
 * `accepted` without a confirmation counts as not in force, because nobody has confirmed it.
 */
const notInForce = ({ rows, effective, outcomes }: ImportReport): number =>
  Math.max(0, rows - effective - (outcomes['parked'] ?? 0));

export function linesOf(name: ImportName, report: ImportReport): string[] {
  const counts = Object.entries(report.outcomes)
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([outcome, count]) => `${count} ${outcome}`);
  return [
    `${rowsOf(report.rows)} read, ${report.accepted} accepted${counts.length > 0 ? ` (${counts.join(', ')})` : ''}, ` +
      `${report.refused} refused.`,
    ...(report.rows === 0 ? [NO_ROW] : []),
    ...formLines(report),
    ...ignoredLines(report),
    ...refusedLines(report),
    ...(report.outcomeFile === undefined ? [] : [`The outcome of each row is in ${report.outcomeFile}.`]),
    ...(report.refusedFile === undefined
      ? []
      : [`Correct the rows in ${report.refusedFile} and import that file with the same options.`]),
    ...(report.error === undefined
      ? []
      : [`The import ended early: ${report.error.message}. Run the same command again: rows that are stored stay.`]),
    ...(name === 'opt-outs' ? [`${notInForce(report)} opt-outs are NOT in force`] : []),
  ];
}

async function dryRun(name: ImportName, source: ImportFile, command: Command): Promise<void> {
  const { out } = contextOf(command);
  const preview: { line: number; subject: string; data: unknown }[] = [];
  const { checkFile } = await import('../import/import-file.ts');
  const report = await checkFile(source, (line, subject, data) => {
    if (preview.length < PREVIEWED) preview.push({ line, subject, data });
  });
  const valid = report.rows - report.refused;
  out.result({ dryRun: true, ...report, valid, type: source.kind.type, preview }, [
    `${rowsOf(report.rows)} read: ${valid} would be published as ${source.kind.type}, ${report.refused} refused. ` +
      'Nothing was published.',
    ...(report.rows === 0 ? [NO_ROW] : []),
    ...formLines(report),
    ...ignoredLines(report),
    ...refusedLines(report),
    ...(preview.length === 0
      ? []
      : table(
          ['line', name === 'network' ? 'provider' : 'member', 'data'],
          preview.map(({ line, subject, data }) => [String(line), subject, JSON.stringify(data)]),
        )),
  ]);
  if (report.refused > 0 || report.rows === 0) process.exitCode = EXIT.refused;
}

/** The exit code of an import with this report. A file without a row is no success, because the feed may be broken. */
export function exitCodeOf(report: ImportReport): ExitCode | 0 {
  if (report.error !== undefined) return report.error.code;
  if (report.rows === 0 || report.refused > 0 || (report.outcomes['parked'] ?? 0) > 0) return EXIT.refused;
  return (report.outcomes['pending'] ?? 0) > 0 ? EXIT.unavailable : 0;
}

export async function sourceOf(
  name: ImportName,
  file: string,
  o: Pick<ImportOptions, 'map' | 'time'>,
): Promise<ImportFile> {
  if (!existsSync(file) || statSync(file).isDirectory()) throw new CliError(EXIT.usage, `${file} is no file`);
  const kind = IMPORT_KINDS[name];
  const changed = statSync(file).mtime;
  if (o.time === undefined && changed.getTime() > Date.now())
    throw new CliError(EXIT.usage, `${file} was changed in the future, by its file system: give --time`);
  // An import without a map does not pay for the parser of YAML.
  const map = o.map === undefined ? NO_MAP : (await import('../import/map.ts')).readMap(o.map, kind);
  return { file: fileAt(file), kind, map, time: o.time ?? changed.toISOString() };
}

const MOST_ROWS = 999_999_999;
/** Adds the options of a full file. */
export const withFull = (command: Command): Command =>
  command
    .option('--source <name>', 'of a full file: who sent it, such as north-mso')
    .option('--as-of <day>', 'of a full file: the day of which it tells; absent rows end before it')
    .option(
      '--rows <count>',
      'of a full file: how many rows its sender says that it has',
      whole('--rows', 1, MOST_ROWS),
    )
    .option('--ends <file>', 'of opt-outs: the list of absent ones, with yes for each whose end is confirmed');

/** `pa import`: files as payers have them. */
export function importCommand(program: Command): void {
  withFull(program.command('import'))
    .argument('<what>', IMPORT_NAMES.join(' | '), oneOf('what to import', ...IMPORT_NAMES))
    .argument('<file>', 'CSV with a header, .gz too; - reads standard input')
    .description('publish the rows of a CSV file; says line, column and reason of each row that is refused')
    .option('--map <file>', 'YAML: which column is which attribute (/docs/import.html of the platform)')
    .option(
      '--time <instant>',
      'business time of rows without one (default: when the file was last changed)',
      instant('--time'),
    )
    .option(
      '--full',
      'the file says everything that --source knows: rows that it lacks end (roster, coverage, network)',
    )
    .option('--confirm <number>', 'of a full file: the number of the report that a person has checked')
    .option('--dry-run', 'read the whole file, show its first events, publish nothing')
    .option('--outcomes <file>', 'where the outcome of each row goes (default: beside the file)')
    .addHelpText(
      'after',
      `
Attributes:
${IMPORT_NAMES.map((name) => `  ${name}: ${IMPORT_KINDS[name].attributes.join(', ')}`).join('\n')}
Exit code 1: rows were refused or parked, and the others were published.`,
    )
    .action(async (what: string, named: string, o: ImportOptions, command: Command) => {
      const name = what as ImportName;
      const piped = named === '-' ? await import('../import/standard-input.ts') : undefined;
      const file = (await piped?.keepStandardInput()) ?? named;
      const beside = piped === undefined ? file : `${name}.csv`;
      const source = await sourceOf(name, file, o);
      if (o.full === true) {
        const { server, out, payerToken } = contextOf(command);
        const full = fullFileOf(name, source, o);
        if (o.dryRun === true) throw new CliError(EXIT.usage, '--full has its own dry run: pa simulate');
        afterInterrupt(PUBLISH_STOPPED);
        if (!(await importFull(full, { server, token: payerToken() }, out, o.confirm))) process.exitCode = EXIT.refused;
        return;
      }
      if (
        o.source !== undefined ||
        o.asOf !== undefined ||
        [o.rows, o.confirm, o.ends].some((each) => each !== undefined)
      )
        throw new CliError(EXIT.usage, '--source, --as-of, --rows, --confirm and --ends belong to --full');
      if (o.dryRun === true) return dryRun(name, source, command);
      const { server, out, payerToken } = contextOf(command);
      afterInterrupt(PUBLISH_STOPPED);
      const progress = out.progress('importing');
      const { importFile } = await import('../import/import-file.ts');
      const report = await importFile(source, {
        server,
        token: payerToken(),
        outcomes: o.outcomes ?? outcomesOf(beside),
        refused: refusedOf(beside),
        onProgress: ({ rows, accepted, refused }) =>
          progress.update(`${rowsOf(rows)}, ${accepted} accepted, ${refused} refused`),
      });
      progress.done(rowsOf(report.rows));
      out.result({ ...report, ...(name === 'opt-outs' && { notInForce: notInForce(report) }) }, linesOf(name, report));
      const code = exitCodeOf(report);
      if (code !== 0) process.exitCode = code;
    });
}
