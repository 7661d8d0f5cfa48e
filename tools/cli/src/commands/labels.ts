import { closeSync, readFileSync, writeSync } from 'node:fs';
import type { Command } from 'commander';
import { contextOf, documentationOf } from '../context.ts';
import { codeListOf } from '../import/cms-labels.ts';
import { CliError, EXIT } from '../output.ts';
import { openOwn } from '../own-file.ts';

/** What a reason may name a list by (`readCodeList`). */
const LIST = /^[A-Za-z0-9][\w .,§()/-]{0,59}$/;

/** `pa labels`: lists of sensitive codes. */
export function labelsCommand(program: Command): void {
  program
    .command('labels')
    .description('make lists of sensitive codes')
    .command('import')
    .argument('<file>', "CMS's security_labels.yml, as you downloaded it")
    .requiredOption('--list <date>', 'the date or revision of the file, by which reasons name the list')
    .option('--out <file>', 'write the list there (default: standard output)')
    .description("make a list of codes from CMS's file, with its codes of CPT, in place of the built-in list")
    .addHelpText(
      'after',
      ({ command }) => `
The codes of CPT belong to the American Medical Association: have a licence. Name the list in SENSITIVE_CODES_FILES:
${documentationOf(command, 'sensitive-data')}`,
    )
    .action((name: string, { list, out: file }: { list: string; out?: string }, command: Command) => {
      if (!LIST.test(list)) throw new CliError(EXIT.usage, '--list is a date or a name such as 2026-08-22');
      const made = codeListOf(textOf(name), list);
      const { out } = contextOf(command);
      const text = `${JSON.stringify(made, null, 2)}\n`;
      if (file === undefined) return out.result(made, text.trimEnd().split('\n'));
      const descriptor = openOwn(file);
      try {
        writeSync(descriptor, text);
      } finally {
        closeSync(descriptor);
      }
      const codes = made.labels.reduce((sum, group) => sum + group.codes.length, 0);
      out.result({ list, codes, file }, [`${codes} codes, list ${list}: ${file}`]);
    });
}

function textOf(name: string): string {
  try {
    return readFileSync(name, 'utf8');
  } catch (error) {
    throw new CliError(EXIT.usage, `${name} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}
