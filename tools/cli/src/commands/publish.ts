import type { Command } from 'commander';
import { readItems } from '../client/sources.ts';
import { SOURCE } from '@provider-access/full-files';
import { contextOf } from '../context.ts';
import { instant } from '../options.ts';
import { publishAll } from './report.ts';

/** `pa publish`: what a payer's integration engineer sends as files. */
export function publishCommand(program: Command): void {
  program
    .command('publish')
    .argument(
      '<path>',
      'file, folder, .tar.gz, .zip or - : CloudEvents or FHIR resources as NDJSON, Bundles, JSON; .gz too',
    )
    .description('publish events; FHIR resources are wrapped as events; waits and says what became of each')
    .option('--source <uri>', 'source of wrapped resources', SOURCE)
    .option('--time <instant>', 'business time of resources without meta.lastUpdated (default: now)', instant('--time'))
    .option('--explain <file>', 'write one row an event (NDJSON): outcome and reason')
    .action(async (path: string, options: { source: string; time?: string; explain?: string }, command: Command) => {
      await publishAll(contextOf(command), readItems(path, options.source, options.time ?? new Date().toISOString()), {
        explain: options.explain,
      });
    });
}
