import type { Command } from 'commander';
import { runAdmin } from './admin-process.ts';

const NEEDS = `
The command needs the engines and no running platform. It reads the variables of the services: KAFKA_BROKERS, KAFKA_…,
MONGODB_URI, MONGODB_…
Exit codes: 0 done, or as declared · 1 wrong usage or configuration · 2 something differs ·
3 an engine cannot be reached · 4 not authorized`;

/** Prepares Kafka and MongoDB before the platform starts. Adds to the existing `views` command. */
export function engineCommands(program: Command, run: (argv: readonly string[]) => Promise<number> = runAdmin): void {
  const views = program.commands.find((c) => c.name() === 'views')!;
  const topics = program.command('topics').description('topics of Kafka with their settings');
  const passes = (command: Command, argv: (o: Record<string, string | boolean>) => readonly string[]): Command =>
    command.addHelpText('after', NEEDS).action(async (_o: unknown, self: Command) => {
      const { json } = self.optsWithGlobals<{ json: boolean }>();
      process.exitCode = await run([...argv(self.opts()), ...(json ? ['--json'] : [])]);
    });
  passes(
    topics
      .command('plan')
      .description('compare the topics of Kafka with the declared ones, and list the steps of `apply`'),
    () => ['topics', 'plan'],
  );
  passes(
    topics
      .command('apply')
      .description('create missing topics and set their settings; never changes a partition count, never deletes'),
    () => ['topics', 'apply'],
  );
  for (const [name, description] of [
    ['dump', 'copy every topic into a folder while the platform runs; the folder then holds health data'],
    ['load', 'write a copy into new topics, each record at its old place; reads answer 503 until `accept`'],
  ] as const) {
    topics
      .command(name)
      .argument('<folder>')
      .description(description)
      .addHelpText('after', NEEDS)
      .action(async (folder: string) => {
        process.exitCode = await run(['topics', name, folder]);
      });
  }
  for (const [name, description, why] of [
    [
      'accept',
      'confirm that payers have re-sent everything since the backup; until then, all reads answer 503',
      'why every event since the backup is there again',
    ],
    [
      'accept-loss',
      'accept that retention removed records before the platform read them; the platform continues with the others',
      'why the platform may go on without them',
    ],
  ] as const) {
    topics
      .command(name)
      .description(description)
      .requiredOption('--reason <text>', why)
      .option('--by <name>', 'name of the person who confirms it', 'administrator')
      .addHelpText('after', NEEDS)
      .action(async ({ reason, by }: { reason: string; by: string }) => {
        process.exitCode = await run(['topics', name, '--reason', reason, '--by', by]);
      });
  }
  passes(
    views
      .command('plan')
      .description('compare MongoDB with the declared collections and indexes, and list the steps of `apply`'),
    () => ['views', 'plan'],
  );
  passes(
    views.command('apply').description('create missing collections and indexes, of views and of state; never deletes'),
    () => ['views', 'apply'],
  );
  passes(
    program
      .command('verify')
      .description(
        'check topics, collections and indexes; exit with 2 and list the differences if they are not as declared',
      ),
    () => ['verify'],
  );
  passes(
    program
      .command('acls')
      .description('print the rights of each principal in Kafka as a script of kafka-acls.sh lines; needs no broker')
      .option('--principal-prefix <text>', 'prefix of the principals: payer, admin and the services', 'User:')
      .option('--table', 'print a table instead of the script'),
    ({ principalPrefix, table }) => [
      'acls',
      '--principal-prefix',
      String(principalPrefix),
      ...(table === true ? ['--table'] : []),
    ],
  );
}
