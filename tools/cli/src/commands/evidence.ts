import { PAGE_LANGUAGES } from '@provider-access/kernel';
import { readFileSync } from 'node:fs';
import { Option, type Command } from 'commander';
import { digestOfCsv, digestOfReport, type EvidenceReport, isMonth } from '@provider-access/domain/pdex/evidence';
import { type Context, contextOf, documentationOf } from '../context.ts';
import { CliError, EXIT, table } from '../output.ts';
import { writeOwn } from '../own-file.ts';
import { text } from '../options.ts';

interface Options {
  readonly period?: string;
  readonly lang: string;
  readonly out?: string;
  readonly csv?: boolean;
  readonly verify?: string;
}
interface Page {
  readonly report: EvidenceReport;
  readonly signature: { readonly sha256: string };
}
/** The answer of `GET /ops/evidence/signatures/{sha256}`. */
interface Signed {
  readonly period: string;
  readonly format: string;
  readonly by: string;
  readonly at: string;
  readonly partition: number;
  readonly offset: number;
  /** The UTC day on which the log got the entry. */
  readonly day: string;
}
interface ChainPage {
  readonly findings: readonly {
    readonly n: number;
    readonly day: string;
    readonly partition?: number;
    readonly state: 'intact' | 'differs' | 'gone';
  }[];
  readonly next?: string;
}

const month = (value: string): string => {
  if (isMonth(value)) return value;
  throw new CliError(EXIT.usage, '--period must be a month, such as 2026-11');
};

/** `pa evidence`: the monthly page of the compliance officer, and whether a file of it is as it was made. */
export function evidenceCommand(program: Command): void {
  program
    .command('evidence')
    .description('print the figures of a month and what proves R1 to R26, or check a file of it (exit code 1: changed)')
    .option('--period <month>', "a month in the payer's time zone (default: this month)", month)
    .addOption(new Option('--lang <language>', 'language of the texts').choices(PAGE_LANGUAGES).default('en'))
    .option('--out <file>', 'the signed report, in a file that only you can read')
    .option('--csv', 'the file is CSV (default: JSON)')
    .option('--verify <file>', 'check a file of --out against the audit and its seals', text('--verify'))
    .addHelpText(
      'after',
      ({ command }) => `
The audit names the SHA-256 of each report before it leaves.
What each figure counts: ${documentationOf(command, 'evidence')}`,
    )
    .action(async (o: Options, command: Command) => {
      const context = contextOf(command);
      if (o.csv === true && o.out === undefined) throw new CliError(EXIT.usage, '--csv needs --out');
      if (o.verify !== undefined) return verify(context, o.verify, o.period);
      if (o.out !== undefined) return save(context, o, o.out);
      const page = JSON.parse(await answer(context, o, 'json')) as Page;
      context.out.result(page, printed(page));
    });
}

async function answer({ server, administratorToken }: Context, o: Options, format: string): Promise<string> {
  const query = new URLSearchParams({ ...(o.period !== undefined && { period: o.period }), lang: o.lang, format });
  return (await server.call(`/ops/evidence?${query}`, { token: administratorToken() })).text;
}

async function save(context: Context, o: Options, file: string): Promise<void> {
  const body = await answer(context, o, o.csv === true ? 'csv' : 'json');
  writeOwn(file, body);
  const sha256 = digestOf(body, file);
  context.out.result({ file, sha256 }, [`${file}: SHA-256 ${sha256}, which the audit names`]);
}

/**
 * The hash that the audit must have for a file.
 * @throws CliError if the file is no report, or its own signature is not that of its content
 */
function digestOf(body: string, file: string): string {
  if (!body.startsWith('{')) {
    const found = digestOfCsv(body);
    if (found === undefined)
      throw new CliError(EXIT.refused, `${file} has no signature in its last line: it is no report, or it was cut`);
    if (found.digest !== found.signed) throw changed(file);
    return found.digest;
  }
  let page: Partial<Page>;
  try {
    page = JSON.parse(body) as Partial<Page>;
  } catch {
    throw new CliError(EXIT.refused, `${file} is no JSON: it is no report, or it was cut`);
  }
  if (page.report === undefined || page.signature === undefined)
    throw new CliError(EXIT.refused, `${file} has no report and signature: name a file that \`pa evidence\` wrote`);
  const digest = digestOfReport(page.report);
  if (digest !== page.signature.sha256) throw changed(file);
  return digest;
}
const changed = (file: string): CliError =>
  new CliError(EXIT.refused, `${file} was CHANGED: its content does not have the SHA-256 that it states`);

async function verify(context: Context, file: string, period: string | undefined): Promise<void> {
  let body: string;
  try {
    body = readFileSync(file, 'utf8');
  } catch (error) {
    throw new CliError(EXIT.usage, `${file} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
  const sha256 = digestOf(body, file);
  const token = context.administratorToken();
  const signed = await context.server.json<Signed>(`/ops/evidence/signatures/${sha256}`, { token });
  if (period !== undefined && signed.period !== period)
    throw new CliError(EXIT.refused, `${file} is the report of ${signed.period}, and not of ${period}`);
  const seal = await sealOf(context, token, signed);
  context.out.result({ file, sha256, ...signed, ...seal }, [
    `${file} is the report of ${signed.period} that ${signed.by} got at ${signed.at}: SHA-256 ${sha256}`,
    seal.sealed === undefined
      ? `The entry of the audit (${signed.day}) is not sealed yet. Verify again when the UTC day is over.`
      : `Seal ${seal.sealed} of ${signed.day} covers the entry of the audit, ${SAYS[seal.audit]}.`,
  ]);
  if (seal.audit !== 'intact') process.exitCode = EXIT.refused;
}
const SAYS = {
  intact: 'and the audit of this day is as it was sealed',
  differs: 'and the audit of this day is NOT as it was sealed: see `pa audit verify`',
} as const;

/** The seal of the day of the entry, and whether the audit of that day is as it was sealed. */
async function sealOf(
  { server }: Context,
  token: string,
  { day, partition }: Signed,
): Promise<{ readonly sealed?: number; readonly audit: keyof typeof SAYS }> {
  let audit: keyof typeof SAYS = 'intact';
  let sealed: number | undefined;
  const first = `/ops/audit/verification?from=${day}&to=${day}`;
  for (let next: string | undefined = first; next !== undefined;) {
    const page: ChainPage = await server.json<ChainPage>(next, { token });
    for (const found of page.findings) {
      if (found.day !== day) continue;
      if (found.partition === partition) sealed = found.n;
      if (found.state !== 'intact') audit = 'differs';
    }
    next = page.next;
  }
  return { ...(sealed !== undefined && { sealed }), audit };
}

function printed({ report, signature }: Page): string[] {
  const { period, from, to, timeZone, complete, madeAt, figures, rules } = report;
  const shown = new Map(figures.map(({ id, state, value }) => [id, valueOf(state, value)]));
  return [
    `${period}: ${from} to ${to} (${timeZone}), made at ${madeAt}${complete ? '' : '. The month has not ended.'}`,
    ...table(
      ['figure', 'value', ''],
      figures.map(({ id, title, why }) => [title, shown.get(id)!, why ?? '']),
    ),
    '',
    ...table(
      ['rule', 'tests', 'figures', 'what the platform does'],
      rules.map((rule) => [
        rule.id,
        String(rule.tests.length),
        rule.figures.map((id) => `${id} ${shown.get(id)}`).join(', '),
        rule.does,
      ]),
    ),
    '',
    `SHA-256 ${signature.sha256}, which the audit names`,
  ];
}
const valueOf = (state: string, value: number | undefined): string =>
  state === 'unknown' ? 'unknown' : state === 'at-least' ? `at least ${value}` : String(value);
