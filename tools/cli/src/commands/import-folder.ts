import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import { type Context, contextOf } from '../context.ts';
import type { ImportReport } from '../import/import-file.ts';
import { IMPORT_NAMES, type ImportName } from '@provider-access/full-files';
import { outcomesOf, refusedOf } from '../import/row-files.ts';
import { afterInterrupt, PUBLISH_STOPPED } from '../interrupt.ts';
import { CliError, EXIT, type ExitCode } from '../output.ts';
import { fullFileOf, importFull } from './full-import.ts';
import { exitCodeOf, linesOf, sourceOf } from './import.ts';
import { whole } from '../options.ts';

interface FolderOptions {
  readonly full?: boolean;
  readonly once?: boolean;
  readonly every: number;
  readonly settled: number;
}
interface Found {
  readonly name: ImportName;
  readonly file: string;
}

const FILE = /\.(csv|txt|tsv)(\.gz)?$/;
/** Files that an import makes. */
const MADE = /\.(refused|absent)(-\d+)?\.csv$/;
const LOCK = '.pa-import.lock';

/** `roster-ends-2026.csv` is of the kind `roster-ends`, not of `roster`. */
const kindOf = (file: string): ImportName | undefined =>
  IMPORT_NAMES.toSorted((a, b) => b.length - a.length).find(
    (name) => file === name || (/^[^a-z]/i.test(file.slice(name.length)) && file.startsWith(name)),
  );

/** `roster.north-mso.2026-12-01.csv`: a full file of a source. */
const FULL = /^([a-z-]+)\.([a-z0-9-]+)\.(\d{4}-\d{2}-\d{2})\.(?:csv|txt|tsv)(?:\.gz)?$/;

/** Complete files, in the order of import. A link, and a file that somebody still writes, are left alone. */
function filesOf(folder: string, settledMs: number): Found[] {
  const found = readdirSync(folder)
    .filter((file) => FILE.test(file) && !MADE.test(file))
    .sort()
    .flatMap((file): Found[] => {
      const name = kindOf(file);
      const state = lstatSync(join(folder, file), { throwIfNoEntry: false });
      const complete = state?.isFile() === true && Date.now() - state.mtimeMs >= settledMs;
      return name !== undefined && complete ? [{ name, file: join(folder, file) }] : [];
    });
  return found.toSorted((a, b) => IMPORT_NAMES.indexOf(a.name) - IMPORT_NAMES.indexOf(b.name));
}

/** One process imports a folder, so that no file is imported while another process moves it. */
function lock(folder: string): () => void {
  const file = join(folder, LOCK);
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST')
      throw new CliError(EXIT.usage, `${folder} cannot be written (${(error as NodeJS.ErrnoException).code})`);
    const other = Number(readFileSync(file, 'utf8'));
    if (isRunning(other))
      throw new CliError(EXIT.usage, `process ${other} imports ${folder} already. If not, remove ${file}`);
    writeFileSync(file, String(process.pid));
  }
  const release = (): void => rmSync(file, { force: true });
  process.once('exit', release);
  return release;
}
function isRunning(pid: number): boolean {
  try {
    return Number.isInteger(pid) && pid > 0 && pid !== process.pid && process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Moves a file with what the import wrote about it to a folder of its day. */
function put(folder: string, place: string, files: readonly (string | undefined)[]): string {
  const to = join(folder, place, new Date().toISOString().replaceAll(':', '-'));
  mkdirSync(to, { recursive: true, mode: 0o700 });
  for (const file of files) if (file !== undefined && existsSync(file)) renameSync(file, join(to, basename(file)));
  return to;
}

/** Imports a full file and moves it. One that needs a confirmation waits in refused/ for a person. */
async function importWhole(context: Context, folder: string, { name, file }: Found): Promise<ExitCode | 0> {
  const { server, out, payerToken } = context;
  const [, , source, asOf] = FULL.exec(basename(file))!;
  const mapFile = join(folder, `${name}.yaml`);
  try {
    const full = fullFileOf(name, await sourceOf(name, file, existsSync(mapFile) ? { map: mapFile } : {}), {
      source,
      asOf,
    });
    const isImported = await importFull(full, { server, token: payerToken() }, out);
    const to = put(folder, isImported ? 'done' : 'refused', [file, full.absentFile]);
    const again = `pa import ${name} ${join(to, basename(file))} --full --source ${source} --as-of ${asOf}`;
    const how = `Look at the report. To import it: ${again} --confirm NUMBER`;
    out.result({ file, movedTo: to }, [`${basename(file)}: it is in ${to}.`, ...(isImported ? [] : [how])]);
    return isImported ? 0 : EXIT.refused;
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    const stays = error.code !== EXIT.usage && error.code !== EXIT.refused;
    const to = stays ? folder : put(folder, 'refused', [file]);
    out.result({ file, error: error.message, movedTo: to }, [`${basename(file)}: ${error.message}`, `It is in ${to}.`]);
    return stays ? error.code : EXIT.refused;
  }
}

/** Imports a file and moves it, unless the platform cannot be reached: then it stays. @returns the exit code */
async function importOne(context: Context, folder: string, { name, file }: Found): Promise<ExitCode | 0> {
  const { server, out, payerToken } = context;
  const mapFile = join(folder, `${name}.yaml`);
  const { importFile } = await import('../import/import-file.ts');
  let report: ImportReport;
  try {
    report = await importFile(await sourceOf(name, file, existsSync(mapFile) ? { map: mapFile } : {}), {
      server,
      token: payerToken(),
      outcomes: outcomesOf(file),
      refused: refusedOf(file),
    });
  } catch (error) {
    if (!(error instanceof CliError) || error.code !== EXIT.usage) throw error;
    const to = put(folder, 'refused', [file]);
    out.result({ file, error: error.message, movedTo: to }, [`${basename(file)}: ${error.message}`, `It is in ${to}.`]);
    return EXIT.refused;
  }
  const code = exitCodeOf(report);
  const stays = code !== 0 && code !== EXIT.refused;
  const to = stays
    ? folder
    : put(folder, code === 0 ? 'done' : 'refused', [file, report.outcomeFile, report.refusedFile]);
  const { outcomeFile: _, refusedFile: __, ...rest } = report;
  out.result({ file, ...rest, movedTo: to }, [
    `${basename(file)}: ${linesOf(name, rest).join('\n  ')}`,
    `It is in ${to}.`,
  ]);
  return code;
}

async function importAll(context: Context, folder: string, { full, settled }: FolderOptions): Promise<ExitCode | 0> {
  let worst: ExitCode | 0 = 0;
  for (const found of filesOf(folder, settled * 1000)) {
    const isFull = full === true && FULL.test(basename(found.file));
    const code = await (isFull ? importWhole : importOne)(context, folder, found);
    worst = code > worst ? code : worst;
    // The next file would fail in the same way.
    if (code !== 0 && code !== EXIT.refused) break;
  }
  return worst;
}

/** `pa import-folder`: the files that a nightly job puts into a folder. */
export function importFolderCommand(program: Command): void {
  program
    .command('import-folder')
    .argument('<folder>', `files such as roster-2026-11-29.csv: the name begins with what it is`)
    .description('import each file that arrives in a folder, then move it to done/ or refused/')
    .option('--full', 'files named KIND.SOURCE.DAY.csv say everything that SOURCE knows on DAY')
    .option('--once', 'import what is there, then end')
    .option('--every <seconds>', 'how often to look', whole('--every', 1, 86_400), 30)
    .option(
      '--settled <seconds>',
      'leave a file alone that was changed later than this ago',
      whole('--settled', 0, 86_400),
      10,
    )
    .addHelpText(
      'after',
      `
Kinds, in the order of import: ${IMPORT_NAMES.join(', ')}. KIND.yaml in the folder is the map of its files.
Exit code of --once: 1 a file is in refused/ · 3 the platform cannot be reached, and the files stay.`,
    )
    .action(async (folder: string, o: FolderOptions, command: Command) => {
      if (lstatSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true)
        throw new CliError(EXIT.usage, `${folder} is no folder`);
      const context = contextOf(command);
      afterInterrupt(PUBLISH_STOPPED);
      const release = lock(folder);
      try {
        for (;;) {
          const code = await importAll(context, folder, o);
          if (o.once !== true) await delay(o.every * 1000);
          else if (code !== 0) return void (process.exitCode = code);
          else return;
        }
      } finally {
        release();
      }
    });
}
