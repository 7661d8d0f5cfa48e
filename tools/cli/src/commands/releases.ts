import type { Command } from 'commander';
import { readItems } from '../client/sources.ts';
import { SOURCE } from '@provider-access/full-files';
import { contextOf } from '../context.ts';
import { instant, text } from '../options.ts';
import { CliError, EXIT, table } from '../output.ts';
import { type Found, peopleOf, type Person, type Release, releasesOf } from '../releases/find.ts';
import { type Wrong, wrongIn } from '../releases/wrong.ts';
import { csvLine } from './lists.ts';

interface Options {
  readonly events: string;
  readonly since: string;
  readonly until?: string;
  readonly csv?: boolean;
}
const SHOWN = 20;
/** 45 CFR 164.406 and 164.408: from this number of persons on, other duties follow. */
const MANY = 500;
const HEADER = ['at', 'member', 'app', 'why', 'action', 'resources', 'of', 'job', 'file', 'client', 'providers'];

const cellsOf = (one: Release): string[] => [
  one.at,
  one.member,
  one.agent?.name ?? '',
  one.why.join(' ') + (one.denied === undefined ? '' : `: ${one.denied}`),
  one.action,
  String(one.resources ?? '?'),
  (one.types ?? []).join(' '),
  one.job ?? '',
  one.file ?? '',
  one.client,
  (one.agent?.providers ?? []).join(' '),
];

/** The first releases, for people. */
export function releaseLines(releases: readonly Release[], people: number): string[] {
  if (releases.length === 0) return ['No release had it.'];
  const apps = new Set(releases.map(({ client }) => client));
  return [
    `${releases.length} releases, of ${people} members to ${apps.size} apps:`,
    ...table(
      HEADER.slice(0, 9),
      releases.slice(0, SHOWN).map((one) => cellsOf(one).slice(0, 9)),
    ),
    ...(releases.length > SHOWN ? [`… ${releases.length - SHOWN} more with --csv or --json`] : []),
  ];
}
/** All releases, as rows of a CSV file. */
export const releaseTable = (releases: readonly Release[]): string[] => [HEADER, ...releases.map(cellsOf)].map(csvLine);

function linesOf({ releases, permitted }: Found, people: readonly Person[], { without, unread }: Wrong): string[] {
  return [
    ...releaseLines(releases, people.length),
    ...(permitted === 0
      ? []
      : [`${permitted} more releases are permitted now. If a wrong event permits them, correct it and ask again.`]),
    ...(people.length < MANY
      ? []
      : [`${people.length} members: 45 CFR 164.408(b), and 164.406 if more than ${MANY} live in one State.`]),
    ...Array.from(without, ([type, count]) => `${count} events ${type} give nobody anything about a member.`),
    ...unread.slice(0, SHOWN).map(({ place, reason }) => `Not read: ${place}: ${reason}`),
    ...(unread.length > SHOWN ? [`… ${unread.length - SHOWN} more places that were not read`] : []),
  ];
}

/** `pa releases`: which releases had what wrong events said (docs/when-something-was-wrong.md). */
export function releasesCommand(program: Command): void {
  program
    .command('releases')
    .description('list every release that may have had what wrong events said')
    .requiredOption('--events <path>', 'the wrong events or resources, as `pa publish` takes them', text('--events'))
    .requiredOption('--since <instant>', 'when the first of them was published', instant('--since'))
    .option('--until <instant>', 'when they were corrected (default: now)', instant('--until'))
    .option('--csv', 'rows as CSV on standard output')
    .addHelpText(
      'after',
      `
Changes nothing. Needs the administrator token. The list has data of members. A wrong attribution, enrolment, merge or
opt-in must be corrected first. Exit code 1: a place of the file could not be read, so the list may lack something.`,
    )
    .action(async ({ events, since, until, csv }: Options, command: Command) => {
      const context = contextOf(command);
      const { out } = context;
      if (csv === true && out.json) throw new CliError(EXIT.usage, 'choose one of --csv and --json');
      if (until !== undefined && Date.parse(until) <= Date.parse(since))
        throw new CliError(EXIT.usage, '--until is not after --since');
      const token = context.administratorToken();
      const wrong = await wrongIn(readItems(events, SOURCE, since));
      const progress = out.progress('looking');
      const period = { since, ...(until !== undefined && { until }) };
      const found = await releasesOf(context, token, { ...wrong, ...period }, (done) => progress.update(done));
      progress.done(`${found.releases.length} releases`);
      const people = peopleOf(found.releases);
      const { unread, without } = wrong;
      out.result(
        { ...period, ...found, people, without: Object.fromEntries(without), unread },
        csv === true ? releaseTable(found.releases) : linesOf(found, people, wrong),
      );
      if (csv === true) for (const { place, reason } of unread) out.note(`Not read: ${place}: ${reason}`);
      if (unread.length > 0) process.exitCode = EXIT.refused;
    });
}
