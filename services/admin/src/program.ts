import { Command, CommanderError } from 'commander';
import type { Loss } from '@provider-access/engines/log';
import { aclRows, aclRules, aclScript, type AclOptions } from './acls.ts';
import { EXIT, engineFault } from './engine-fault.ts';
import { differing, planLines, table, type Area, type Row } from './report.ts';

/** What the commands work on; each part is opened only by a command that needs it. May throw ConfigurationError. */
export interface Declared {
  topics(): OpenArea;
  /** Views and state: one database. */
  views(): OpenArea;
  aclOptions(): AclOptions;
  copies(): Copies;
}
/** Copies of the topics. Each call opens and closes its engine. `progress` gets a line for each topic. */
export interface Copies {
  readonly target: string;
  /** @returns when the copy was begun: what was acknowledged before is in it */
  dump(folder: string, progress: (line: string) => void): Promise<string>;
  /** @returns the same of the copy */
  load(folder: string, progress: (line: string) => void): Promise<string>;
  /** @returns how many restores were open */
  accept(acceptance: { readonly by: string; readonly reason: string }): Promise<number>;
  /** @returns the losses that are accepted by this */
  acceptLoss(acceptance: { readonly by: string; readonly reason: string }): Promise<readonly Loss[]>;
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

/** An engine did not do it; carries what the message needs. */
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

/** Plans and applies what the platform needs in its engines. Never shrinks or deletes. */
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
      ...(left.length > 0 ? ['', 'Left alone, to be done by hand:', '', ...planLines(left)] : []),
      ...(did.length === 0 && left.length === 0 ? ['Nothing to do: all is as declared.'] : []),
    ]);
    if (left.length > 0) done(EXIT.differs);
  };

  const program = new Command('provider-access-admin')
    .description(
      'Topics, indexes and access rules of the Provider Access platform. Never shrinks or deletes; may run any ' +
        'number of times, also at once.',
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
KAFKA_MIN_INSYNC_REPLICAS, PAYER_RETENTION_DAYS, MONGODB_URI or MONGODB_URI_FILE, MONGODB_DATABASE`,
    );
  const withJson = (command: Command): Command => command.option('--json', 'the result as one JSON object', false);
  interface Json {
    readonly json: boolean;
  }

  const topics = program.command('topics').description('topics of Kafka with their settings');
  withJson(topics.command('plan'))
    .description('what is, what should be, what `apply` would do')
    .action((o: Json) => plan([declared.topics()], o.json));
  withJson(topics.command('apply'))
    .description('creates missing topics and sets their settings; never fewer or more partitions')
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
    .argument('<folder>', 'empty or not there yet; it will hold health data')
    .description('copies every topic into a folder while all goes on (docs/backup.md)')
    .action(async (folder: string) =>
      say([`Copied as of ${await copying((copies, progress) => copies.dump(folder, progress))}.`]),
    );
  topics
    .command('load')
    .argument('<folder>', 'what `dump` wrote')
    .description('writes a copy into new topics, each record to its place; nothing is decided until `accept`')
    .action(async (folder: string) =>
      say([
        `Restored as of ${await copying((copies, progress) => copies.load(folder, progress))}. ` +
          `Nothing is decided until \`topics accept\` says that payers have published what came after it.`,
      ]),
    );
  topics
    .command('accept')
    .requiredOption('--reason <text>', 'why all that came after the copy is there again')
    .option('--by <name>', 'who says so', 'administrator')
    .description('confirms that payers have re-sent everything since the backup; until then, all reads answer 503')
    .action(async (acceptance: { readonly by: string; readonly reason: string }) => {
      const accepted = await copying((copies) => copies.accept(acceptance));
      say([
        accepted === 0
          ? 'There is no restore that waits to be accepted.'
          : `Accepted ${accepted === 1 ? 'the restore' : `${accepted} restores`}.`,
      ]);
    });

  topics
    .command('accept-loss')
    .requiredOption('--reason <text>', 'why the platform may go on without these records')
    .option('--by <name>', 'who says so', 'administrator')
    .description('accepts that retention removed records before the platform read them: it goes on with what is left')
    .action(async (acceptance: { readonly by: string; readonly reason: string }) => {
      const losses = await copying((copies) => copies.acceptLoss(acceptance));
      say(
        losses.length === 0
          ? ['Nothing was lost: every consumer group has read what retention removed.']
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
              'Accepted. The groups go on with what is left, within seconds.',
            ],
      );
    });

  const views = program.command('views').description('collections and indexes of MongoDB, of views and of state');
  withJson(views.command('plan'))
    .description('what is, what should be, what `apply` would do')
    .action((o: Json) => plan([declared.views()], o.json));
  withJson(views.command('apply'))
    .description('creates missing collections and indexes')
    .action((o: Json) => apply([declared.views()], o.json));

  withJson(program.command('plan'))
    .description('what `apply` would do')
    .action((o: Json) => plan([declared.topics(), declared.views()], o.json));
  withJson(program.command('apply'))
    .description('all in order: topics, then collections and indexes')
    .action((o: Json) => apply([declared.topics(), declared.views()], o.json));
  withJson(program.command('verify'))
    .description('exits 0 when all is as declared, else 2 and says what differs')
    .action(async (o: Json) => {
      const rows = [...(await rowsOf(declared.topics(), 'plan')), ...(await rowsOf(declared.views(), 'plan'))];
      const differ = differing(rows);
      tell(o.json, rows, differ.length === 0 ? ['All is as declared.'] : planLines(differ));
      if (differ.length > 0) done(EXIT.differs);
    });

  withJson(program.command('acls'))
    .description('who may do what in Kafka: a script of kafka-acls.sh lines; asks no broker')
    .option('--principal-prefix <text>', "before the names payer, admin and the services'", 'User:')
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
