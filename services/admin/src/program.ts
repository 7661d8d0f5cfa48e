import { Command, CommanderError } from 'commander';
import { aclRows, aclRules, aclScript, type AclOptions } from './acls.ts';
import type { Copies } from './backup/copies.ts';
import { EXIT, engineFault } from './engine-fault.ts';
import { differing, planLines, table, type Area, type Row } from './report.ts';

/** The engines of the commands. A command opens only the parts that it needs. May throw ConfigurationError. */
export interface Declared {
  topics(): OpenArea;
  /** Views and state: one database. */
  views(): OpenArea;
  aclOptions(): AclOptions;
  copies(): Copies;
}
/** `target` names the engine for errors: `Kafka at host:port`. */
interface OpenArea {
  readonly target: string;
  readonly areas: readonly Area[];
}

export interface Streams {
  out(line: string): void;
  error(line: string): void;
}

/** An error with the engine that it comes from. */
class AreaFailed extends Error {
  readonly target: string;
  constructor(target: string, cause: unknown) {
    super(target, { cause });
    this.target = target;
  }
}

async function rowsOf({ target, areas }: OpenArea, work: 'plan' | 'apply'): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const area of areas) {
    try {
      rows.push(...(await area[work]()));
    } catch (error) {
      throw new AreaFailed(target, error);
    }
  }
  return rows;
}

/** Plans and applies topics, collections, indexes and access rules. Never shrinks or deletes. */
function createProgram(declared: Declared, streams: Streams, done: (exit: number) => void): Command {
  const say = (lines: readonly string[]): void => lines.forEach((line) => streams.out(line));
  const tell = (json: boolean, rows: readonly Row[], lines: readonly string[]): void => {
    if (json) streams.out(JSON.stringify({ asDeclared: differing(rows).length === 0, rows }));
    else say(lines);
  };
  const plan = async (opens: readonly OpenArea[], json: boolean): Promise<void> => {
    const rows: Row[] = [];
    for (const open of opens) rows.push(...(await rowsOf(open, 'plan')));
    const differ = differing(rows);
    tell(json, rows, [
      ...planLines(rows),
      '',
      differ.length === 0 ? 'All is as declared.' : `${differ.length} of ${rows.length} differ.`,
    ]);
  };
  const apply = async (opens: readonly OpenArea[], json: boolean): Promise<void> => {
    const rows: Row[] = [];
    for (const open of opens) rows.push(...(await rowsOf(open, 'apply')));
    const did = rows.filter(({ action }) => action === 'create' || action === 'change');
    const left = rows.filter(({ action }) => action === 'by hand');
    tell(json, rows, [
      ...did.map((r) => `${r.action === 'create' ? 'created' : 'changed'} ${r.what}: ${r.shouldBe}`),
      ...(left.length > 0 ? ['', 'Left alone. Do these by hand:', '', ...planLines(left)] : []),
      ...(did.length === 0 && left.length === 0 ? ['Nothing to do: all is as declared.'] : []),
    ]);
    if (left.length > 0) done(EXIT.differs);
  };

  const program = new Command('provider-access-admin')
    .description(
      'Manages topics, indexes and access rules of the Provider Access platform. Never shrinks or deletes. May run ' +
        'any number of times, and twice at once.',
    )
    .exitOverride()
    .configureOutput({
      writeOut: (text) => streams.out(text.trimEnd()),
      writeErr: (text) => streams.error(text.trimEnd()),
    })
    .addHelpText(
      'after',
      `
Exit codes: 0 done, or as declared · 1 wrong usage or configuration · 2 something differs (verify, apply) ·
3 an engine cannot be reached · 4 not authorized
Environment: KAFKA_BROKERS, KAFKA_TOPIC_PREFIX, KAFKA_TLS…, KAFKA_SASL…, KAFKA_PARTITIONS, KAFKA_REPLICATION,
KAFKA_MIN_INSYNC_REPLICAS, PAYER_RETENTION_DAYS, VERSION_RETENTION_DAYS, MONGODB_URI or MONGODB_URI_FILE,
MONGODB_DATABASE`,
    );
  const withJson = (command: Command): Command => command.option('--json', 'the result as one JSON object', false);
  interface Json {
    readonly json: boolean;
  }

  const topics = program.command('topics').description('topics of Kafka with their settings');
  withJson(topics.command('plan'))
    .description('shows the topics in Kafka, the declared topics, and the changes of `apply`')
    .action((o: Json) => plan([declared.topics()], o.json));
  withJson(topics.command('apply'))
    .description('creates missing topics and changes their settings; never changes a partition count')
    .action((o: Json) => apply([declared.topics()], o.json));

  const copying = async <T>(work: (copies: Copies, progress: (line: string) => void) => Promise<T>): Promise<T> => {
    const copies = declared.copies();
    try {
      return await work(copies, (line) => streams.out(line));
    } catch (error) {
      throw new AreaFailed(copies.target, error);
    }
  };
  topics
    .command('dump')
    .argument('<folder>', 'new or empty; it will contain health data')
    .description('copies every topic into a folder while the platform runs (/docs/backup.html)')
    .action(async (folder: string) =>
      say([`Copied as of ${await copying((copies, progress) => copies.dump(folder, progress))}.`]),
    );
  topics
    .command('load')
    .argument('<folder>', 'the folder that `dump` wrote')
    .description('writes a copy into new topics, each record to its offset; all reads answer 503 until `accept`')
    .action(async (folder: string) =>
      say([
        `Restored as of ${await copying((copies, progress) => copies.load(folder, progress))}. ` +
          `All reads answer 503 until \`topics accept\` confirms that payers have re-sent everything since then.`,
      ]),
    );
  topics
    .command('accept')
    .requiredOption('--reason <text>', 'how you know that payers have re-sent everything since the backup')
    .option('--by <name>', 'name of the person who confirms it', 'administrator')
    .description('confirms that payers have re-sent everything since the backup; until then, all reads answer 503')
    .action(async (acceptance: { readonly by: string; readonly reason: string }) => {
      const accepted = await copying((copies) => copies.accept(acceptance));
      say([
        accepted === 0
          ? 'There is no restore that waits for `accept`.'
          : `Accepted ${accepted === 1 ? 'the restore' : `${accepted} restores`}.`,
      ]);
    });

  topics
    .command('accept-loss')
    .requiredOption('--reason <text>', 'why the platform may continue without these records')
    .option('--by <name>', 'name of the person who confirms it', 'administrator')
    .description('accepts that retention removed records before the platform read them, and continues without them')
    .action(async (acceptance: { readonly by: string; readonly reason: string }) => {
      const losses = await copying((copies) => copies.acceptLoss(acceptance));
      say(
        losses.length === 0
          ? ['Nothing was lost: every consumer group had read the records that retention removed.']
          : [
              ...table(
                ['group', 'partition', 'records lost'],
                losses.map(({ group, topic, partition, from, to }) => [
                  group,
                  `${topic}/${partition}`,
                  `${from} to ${to - 1}`,
                ]),
              ),
              '',
              'Accepted. The groups continue with the remaining records within seconds.',
            ],
      );
    });

  const views = program.command('views').description('collections and indexes of MongoDB, of views and of state');
  withJson(views.command('plan'))
    .description('shows the indexes in MongoDB, the declared indexes, and the changes of `apply`')
    .action((o: Json) => plan([declared.views()], o.json));
  withJson(views.command('apply'))
    .description('creates missing collections and indexes')
    .action((o: Json) => apply([declared.views()], o.json));

  withJson(program.command('plan'))
    .description('shows the changes of `apply`')
    .action((o: Json) => plan([declared.topics(), declared.views()], o.json));
  withJson(program.command('apply'))
    .description('applies topics, then collections and indexes')
    .action((o: Json) => apply([declared.topics(), declared.views()], o.json));
  withJson(program.command('verify'))
    .description('exits 0 if everything is as declared, else 2 with the differences')
    .action(async (o: Json) => {
      const rows = [...(await rowsOf(declared.topics(), 'plan')), ...(await rowsOf(declared.views(), 'plan'))];
      const differ = differing(rows);
      tell(o.json, rows, differ.length === 0 ? ['All is as declared.'] : planLines(differ));
      if (differ.length > 0) done(EXIT.differs);
    });

  withJson(program.command('acls'))
    .description('prints the access rights in Kafka as a script of kafka-acls.sh lines, without a broker')
    .option('--principal-prefix <text>', 'prefix of the principals payer, admin and the services', 'User:')
    .option('--table', 'a table instead of the script', false)
    .action((o: Json & { readonly principalPrefix: string; readonly table: boolean }) => {
      const rules = aclRules({ ...declared.aclOptions(), principalPrefix: o.principalPrefix });
      if (o.json) streams.out(JSON.stringify(rules));
      else say(o.table ? table(['principal', 'resource', 'name', 'operations'], aclRows(rules)) : aclScript(rules));
    });
  return program;
}

/** Runs a command line. @returns the exit code @throws only bugs */
export async function run(argv: readonly string[], declared: Declared, streams: Streams): Promise<number> {
  let exit: number = EXIT.ok;
  try {
    await createProgram(declared, streams, (code) => (exit = code)).parseAsync([...argv], { from: 'user' });
    return exit;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    const fault =
      error instanceof AreaFailed ? engineFault(error.cause, error.target) : engineFault(error, 'an engine');
    if (fault === undefined) throw error instanceof AreaFailed ? error.cause : error;
    streams.error(fault.message);
    return fault.exit;
  }
}
