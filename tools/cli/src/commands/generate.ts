import { createWriteStream } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Command } from 'commander';
import { toStructured } from '@provider-access/events';
import { syntheticPayer } from '@provider-access/synthetic';
import { contextOf } from '../context.ts';
import { CliError, EXIT } from '../output.ts';
import { ownFolder } from '../client/own-folder.ts';

/** The default end of the synthetic history. It is fixed, so that a seed gives the same payer on any day. */
export const DEFAULT_AS_OF = '2026-11-01T00:00:00.000Z';

export const positiveInteger =
  (name: string) =>
  (text: string): number => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < 1) throw new CliError(EXIT.usage, `${name} must be a whole number above 0`);
    return value;
  };

/** `pa generate`: a synthetic payer's events, streamed. */
export function generateCommand(program: Command): void {
  program
    .command('generate')
    .description('write the events of a synthetic payer as NDJSON (CloudEvents)')
    .option('--members <n>', 'members', positiveInteger('--members'), 200)
    .option('--seed <s>', 'same seed, same payer', '1')
    .option('--as-of <instant>', 'end of the history', DEFAULT_AS_OF)
    .requiredOption('--out <dir>', 'folder for events.ndjson, or - for standard output')
    .action(async (o: { members: number; seed: string; asOf: string; out: string }, command: Command) => {
      const { out } = contextOf(command);
      const payer = syntheticPayer({ seed: o.seed, members: o.members, asOf: o.asOf });
      let sink: NodeJS.WritableStream = process.stdout;
      if (o.out !== '-') {
        ownFolder(o.out);
        sink = createWriteStream(join(o.out, 'events.ndjson'));
      }
      const progress = out.progress('generating');
      let count = 0;
      for (const event of payer.events()) {
        count += 1;
        if (!sink.write(`${JSON.stringify(toStructured(event))}\n`)) await once(sink, 'drain');
        if (count % 1000 === 0) progress.update(`${count} events`);
      }
      if (o.out !== '-') {
        (sink as ReturnType<typeof createWriteStream>).end();
        await once(sink, 'close');
        out.result({ events: count, members: o.members, file: join(o.out, 'events.ndjson') }, [
          `${count} events of ${o.members} members in ${join(o.out, 'events.ndjson')}`,
        ]);
      }
      progress.done(`${count} events`);
    });
}
