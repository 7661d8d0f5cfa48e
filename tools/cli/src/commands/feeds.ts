import type { Command } from 'commander';
import type { Feed, FeedReport, ListLacks } from '@provider-access/domain/pdex/feeds';
import { contextOf, documentationOf } from '../context.ts';
import { CliError, EXIT, table } from '../output.ts';
import { text } from '../options.ts';

/** Without the beginning of the URL: `us-core-patient|6.1.0`. */
const nameOf = (profile: string): string => profile.slice(profile.lastIndexOf('/') + 1);
const feedName = ({ source, type, profile }: Feed): string =>
  `${source} ${profile === undefined ? type : nameOf(profile)}`;

const hasUnknownLabels = ({ unknownLabels = [] }: Feed): boolean => unknownLabels.length > 0;

/** The report in a form for people. */
function feedLines({ from, to, feeds }: FeedReport): string[] {
  const lacking = feeds.filter((feed) => feed.lacks.length > 0);
  const unchecked = new Map<string, readonly string[]>();
  for (const { profile, unchecked: what } of feeds)
    if (profile !== undefined && what.length > 0) unchecked.set(nameOf(profile), what);
  return [
    `resources that the platform recorded or refused from ${from} to ${to} (UTC)`,
    '',
    ...(feeds.length === 0
      ? ['none']
      : table(
          ['source', 'type', 'profile', 'checked', 'lacking', 'policy'],
          feeds.map((feed) => [
            feed.source,
            feed.type,
            feed.profile === undefined ? 'none that is checked' : nameOf(feed.profile),
            String(feed.checked),
            feed.profile === undefined ? '' : String(feed.lacking),
            feed.policy ?? '',
          ]),
        )),
    ...lacking.flatMap((feed) => [
      '',
      `${feedName(feed)} lacks:`,
      ...table(
        ['element', 'rule', 'resources'],
        feed.lacks.map(({ element, rule, count }) => [element, rule, String(count)]),
      ).map((line) => `  ${line}`),
    ]),
    ...feeds.filter(hasUnknownLabels).flatMap((feed) => [
      '',
      `${feedName(feed)} has security labels that the policy does not know:`,
      ...table(
        ['label', 'resources'],
        feed.unknownLabels!.map(({ label, count }) => [label, String(count)]),
      ).map((line) => `  ${line}`),
    ]),
    ...feeds.flatMap(({ withheldTags = [], ...feed }) =>
      withheldTags.length === 0
        ? []
        : [
            '',
            `${feedName(feed)} has resources that are withheld because of a code of a list:`,
            ...table(
              ['reason', 'resources'],
              withheldTags.map(({ tag, count }) => [tag, String(count)]),
            ).map((line) => `  ${line}`),
          ],
    ),
    ...(unchecked.size === 0 ? [] : ['', 'not checked:']),
    ...[...unchecked].flatMap(([profile, what]) => [`  ${profile}:`, ...what.map((line) => `    ${line}`)]),
  ];
}

interface ListPage {
  readonly lists: readonly ListLacks[];
  readonly next?: string;
}
/** The lists with members who lack something, in a form for people. */
function listLines(lists: readonly ListLacks[]): string[] {
  const lacking = lists.filter((list) => list.lacking > 0);
  const members = lists.reduce((sum, list) => sum + list.members, 0);
  return [
    `${lists.length} lists with ${members} members · ${lacking.length} lists lack something that ATR demands`,
    ...lacking.flatMap(({ group, providers, contract, members: all, lacking: some, lacks }) => [
      '',
      `Group/${group} (${[...providers, ...(contract === undefined ? [] : [`contract ${contract}`])].join(', ')}): ` +
        `${some} of ${all} members lack`,
      ...table(
        ['element', 'members'],
        lacks.map(({ element, count }) => [element, String(count)]),
      ).map((line) => `  ${line}`),
    ]),
  ];
}
async function reportLists(command: Command): Promise<void> {
  const context = contextOf(command);
  const lists: ListLacks[] = [];
  for (let path: string | undefined = '/ops/lists'; path !== undefined;) {
    const page: ListPage = await context.server.json<ListPage>(path, { token: context.payerToken() });
    lists.push(...page.lists);
    path = page.next;
  }
  context.out.result({ lists }, listLines(lists));
  if (lists.some(({ lacking }) => lacking > 0)) process.exitCode = EXIT.refused;
}

interface FeedsOptions {
  readonly from?: string;
  readonly to?: string;
  readonly source?: string;
  readonly for?: string;
  readonly lists?: boolean;
}

/** What the payer's data lacks. */
export function feedsCommand(program: Command): void {
  program
    .command('feeds')
    .description("what the payer's data lacks of the profiles that it declares, by source, profile and element")
    .option('--from <day>', 'first UTC day, e.g. 2026-11-01 (default: six days before --to)')
    .option('--to <day>', 'last day, included (default: today)')
    .option('--source <uri>', 'only this source of events', text('--source'))
    .option('--for <canonical>', 'only this profile, with a version or in every version', text('--for'))
    .option('--lists', 'instead: what ATR demands of Patient and Coverage of members on lists, by list')
    .addHelpText(
      'after',
      ({ command }) => `
Exit codes: 0 nothing is lacking · 1 something is lacking, or a security label is unknown (the report says what) ·
2 wrong usage · 3 cannot be reached · 4 not authorized
What is checked, and how to refuse, unmark or keep such resources: ${documentationOf(command, 'feeds')}`,
    )
    .action(async (o: FeedsOptions, command: Command) => {
      if (o.lists === true) {
        const other = (['from', 'to', 'source', 'for'] as const).find((name) => o[name] !== undefined);
        if (other !== undefined) throw new CliError(EXIT.usage, `--${other} cannot be used with --lists`);
        return reportLists(command);
      }
      for (const name of ['from', 'to'] as const)
        if (o[name] !== undefined && !/^\d{4}-\d{2}-\d{2}$/.test(o[name]))
          throw new CliError(EXIT.usage, `--${name} is a day such as 2026-11-30`);
      const context = contextOf(command);
      const query = new URLSearchParams();
      const { from, to, source, for: profile } = o;
      for (const [name, value] of Object.entries({ from, to, source, profile }))
        if (value !== undefined) query.set(name, value);
      const report = await context.server.json<FeedReport>(`/ops/feeds?${query}`, { token: context.payerToken() });
      context.out.result(report, feedLines(report));
      if (report.feeds.some((feed) => feed.lacking > 0 || hasUnknownLabels(feed))) process.exitCode = EXIT.refused;
    });
}
