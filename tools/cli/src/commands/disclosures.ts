import { PAGE_LANGUAGES } from '@provider-access/kernel';
import { writeFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { contextOf, type Context } from '../context.ts';
import { CliError, EXIT } from '../output.ts';
import { printList, withList, type List, type ListOptions } from './lists.ts';
import { id, instant, text } from '../options.ts';

interface Disclosure {
  readonly at: string;
  readonly client: string;
  /** Absent in entries of releases that did not record it, and of the administrator. */
  readonly agent?: { readonly name: string; readonly providers?: readonly string[]; readonly more?: number };
  readonly action: string;
  readonly outcome: string;
  readonly reason?: string;
  readonly resources?: number;
  readonly types?: readonly string[];
  readonly job?: string;
  readonly purpose?: string;
  readonly query?: string;
  /** Names of providers, as the directory of the payer has them. */
  readonly names?: Readonly<Record<string, string>>;
  /** Names of recalls. */
  readonly recalled?: readonly string[];
}
interface Page {
  readonly disclosures: readonly Disclosure[];
  /** A path on the server. */
  readonly next?: string;
}
interface Options extends ListOptions {
  readonly member?: string;
  readonly until?: string;
  readonly html?: string;
  readonly lang?: string;
}
const PATH = '/ops/disclosures';
const MOST_IN_A_PAGE = 1000;

/** Follows the pages until the limit. */
async function disclosuresOf(
  { server, administratorToken }: Context,
  query: URLSearchParams,
  limit: number | undefined,
): Promise<{ readonly items: readonly Disclosure[]; readonly more: boolean }> {
  const token = administratorToken();
  const items: Disclosure[] = [];
  if (limit !== undefined && limit < MOST_IN_A_PAGE) query.set('limit', String(limit));
  for (let next: string | undefined = `${PATH}?${query}`; next !== undefined;) {
    // A link of the server leads to the same list, and never to another host.
    if (!next.startsWith(`${PATH}?`)) throw new CliError(EXIT.unavailable, 'the server named a next page elsewhere');
    const page: Page = await server.json<Page>(next, { token });
    for (const one of page.disclosures) items.push(one);
    next = page.next;
    if (limit !== undefined && items.length >= limit)
      return { items: items.slice(0, limit), more: next !== undefined || items.length > limit };
  }
  return { items, more: false };
}

function memberOf(argument: string | undefined, option: string | undefined): string {
  if (argument !== undefined && option !== undefined)
    throw new CliError(EXIT.usage, 'name the member once: pa disclosures MEMBER');
  const member = argument ?? option;
  if (member === undefined) throw new CliError(EXIT.usage, 'name the member: pa disclosures MEMBER');
  return member;
}

/** The NPIs and TINs that the app was bound to, such as `npi 1234567893`, with their names in the directory. */
const providersOf = ({ agent, names = {} }: Disclosure): string =>
  [
    ...(agent?.providers ?? []).map(
      (key) => key.replace('|', ' ') + (names[key] === undefined ? '' : ` (${names[key]})`),
    ),
    ...(agent?.more === undefined ? [] : [`and ${agent.more} more`]),
  ].join(', ');

/** `pa disclosures`: a table, CSV, JSON, or a page to print. */
export function disclosureCommand(program: Command): void {
  withList(program.command('disclosures'), 'time')
    .argument('[member]', 'member id', id('MEMBER'))
    .description('who was given what of a member, and who was refused')
    .option('--member <id>', 'member id, instead of the argument', id('--member'))
    .option('--until <instant>', 'rows whose time is before', instant('--until'))
    .option('--html <file>', 'an accounting to print (mode 0600), of what was given', text('--html'))
    .addOption(new Option('--lang <language>', 'language of the accounting (default: en)').choices(PAGE_LANGUAGES))
    .action(async (argument: string | undefined, o: Options, command: Command) => {
      const context = contextOf(command);
      const member = memberOf(argument, o.member);
      const query = new URLSearchParams({
        member,
        ...(o.since !== undefined && { since: o.since }),
        ...(o.until !== undefined && { until: o.until }),
      });
      if (o.lang !== undefined && o.html === undefined) throw new CliError(EXIT.usage, '--lang needs --html');
      if (o.html !== undefined) return printable(context, query, o.html, o);
      const { items, more } = await disclosuresOf(context, query, o.limit);
      const list: List<Disclosure> = {
        items,
        header: ['at', 'app', 'provider', 'action', 'outcome', 'resources', 'of', 'job', 'client'],
        row: (d) => [
          d.at,
          d.agent?.name ?? '',
          providersOf(d),
          d.action,
          (d.reason === undefined ? d.outcome : `${d.outcome}: ${d.reason}`) +
            (d.recalled === undefined ? '' : `; ${d.recalled.join(' ')}`),
          String(d.resources ?? '?'),
          (d.types ?? []).join(' '),
          d.job ?? '',
          d.client,
        ],
        timeOf: (d) => d.at,
        none: ['nothing'],
      };
      printList(context.out, list, o);
      if (more) context.out.note('There are more rows without --limit.');
    });
}

async function printable(
  { server, out, administratorToken }: Context,
  query: URLSearchParams,
  file: string,
  { limit, csv, lang }: Options,
): Promise<void> {
  if (limit !== undefined || csv === true)
    throw new CliError(EXIT.usage, '--html takes --since and --until, and neither --limit nor --csv');
  if (lang !== undefined) query.set('lang', lang);
  const { text: page } = await server.call(`${PATH}/document?${query}`, { token: administratorToken() });
  try {
    // `wx`: an existing file may be open to others, and its mode would stay.
    writeFileSync(file, page, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    const exists = (error as NodeJS.ErrnoException).code === 'EEXIST';
    throw new CliError(EXIT.usage, exists ? `${file} exists: name another file` : `${file} cannot be written`);
  }
  out.result({ file }, [`The accounting is in ${file}.`]);
}
