import type { Command } from 'commander';
import { contextOf, type Context } from '../context.ts';
import { batchNamed } from '../full/undo.ts';
import { afterInterrupt, PUBLISH_STOPPED } from '../interrupt.ts';
import { day, instant, text } from '../options.ts';
import { CliError, EXIT } from '../output.ts';
import { writeOwn } from '../own-file.ts';
import { markAll } from '../recall/marks.ts';
import { dutiesOf, type Matter, noticeRows, TO_ADD } from '../recall/notices.ts';
import { type Recall, recallOfBatch, recallOfEvents } from '../recall/sources.ts';
import { confirmed, foreseen, numberOf } from '../recall/wanted.ts';
import { type Found, peopleOf, releasesOf } from '../releases/find.ts';
import { csvLine } from './lists.ts';
import { releaseLines, releaseTable } from './releases.ts';

interface Options {
  readonly events?: string;
  readonly batch?: string;
  readonly since?: string;
  readonly until?: string;
  readonly confirm?: string;
  readonly what?: string;
  readonly discovered?: string;
  readonly people?: string;
  readonly csv?: boolean;
}

async function recallNamed(context: Context, { events, batch, since, until }: Options): Promise<Recall> {
  if ((events === undefined) === (batch === undefined))
    throw new CliError(EXIT.usage, 'choose one of --events and --batch');
  if (batch !== undefined) {
    if (since !== undefined) throw new CliError(EXIT.usage, '--batch knows when it was imported: leave --since out');
    return recallOfBatch(context, batchNamed(batch), until);
  }
  if (since === undefined) throw new CliError(EXIT.usage, '--events needs --since: when the first was published');
  if (until !== undefined && Date.parse(until) <= Date.parse(since))
    throw new CliError(EXIT.usage, '--until is not after --since');
  return recallOfEvents(context, events!, { since, ...(until !== undefined && { until }) });
}

/** What a recall did, or would do. */
interface Recalling {
  readonly found: Found;
  readonly number: string;
  readonly marked?: number;
  readonly lines: readonly string[];
}

async function recall(context: Context, token: string, { recalled, withdraw }: Recall, confirm?: string) {
  const { out } = context;
  const progress = out.progress('looking');
  const look = async (deniedBy?: ReturnType<typeof foreseen>): Promise<Found> => {
    const wanted = { ...recalled, ...(deniedBy !== undefined && { deniedBy }) };
    const found = await releasesOf(context, token, wanted, (done) => progress.update(done));
    progress.done(`${found.releases.length} releases`);
    return found;
  };
  if (confirm === undefined) {
    const number = numberOf(recalled, new Date().toISOString());
    const found = await look(foreseen(recalled));
    const lines = [`Nothing was withdrawn. To do it, run the same command with --confirm ${number}`];
    return { found, number, lines } satisfies Recalling;
  }
  const confirmation = confirmed(recalled, confirm);
  if (confirmation === undefined)
    throw new CliError(EXIT.refused, `--confirm ${confirm} is of another recall: run the command without it first`);
  afterInterrupt(PUBLISH_STOPPED);
  const lines = await withdraw(confirmation);
  const found = await look();
  const marked = await markAll(context, token, `recall.${confirm}`, found.releases);
  const last = `${marked} releases are marked in the accountings as recall.${confirm}.`;
  return { found, number: confirm, marked, lines: [...lines, last] } satisfies Recalling;
}

async function run(options: Options, command: Command): Promise<void> {
  const context = contextOf(command);
  const { out } = context;
  const { csv, people: path, what = '', confirm } = options;
  if (csv === true && out.json) throw new CliError(EXIT.usage, 'choose one of --csv and --json');
  const token = context.administratorToken();
  context.payerToken();
  const named = await recallNamed(context, options);
  const { found, number, marked, lines }: Recalling = await recall(context, token, named, confirm);
  const people = peopleOf(found.releases);
  const discovered = (options.discovered ?? new Date().toISOString()).slice(0, 10);
  const matter: Matter = { recall: `recall.${number}`, what, discovered };
  if (path !== undefined)
    writeOwn(
      path,
      noticeRows(people, matter)
        .map((row) => `${csvLine(row)}\n`)
        .join(''),
    );
  const duties = dutiesOf(people.length, discovered);
  const { since, until } = named.recalled;
  out.result(
    {
      ...matter,
      number,
      withdrawn: confirm !== undefined,
      ...(marked !== undefined && { marked }),
      since,
      ...(until !== undefined && { until }),
      ...found,
      people,
      duties,
      toAdd: TO_ADD,
      notes: [...named.notes, ...lines],
    },
    csv === true
      ? releaseTable(found.releases)
      : [
          ...releaseLines(found.releases, people.length),
          ...named.notes,
          ...(people.length === 0 ? [] : [...duties, 'You add:', ...TO_ADD.map((each) => `  ${each}`)]),
          ...(path === undefined ? [] : [`The list of persons is in ${path}.`]),
          ...lines,
        ],
  );
  if (csv === true) for (const line of [...named.notes, ...lines]) out.note(line);
  if (named.unread) process.exitCode = EXIT.refused;
}

/** `pa recall`: withdraws wrong data, and lists who was given them (docs/when-something-was-wrong.md). */
export function recallCommand(program: Command): void {
  program
    .command('recall')
    .description('withdraw what was wrong, and list every release that may have had it')
    .option('--events <path>', 'the wrong events or resources, as `pa publish` takes them', text('--events'))
    .option('--batch <batch>', 'a full import, as `pa import --full` printed it', text('--batch'))
    .option('--since <instant>', 'when the first of the events was published', instant('--since'))
    .option('--until <instant>', 'releases from then on do not count (default: now)', instant('--until'))
    .option('--confirm <number>', 'withdraw: the number that the command without it printed', text('--confirm'))
    .option('--what <sentence>', 'what happened, for the list of persons', text('--what'))
    .option('--discovered <day>', 'the first day on which it was known (default: today)', day('--discovered'))
    .option('--people <file>', 'the list of persons as CSV (mode 0600), for notices', text('--people'))
    .option('--csv', 'releases as CSV on standard output')
    .addHelpText(
      'after',
      `
Without --confirm it changes nothing. With it, reads, files of exports and histories no longer have the resources, the
next deltas list them as deleted, attributions and enrolments end where they began, and the accountings have marks.
Needs the administrator token, and the payer token. The lists have data of members. Exit code 1: a place of the file
could not be read, so the list may lack something.`,
    )
    .action(run);
}
