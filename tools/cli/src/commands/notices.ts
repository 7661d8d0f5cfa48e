import { readFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import {
  NOTICE_LANGUAGES,
  NOTICE_TEMPLATES,
  type NoticeLanguage,
  type NoticeSettings,
  type NoticeTemplate,
  printNotice,
  readNoticeSettings,
  TO_CHECK,
} from '@provider-access/domain/pdex/notices';
import { contextOf, documentationOf } from '../context.ts';
import { CliError, EXIT } from '../output.ts';

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
    .addOption(new Option('--lang <language>', 'language of the text').choices(NOTICE_LANGUAGES).default('en'))
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
        o: { lang: NoticeLanguage; settings?: string; publicUrl?: string },
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
