import { FILE_KINDS } from '@provider-access/events';
import type { Command } from 'commander';
import type { ImportName } from '../import/kinds.ts';
import { contextOf } from '../context.ts';
import { oneOf } from '../options.ts';
import { type FullOptions, fullFileOf, simulateFull } from './full-import.ts';
import { sourceOf, withFull } from './import.ts';

/** `pa simulate`: what a full file would change. */
export function simulateCommand(program: Command): void {
  withFull(program.command('simulate'))
    .argument('<what>', FILE_KINDS.join(' | '), oneOf('what to simulate', ...FILE_KINDS))
    .argument('<file>', 'CSV with a header, .gz too')
    .description('say which members the lists of providers would gain and lose by a full file; publish nothing')
    .option('--map <file>', 'YAML: which column is which attribute (/docs/import.html of the platform)')
    .action(async (what: string, file: string, o: FullOptions & { readonly map?: string }, command: Command) => {
      const { server, out, payerToken } = contextOf(command);
      const full = fullFileOf(what, await sourceOf(what as ImportName, file, o), o);
      await simulateFull(full, { server, token: payerToken() }, out);
    });
}
