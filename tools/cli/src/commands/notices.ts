import { PAGE_LANGUAGES, type PageLanguage } from '@provider-access/kernel';
import { closeSync, readFileSync, writeSync } from 'node:fs';
import { type Command, Option } from 'commander';
import {
  NOTICE_TEMPLATES,
  type NoticeSettings,
  type NoticeTemplate,
  printNotice,
  readNoticeSettings,
  TO_CHECK,
} from '@provider-access/domain/pdex/notices';
import { contextOf, documentationOf } from '../context.ts';
import { CliError, EXIT, table } from '../output.ts';
import { openOwn } from '../own-file.ts';
import { csvLine } from './lists.ts';

/** @throws CliError if the file cannot be read, or has a fault */
function settingsOf(file: string | undefined): NoticeSettings {
  if (file === undefined) return {};
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new CliError(EXIT.usage, `${file} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
  const reading = readNoticeSettings(text);
  if (!reading.ok) throw new CliError(EXIT.usage, `${file} ${reading.fault}`);
  return reading.policy;
}

/** `pa notices`: what a payer tells its members and providers. */
export function noticeCommands(program: Command): void {
  const notices = program.command('notices').description('letters about Provider Access');
  notices
    .command('text')
    .description('print a text as Markdown, with the name and the contacts of the payer')
    .addArgument(notices.createArgument('<template>', 'which text').choices(NOTICE_TEMPLATES))
    .addOption(new Option('--lang <language>', 'language of the text').choices(PAGE_LANGUAGES).default('en'))
    .option('--settings <file>', 'the JSON file of NOTICES_FILE')
    .option('--public-url <url>', 'PUBLIC_URL of the platform, for links (default: the platform of the command line)')
    .addHelpText(
      'after',
      ({ command }) => `
Exit codes: 0 printed · 1 printed, and places are open, which standard error names · 2 wrong usage
How to fill the places, and what a person must check: ${documentationOf(command, 'notices')}`,
    )
    .action(
      (
        template: NoticeTemplate,
        o: { lang: PageLanguage; settings?: string; publicUrl?: string },
        command: Command,
      ) => {
        const { out, server } = contextOf(command);
        const { text, missing } = printNotice(template, o.lang, settingsOf(o.settings), o.publicUrl ?? server.base);
        out.result({ template, language: o.lang, text, missing }, text.trimEnd().split('\n'));
        if (missing.length === 0) return;
        out.note(`Nobody has filled these places: ${missing.join(', ')}. Do not send the text before they are.`);
        process.exitCode = EXIT.refused;
      },
    );
  dueCommand(notices);
  notices
    .command('checklist')
    .description('print what a person must check before the texts are used')
    .action((_: object, command: Command) => {
      const { out } = contextOf(command);
      out.result(
        TO_CHECK,
        TO_CHECK.map(({ part, check }) => `[ ] ${part}: ${check}`),
      );
    });
}

interface DueNotice {
  readonly member: string;
  readonly kind: string;
  readonly due: string;
  readonly overdue: boolean;
  readonly language: string;
  readonly languageNote?: string;
  readonly format?: string;
}
interface DuePage {
  readonly today: string;
  readonly until: string;
  readonly notices: readonly DueNotice[];
  readonly next?: string;
}
const HEADER = ['member', 'kind', 'due', 'overdue', 'language', 'wanted language', 'format'];
const rowOf = ({ member, kind, due, overdue, language, languageNote = '', format = '' }: DueNotice): string[] => [
  member,
  kind,
  due,
  overdue ? 'yes' : 'no',
  language,
  languageNote,
  format,
];
/** So many rows are printed. A file has them all. */
const SHOWN = 1000;

/** The list of the mail house. A file is written page by page, so that it may be long. */
function dueCommand(notices: Command): void {
  notices
    .command('due')
    .description('list the notices that members must get, for the mail house')
    .option(
      '--until <day>',
      'notices that are due on this day or before (default: today, in the calendar of the payer)',
    )
    .option('--out <file>', 'all rows as CSV, in a file that only you can read')
    .addHelpText(
      'after',
      ({ command }) => `
The list names members by their ids: the mail house has names and addresses. Report what was sent with
payer.notice-sent.v1. How due days are worked out: ${documentationOf(command, 'notices')}`,
    )
    .action(async (o: { until?: string; out?: string }, command: Command) => {
      if (o.until !== undefined && !/^\d{4}-\d{2}-\d{2}$/.test(o.until))
        throw new CliError(EXIT.usage, '--until is a day such as 2027-01-31');
      const { server, out, payerToken } = contextOf(command);
      const token = payerToken();
      const file = o.out === undefined ? undefined : openOwn(o.out);
      const shown: DueNotice[] = [];
      let [count, overdue, until] = [0, 0, ''];
      try {
        if (file !== undefined) writeSync(file, `${csvLine(HEADER)}\r\n`);
        let next: string | undefined = `/ops/notices${o.until === undefined ? '' : `?until=${o.until}`}`;
        while (next !== undefined) {
          const page: DuePage = await server.json<DuePage>(next, { token });
          if (file !== undefined) writeSync(file, page.notices.map((row) => `${csvLine(rowOf(row))}\r\n`).join(''));
          shown.push(...page.notices.slice(0, SHOWN - shown.length));
          count += page.notices.length;
          overdue += page.notices.filter((row) => row.overdue).length;
          ({ until, next } = { until: page.until, next: page.next });
        }
      } finally {
        if (file !== undefined) closeSync(file);
      }
      const summary = `${count} notices are due by ${until}, ${overdue} of them are overdue`;
      if (o.out !== undefined) return out.result({ until, count, overdue, file: o.out }, [`${summary}: ${o.out}`]);
      out.result({ until, count, overdue, notices: shown }, [
        ...(shown.length === 0 ? [] : table(HEADER, shown.map(rowOf))),
        ...(count > shown.length ? [`… ${count - shown.length} more: --out FILE has all rows`] : []),
        summary,
      ]);
    });
}
