import { createReadStream, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { isPayerIdentifier } from '@provider-access/domain/access';
import { bulkExport } from '../client/bulk.ts';
import { ExportFolder } from '../client/export-folder.ts';
import { appOf, tokenSource, withApp } from '../app-options.ts';
import { type AppOptions, contextOf, type Context } from '../context.ts';
import { afterInterrupt, MATCH_STOPPED } from '../interrupt.ts';
import { csvPeople, CSV_COLUMNS } from '../match/csv-people.ts';
import { fhirPeople } from '../match/fhir-people.ts';
import type { MatchResult } from '../match/result.ts';
import { sendMatch } from '../match/send.ts';
import { type Attesting, requestsOf, type Submitted } from '../match/submitted.ts';
import { npi } from '../options.ts';
import { CliError, EXIT, table } from '../output.ts';

const payer = (text: string): string => {
  if (!isPayerIdentifier(text))
    throw new CliError(
      EXIT.usage,
      `--payer ${text}: give Organization/<id> or system|value, as the payer names itself`,
    );
  return text;
};

interface MatchOptions extends AppOptions {
  readonly npi?: string;
  readonly payer: string;
  readonly out: string;
  readonly export?: string;
  readonly dryRun?: boolean;
}

async function peopleOf(file: string, of: Attesting, note: (line: string) => void): Promise<readonly Submitted[]> {
  try {
    if (file.toLowerCase().endsWith('.csv')) return await csvPeople(createReadStream(file), file, of);
    return fhirPeople(readFileSync(file, 'utf8'), file, { ...of, note });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new CliError(EXIT.usage, `${file} is not there`);
    throw error;
  }
}

async function match(file: string, o: MatchOptions, command: Command): Promise<void> {
  const context = contextOf(command);
  const { out } = context;
  const people = await peopleOf(file, { npi: o.npi, payer: o.payer, now: new Date().toISOString() }, out.note);
  const requests = requestsOf(people);
  if (o.dryRun === true) return writeRequests(o.out, requests, context);
  afterInterrupt(MATCH_STOPPED);
  const tokens = tokenSource(context, o);
  const results: MatchResult[] = [];
  for (const [at, request] of requests.entries()) {
    const progress = out.progress('match');
    const folder = requests.length === 1 ? o.out : join(o.out, String(at + 1));
    new ExportFolder(o.out).create();
    const earlier = new ExportFolder(folder).load();
    if (earlier !== undefined) new ExportFolder(folder).archive(earlier);
    const options = { server: context.server, token: (refused?: string) => tokens.get(refused), out: folder };
    results.push(await sendMatch(request, { ...options, onProgress: (text) => progress.update(text) }));
    progress.done(`${request.people.length} people`);
  }
  print(results, context);
  if (o.export !== undefined) await exportMatched(results, o.export, o, context);
}

function writeRequests(folder: string, requests: ReturnType<typeof requestsOf>, { out }: Context): void {
  new ExportFolder(folder).create();
  const files = requests.map(({ body }, at) => {
    const file = join(folder, `request-${at + 1}.json`);
    writeFileSync(file, body, { mode: 0o600 });
    return file;
  });
  out.result({ requests: files }, [...files, 'Nothing was sent.']);
}

function print(results: readonly MatchResult[], { out }: Context): void {
  const outcomes = results.flatMap((one) => one.outcomes);
  const matched = outcomes.filter(({ result }) => result === 'matched').length;
  out.result({ matched, notMatched: outcomes.length - matched, groups: results }, [
    ...table(
      ['submitted', 'result', 'patient', 'what is wrong'],
      outcomes.map(({ from, result, patient, fault }) => [from, result, patient ?? '', fault ?? '']),
    ),
    `${matched} of ${outcomes.length} matched`,
    ...results.map(({ group, until }) => `Group ${group}${until === undefined ? '' : `, until ${until}`}`),
  ]);
}

/** Exports each matched Group into a folder of its own. An empty one has nothing to export. */
async function exportMatched(
  results: readonly MatchResult[],
  folder: string,
  o: AppOptions,
  context: Context,
): Promise<void> {
  const { server, out } = context;
  const tokens = tokenSource(context, o);
  const full = results.filter(({ outcomes }) => outcomes.some(({ result }) => result === 'matched'));
  if (full.length === 0) out.note('Nobody matched, so there is nothing to export.');
  const { clientId, scope } = appOf(o);
  for (const { group } of full) {
    const progress = out.progress('export');
    const target = full.length === 1 ? folder : join(folder, group);
    new ExportFolder(folder).create();
    const { files, bytes, manifest } = await bulkExport({
      server,
      token: (refused) => tokens.get(refused),
      group,
      operation: '$davinci-data-export',
      out: target,
      series: { server: server.base, client: clientId, scope, group, types: '' },
      onProgress: (text) => progress.update(text),
    });
    progress.done(`${files.length} files, ${(bytes / 1e6).toFixed(1)} MB`);
    out.note(`${target}: ${files.length} files, transactionTime ${manifest.transactionTime}`);
  }
}

/** `pa match`: who of these people are members, and their Group. */
export function matchCommand(program: Command): void {
  withApp(program.command('match <file>'))
    .description('attest that you treat people, learn who of them are members, and get their Group')
    .option('--npi <npi>', 'the provider who attests, where a row names none', npi)
    .option('--payer <name>', 'the payer: Organization/<id> or system|value', payer, 'Organization/payer')
    .option('--out <dir>', 'folder of the answer, made for you alone', 'match')
    .option('--export <dir>', 'then export the matched people into this folder')
    .option('--dry-run', 'write the requests into --out, and send nothing')
    .addHelpText(
      'after',
      `
<file> is CSV with a header line, FHIR Parameters (one JSON object), or NDJSON of Patients and their Coverages.
Columns: ${CSV_COLUMNS.join(', ')}.
The platform takes 1,000 people a request, so a larger file is several requests, and each has a Group of its own.`,
    )
    .action(match);
}
