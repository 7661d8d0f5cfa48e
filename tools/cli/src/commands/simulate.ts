import { FILE_KINDS } from '@provider-access/events';
import type { Command } from 'commander';
import type { ImportName } from '@provider-access/full-files';
import { contextOf } from '../context.ts';
import { oneOf } from '../options.ts';
import { type FullOptions, fullFileOf, simulateFull } from './full-import.ts';
import { sourceOf, withFull } from './import.ts';
import { simulateLabels } from './simulate-labels.ts';

/** Lists of sensitive codes, beside the full files. */
const LABELS = 'labels';

/** `pa simulate`: what a full file would change. */
export function simulateCommand(program: Command): void {
  withFull(program.command('simulate'))
    .argument('<what>', [...FILE_KINDS, LABELS].join(' | '), oneOf('what to simulate', ...FILE_KINDS, LABELS))
    .argument('<file>', `CSV with a header, .gz too; ${LABELS}: all lists of codes, JSON, separated by commas`)
    .description('say which members lists would gain and lose, or which resources be withheld; change nothing')
    .option('--map <file>', 'YAML: which column is which attribute (/docs/import.html of the platform)')
    .action(async (what: string, file: string, o: FullOptions & { readonly map?: string }, command: Command) => {
      if (what === LABELS) return simulateLabels(file, contextOf(command));
      const { server, out, payerToken } = contextOf(command);
      const full = fullFileOf(what, await sourceOf(what as ImportName, file, o), o);
      await simulateFull(full, { server, token: payerToken() }, out);
    });
}
