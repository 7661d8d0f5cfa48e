import type { Command } from 'commander';
import { runAdmin } from './admin-process.ts';

const NEEDS = `
Needs the engines and no running platform. Takes the environment of the services: KAFKA_BROKERS, KAFKA_…, MONGODB_URI,
MONGODB_…
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
  passes(topics.command('plan').description('what Kafka has, what it should have, what `apply` would do'), () => [
    'topics',
    'plan',
  ]);
  passes(
    topics
      .command('apply')
      .description('create missing topics and set their settings; never changes a partition count, never deletes'),
    () => ['topics', 'apply'],
  );
  for (const [name, description] of [
    ['dump', 'copy every topic into a folder, while all goes on; it will hold health data'],
    ['load', 'write a copy into new topics, each record to its place; nothing is decided until `accept`'],
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
      'why all of it is there again',
    ],
    [
      'accept-loss',
      'accept that retention removed records before the platform read them: it goes on with what is left',
      'why the platform may go on without them',
    ],
  ] as const) {
    topics
      .command(name)
      .description(description)
      .requiredOption('--reason <text>', why)
      .option('--by <name>', 'who says so', 'administrator')
      .addHelpText('after', NEEDS)
      .action(async ({ reason, by }: { reason: string; by: string }) => {
        process.exitCode = await run(['topics', name, '--reason', reason, '--by', by]);
      });
  }
  passes(views.command('plan').description('what MongoDB has, what it should have, what `apply` would do'), () => [
    'views',
    'plan',
  ]);
  passes(
    views.command('apply').description('create missing collections and indexes, of views and of state; never deletes'),
    () => ['views', 'apply'],
  );
  passes(
    program
      .command('verify')
      .description('are topics, collections and indexes as declared; exits 2 and says what differs when not'),
    () => ['verify'],
  );
  passes(
    program
      .command('acls')
      .description('who may do what in Kafka, as a script of kafka-acls.sh lines; asks no broker')
      .option('--principal-prefix <text>', "before the names payer, admin and the services'", 'User:')
      .option('--table', 'a table instead of the script'),
    ({ principalPrefix, table }) => [
      'acls',
      '--principal-prefix',
      String(principalPrefix),
      ...(table === true ? ['--table'] : []),
    ],
  );
}
