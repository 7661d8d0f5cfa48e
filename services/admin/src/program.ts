import { Command, CommanderError } from 'commander';
import { aclGrants, aclRows, aclRules, aclScript, type AclOptions } from './acls.ts';
import type { Acceptance } from './backup/accept.ts';
import type { Copies } from './backup/copies.ts';
import { EngineFault, EXIT, engineFault } from './engine-fault.ts';
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
  readonly out: (line: string) => void;
  readonly error: (line: string) => void;
}

/** Does the work. @throws EngineFault naming the engine, or a bug */
async function at<T>(target: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw engineFault(error, target) ?? error;
  }
}

async function rowsOf(opens: readonly OpenArea[], work: 'plan' | 'apply'): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const { target, areas } of opens) for (const area of areas) rows.push(...(await at(target, () => area[work]())));
  return rows;
}

function planned(rows: readonly Row[]): readonly string[] {
  const { length } = differing(rows);
  return [...planLines(rows), '', length === 0 ? ALL_DECLARED : `${length} of ${rows.length} differ.`];
}
const ALL_DECLARED = 'All is as declared.';

const byHand = (rows: readonly Row[]): readonly Row[] => rows.filter(({ action }) => action === 'by hand');
function applied(rows: readonly Row[]): readonly string[] {
  const did = rows.filter(({ action }) => action === 'create' || action === 'change');
  const left = byHand(rows);
  return [
    ...did.map((r) => `${r.action === 'create' ? 'created' : 'changed'} ${r.what}: ${r.shouldBe}`),
    ...(left.length > 0 ? ['', 'Left alone. Do these by hand:', '', ...planLines(left)] : []),
    ...(did.length === 0 && left.length === 0 ? ['Nothing to do: all is as declared.'] : []),
  ];
}

interface Json {
  readonly json: boolean;
}
const withJson = (command: Command): Command => command.option('--json', 'the result as one JSON object', false);

/** Plans and applies topics, collections, indexes and access rules. Never shrinks or deletes. */
function createProgram(declared: Declared, streams: Streams, done: (exit: number) => void): Command {
  const tell = (json: boolean, rows: readonly Row[], lines: readonly string[]): void => {
    if (json) streams.out(JSON.stringify({ asDeclared: differing(rows).length === 0, rows }));
    else lines.forEach(streams.out);
  };
  const addPlanAndApply = (to: Command, opens: () => readonly OpenArea[], plan: string, apply: string): void => {
    withJson(to.command('plan'))
      .description(plan)
      .action(async ({ json }: Json) => {
        const rows = await rowsOf(opens(), 'plan');
        tell(json, rows, planned(rows));
      });
    withJson(to.command('apply'))
      .description(apply)
      .action(async ({ json }: Json) => {
        const rows = await rowsOf(opens(), 'apply');
        tell(json, rows, applied(rows));
        if (byHand(rows).length > 0) done(EXIT.differs);
      });
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
    .addHelpText('after', HELP);
  const topics = program.command('topics').description('topics of Kafka with their settings');
  addPlanAndApply(
    topics,
    () => [declared.topics()],
    'shows the topics in Kafka, the declared topics, and the changes of `apply`',
    'creates missing topics and changes their settings; never changes a partition count',
  );
  addCopies(topics, declared, streams);
  addPlanAndApply(
    program.command('views').description('collections and indexes of MongoDB, of views and of state'),
    () => [declared.views()],
    'shows the indexes in MongoDB, the declared indexes, and the changes of `apply`',
    'creates missing collections and indexes',
  );
  addPlanAndApply(
    program,
    () => [declared.topics(), declared.views()],
    'shows the changes of `apply`',
    'applies topics, then collections and indexes',
  );
  withJson(program.command('verify'))
    .description('exits 0 if everything is as declared, else 2 with the differences')
    .action(async ({ json }: Json) => {
      const rows = [...(await rowsOf([declared.topics()], 'plan')), ...(await rowsOf([declared.views()], 'plan'))];
      const differ = differing(rows);
      tell(json, rows, differ.length === 0 ? [ALL_DECLARED] : planLines(differ));
      if (differ.length > 0) done(EXIT.differs);
    });
  addAcls(program, declared, streams);
  return program;
}
const HELP = `
Exit codes: 0 done, or as declared · 1 wrong usage or configuration · 2 something differs (verify, apply) ·
3 an engine cannot be reached · 4 not authorized
Environment: KAFKA_BROKERS, KAFKA_TOPIC_PREFIX, KAFKA_TLS…, KAFKA_SASL…, KAFKA_PARTITIONS, KAFKA_REPLICATION,
KAFKA_MIN_INSYNC_REPLICAS, PAYER_RETENTION_DAYS, VERSION_RETENTION_DAYS, MONGODB_URI or MONGODB_URI_FILE,
MONGODB_DATABASE`;

/** Copies of all topics, and what an operator confirms after a loss. */
function addCopies(topics: Command, declared: Declared, { out }: Streams): void {
  const copying = <T>(work: (copies: Copies) => Promise<T>): Promise<T> => {
    const copies = declared.copies();
    return at(copies.target, () => work(copies));
  };
  const accepting = (name: string, reason: string): Command =>
    topics
      .command(name)
      .requiredOption('--reason <text>', reason)
      .option('--by <name>', 'name of the person who confirms it', 'administrator');

  topics
    .command('dump')
    .argument('<folder>', 'new or empty; it will contain health data')
    .description('copies every topic into a folder while the platform runs (/docs/backup.html)')
    .action(async (folder: string) => out(`Copied as of ${await copying((copies) => copies.dump(folder, out))}.`));
  topics
    .command('load')
    .argument('<folder>', 'the folder that `dump` wrote')
    .description('writes a copy into new topics, each record to its offset; all reads answer 503 until `accept`')
    .action(async (folder: string) =>
      out(
        `Restored as of ${await copying((copies) => copies.load(folder, out))}. ` +
          'All reads answer 503 until `topics accept` confirms that payers have re-sent everything since then.',
      ),
    );
  accepting('accept', 'how you know that payers have re-sent everything since the backup')
    .description('confirms that payers have re-sent everything since the backup; until then, all reads answer 503')
    .action(async (acceptance: Acceptance) => {
      const accepted = await copying((copies) => copies.accept(acceptance));
      out(
        accepted === 0
          ? 'There is no restore that waits for `accept`.'
          : `Accepted ${accepted === 1 ? 'the restore' : `${accepted} restores`}.`,
      );
    });
  accepting('accept-loss', 'why the platform may continue without these records')
    .description('accepts that retention removed records before the platform read them, and continues without them')
    .action(async (acceptance: Acceptance) => {
      const losses = await copying((copies) => copies.acceptLoss(acceptance));
      if (losses.length === 0)
        return out('Nothing was lost: every consumer group had read the records that retention removed.');
      const rows = losses.map(({ group, topic, partition, from, to }) => [
        group,
        `${topic}/${partition}`,
        `${from} to ${to - 1}`,
      ]);
      table(['group', 'partition', 'records lost'], rows).forEach(out);
      out('');
      out('Accepted. The groups continue with the remaining records within seconds.');
    });
}

function addAcls(program: Command, declared: Declared, { out }: Streams): void {
  withJson(program.command('acls'))
    .description('prints the access rights in Kafka as a script of kafka-acls.sh lines, without a broker')
    .option('--principal-prefix <text>', 'prefix of the principals payer, admin and the services', 'User:')
    .option('--table', 'a table instead of the script', false)
    .action((o: Json & { readonly principalPrefix: string; readonly table: boolean }) => {
      const options = { ...declared.aclOptions(), principalPrefix: o.principalPrefix };
      const grants = aclGrants(options);
      if (o.json) out(JSON.stringify(aclRules(options)));
      else if (o.table) table(['principal', 'resource', 'name', 'operations'], aclRows(grants)).forEach(out);
      else aclScript(grants).forEach(out);
    });
}

/** Runs a command line. @returns the exit code @throws only bugs */
export async function run(argv: readonly string[], declared: Declared, streams: Streams): Promise<number> {
  let exit: number = EXIT.ok;
  try {
    await createProgram(declared, streams, (code) => (exit = code)).parseAsync([...argv], { from: 'user' });
    return exit;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    const fault = error instanceof EngineFault ? error : engineFault(error, 'an engine');
    if (fault === undefined) throw error;
    streams.error(fault.message);
    return fault.exit;
  }
}
