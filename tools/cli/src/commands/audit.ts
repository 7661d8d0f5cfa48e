import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { contextOf, type Context } from '../context.ts';
import { CliError, EXIT, table } from '../output.ts';
import { text } from '../options.ts';

interface Finding {
  readonly n: number;
  readonly day: string;
  readonly partition?: number;
  readonly records?: number;
  readonly state: 'intact' | 'differs' | 'gone';
  readonly detail?: string;
}
interface Seal {
  readonly n: number;
  readonly day: string;
  readonly digest: string;
}
interface Page {
  readonly findings: readonly Finding[];
  readonly seals: readonly Seal[];
  readonly unsealed?: number;
  /** UTC day of the oldest entry without a seal. */
  readonly unsealedSince?: string;
  /** A path on the server. */
  readonly next?: string;
}
interface Options {
  readonly from?: string;
  readonly to?: string;
  readonly against?: string;
  readonly goneBefore?: string;
}
const PATH = '/ops/audit/verification';

const utcDay =
  (name: string) =>
  (value: string): string => {
    const at = Date.parse(`${value}T00:00:00Z`);
    if (/^\d{4}-\d\d-\d\d$/.test(value) && !Number.isNaN(at) && new Date(at).toISOString().startsWith(value))
      return value;
    throw new CliError(EXIT.usage, `${name} must be a UTC day that exists, such as 2026-01-31`);
  };

async function verified(
  { server, out, administratorToken }: Context,
  query: URLSearchParams,
): Promise<Omit<Page, 'next'>> {
  const token = administratorToken();
  const findings: Finding[] = [];
  const seals: Seal[] = [];
  const progress = out.progress('verifying');
  let records = 0;
  for (let next: string | undefined = query.size === 0 ? PATH : `${PATH}?${query}`; ;) {
    if (next !== PATH && !next.startsWith(`${PATH}?`))
      throw new CliError(EXIT.unavailable, 'the server named a next page elsewhere');
    const page: Page = await server.json<Page>(next, { token });
    for (const one of page.findings) {
      findings.push(one);
      records += one.records ?? 0;
    }
    for (const one of page.seals) seals.push(one);
    progress.update(`${records} records`);
    if (page.next === undefined) {
      progress.done(`${records} records`);
      return { ...page, findings, seals };
    }
    next = page.next;
  }
}

/** The seals of an earlier `pa --json audit verify`. */
function keptSeals(file: string): readonly Seal[] {
  let kept: unknown;
  try {
    kept = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    throw new CliError(EXIT.usage, `${file} cannot be read: name a file that \`pa --json audit verify\` wrote`);
  }
  const { seals } = (kept ?? {}) as { seals?: unknown };
  const isSeal = (value: unknown): value is Seal =>
    typeof value === 'object' && value !== null && 'n' in value && 'day' in value && 'digest' in value;
  if (!Array.isArray(seals) || !seals.every(isSeal))
    throw new CliError(EXIT.usage, `${file} has no seals: name a file that \`pa --json audit verify\` wrote`);
  return seals;
}
/**
 * Seals of the file that the log has no more, or with another digest. A kept seal of another period is left alone, and
 * so is one that the operator's retention has removed.
 */
function compared(kept: readonly Seal[], seals: readonly Seal[], { from, to, goneBefore = '' }: Options): Finding[] {
  const digests = new Map(seals.map(({ n, digest }) => [n, digest]));
  return kept
    .filter(({ day }) => (from === undefined || day >= from) && (to === undefined || day <= to))
    .filter(({ n, digest }) => digests.get(n) !== digest)
    .filter(({ n, day }) => digests.has(n) || day >= goneBefore)
    .map(({ n, day }) => ({ n, day, state: 'differs', detail: 'the seal is not the one that was kept' }));
}

/**
 * Whether the operator has said that this is gone. A finding without a partition is about the first seal that is left,
 * so the days before it are gone.
 */
const isExpected = ({ day, partition, state }: Finding, { goneBefore = '' }: Options): boolean =>
  state === 'gone' && (partition === undefined ? day <= goneBefore : day < goneBefore);

/**
 * The UTC day before which every entry must have a seal. The seals of a day come within two minutes of its end. An hour
 * leaves room for a roll-out at midnight.
 */
const dueDay = (): string => new Date(Date.now() - 3_600_000).toISOString().slice(0, 10);

/** `pa audit verify`: compares the audit with its daily seals. */
export function auditCommands(program: Command): void {
  program
    .command('audit')
    .description('the audit itself')
    .command('verify')
    .description(
      'compare the audit with its daily seals (exit code 1: something differs or is gone, or seals are late)',
    )
    .option('--from <day>', 'first UTC day (default: the first one)', utcDay('--from'))
    .option('--to <day>', 'last UTC day (default: the last one)', utcDay('--to'))
    .option('--against <file>', 'seals that an earlier `pa --json audit verify` printed', text('--against'))
    .option(
      '--gone-before <day>',
      'first UTC day that must be complete, if your own retention removed what was before',
      utcDay('--gone-before'),
    )
    .action(async (o: Options, command: Command) => {
      const context = contextOf(command);
      const kept = o.against === undefined ? [] : keptSeals(o.against);
      const query = new URLSearchParams({
        ...(o.from !== undefined && { from: o.from }),
        ...(o.to !== undefined && { to: o.to }),
      });
      const { seals, unsealed = 0, unsealedSince, ...found } = await verified(context, query);
      const findings = [...found.findings, ...compared(kept, seals, o)];
      const differs = findings.filter(({ state }) => state === 'differs');
      const gone = findings.filter(({ state }) => state === 'gone');
      const missing = gone.filter((one) => !isExpected(one, o));
      const intact = differs.length + missing.length === 0;
      const last = seals.at(-1);
      const late = unsealedSince !== undefined && unsealedSince < dueDay();
      const result = { intact, findings, seals, unsealed, ...(late && { late: unsealedSince }) };
      context.out.result(result, [
        ...(differs.length + gone.length === 0 ? [] : [...rows([...differs, ...gone]), '']),
        summary(findings, { differs: differs.length, missing: missing.length, gone: gone.length, seals: seals.length }),
        ...(last === undefined ? [] : [`The last seal is ${last.n} of ${last.day}: ${last.digest}`]),
        `${unsealed} entries are not sealed yet.`,
        ...(late ? [`The seals are LATE: entries of ${unsealedSince} lack one.`] : []),
      ]);
      if (late || !intact) process.exitCode = EXIT.refused;
    });
}

const rows = (findings: readonly Finding[]): string[] =>
  table(
    ['day', 'seal', 'partition', 'state', 'why'],
    findings.map(({ day, n, partition, state, detail }) => [
      day,
      String(n),
      partition === undefined ? '' : String(partition),
      state,
      detail ?? '',
    ]),
  );
function summary(
  findings: readonly Finding[],
  { differs, missing, gone, seals }: Readonly<Record<'differs' | 'missing' | 'gone' | 'seals', number>>,
): string {
  if (seals === 0 && findings.length === 0) return 'No day of this period is sealed.';
  if (differs > 0) return `The audit is NOT as it was sealed: ${differs} of ${findings.length} checks differ.`;
  if (missing > 0)
    return (
      `The audit is NOT complete: ${missing} checks could not be made, because entries or seals are gone. ` +
      'If your own retention removed them, name the first day that must be complete with --gone-before.'
    );
  const records = findings.reduce((n, f) => n + (f.state === 'intact' ? (f.records ?? 0) : 0), 0);
  const expected = gone > 0 ? ` ${gone} checks could not be made, because the oldest entries are gone.` : '';
  return `${records} entries in ${seals} seals are as they were sealed.${expected}`;
}
