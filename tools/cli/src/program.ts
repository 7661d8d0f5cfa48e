import { Command, CommanderError } from 'commander';
import { buildLine } from './build.ts';
import { auditCommands } from './commands/audit.ts';
import { completionCommand } from './commands/completion.ts';
import { deadLetterCommands } from './commands/dead-letters.ts';
import { disclosureCommand } from './commands/disclosures.ts';
import { engineCommands } from './commands/engines.ts';
import { exportCommand } from './commands/export.ts';
import { exportsCommands } from './commands/exports.ts';
import { freshnessCommand } from './commands/freshness.ts';
import { feedsCommand } from './commands/feeds.ts';
import { funnelCommand } from './commands/funnel.ts';
import { generateCommand } from './commands/generate.ts';
import { healthCommand } from './commands/health.ts';
import { importCommand } from './commands/import.ts';
import { importFolderCommand } from './commands/import-folder.ts';
import { attestationCommands } from './commands/attestations.ts';
import { noticeCommands } from './commands/notices.ts';
import { labelsCommand } from './commands/labels.ts';
import { evidenceCommand } from './commands/evidence.ts';
import { linesCommands } from './commands/lines.ts';
import { matchCommand } from './commands/match.ts';
import { explainListCommands } from './commands/explain-lists.ts';
import { operatorCommands } from './commands/operator.ts';
import { peopleCommands } from './commands/people.ts';
import { probeCommand } from './commands/probe.ts';
import { profileCommands } from './commands/profile.ts';
import { providerCommands } from './commands/provider.ts';
import { publishCommand } from './commands/publish.ts';
import { recallCommand } from './commands/recall.ts';
import { refusalsCommand } from './commands/refusals.ts';
import { releasesCommand } from './commands/releases.ts';
import { memberCommands } from './commands/members.ts';
import { memberLinkCommand } from './commands/member-link.ts';
import { reviewsCommand } from './commands/reviews.ts';
import { sandboxCommands } from './commands/sandbox.ts';
import { simulateCommand } from './commands/simulate.ts';
import { sloCommand } from './commands/slo.ts';
import { statementCommands } from './commands/statements.ts';
import { undoCommand } from './commands/undo.ts';
import { CliError, createOutput, EXIT, painted, printable } from './output.ts';

export function createProgram(): Command {
  const program = new Command('pa')
    .description("Provider Access: publish a payer's events, register apps, export Groups, ask why")
    .option('-V, --version', 'print the version and the build: a line for a bug report')
    .on('option:version', () => {
      process.stdout.write(`${buildLine()}\n`);
      throw new CommanderError(EXIT.ok, 'commander.version', '');
    })
    .option('--server <url>', 'the platform', process.env['PA_SERVER'] ?? 'http://127.0.0.1:8080')
    .option('--profile <name>', 'the platform, as `pa profile add` named it')
    .option('--json', 'results as JSON on standard output', false)
    .option(
      '--data-dir <dir>',
      'where `npm start` wrote the administrator and payer tokens',
      process.env['DATA_DIR'] ?? '.data',
    )
    .showHelpAfterError('(add --help for what can be said here)')
    .exitOverride()
    .addHelpText(
      'after',
      `
Exit codes: 0 done · 1 refused, parked or not found · 2 wrong usage · 3 cannot be reached, repeat · 4 not authorized,
or the folder of \`pa export\` holds a finished export
(topics, views plan|apply, verify and acls have exit codes of their own: see their help)
Environment: PA_SERVER, PA_PROFILE, PA_PAYER_TOKEN, PA_ADMINISTRATOR_TOKEN, or the files PA_PAYER_TOKEN_FILE,
PA_ADMINISTRATOR_TOKEN_FILE; DATA_DIR; HTTPS_PROXY, HTTP_PROXY, NO_PROXY; NO_COLOR`,
    );
  generateCommand(program);
  publishCommand(program);
  importCommand(program);
  importFolderCommand(program);
  simulateCommand(program);
  undoCommand(program);
  statementCommands(program);
  deadLetterCommands(program);
  providerCommands(program);
  exportCommand(program);
  exportsCommands(program);
  refusalsCommand(program);
  matchCommand(program);
  operatorCommands(program);
  healthCommand(program);
  explainListCommands(program);
  linesCommands(program);
  disclosureCommand(program);
  peopleCommands(program);
  releasesCommand(program);
  recallCommand(program);
  auditCommands(program);
  probeCommand(program);
  sloCommand(program);
  freshnessCommand(program);
  feedsCommand(program);
  funnelCommand(program);
  noticeCommands(program);
  reviewsCommand(program);
  evidenceCommand(program);
  memberLinkCommand(program);
  memberCommands(program);
  attestationCommands(program);
  labelsCommand(program);
  engineCommands(program);
  sandboxCommands(program);
  profileCommands(program);
  completionCommand(program);
  return program;
}

/** Runs a command line; never throws. `before` belongs to the process as a whole. @returns the exit code */
export async function run(argv: readonly string[], { before }: { before?: () => unknown } = {}): Promise<number> {
  try {
    before?.();
    await createProgram().parseAsync([...argv], { from: 'user' });
    return Number(process.exitCode ?? EXIT.ok);
  } catch (error) {
    const json = argv.includes('--json');
    if (error instanceof CommanderError) {
      const code = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
      // Commander has printed the sentence. Help is no error.
      if (json && code !== EXIT.ok) printError(code, error.message.replace(/^error: /, ''));
      return code;
    }
    if (error instanceof CliError) {
      process.stderr.write(
        `${error.message
          .split('\n')
          .map((line, at) => (at === 0 ? `${painted('red', 'pa:', process.stderr)} ` : '') + printable(line))
          .join('\n')}\n`,
      );
      if (json) printError(error.code, error.message);
      return error.code;
    }
    // A command throws nothing else, unless it has a fault.
    const { stack = String(error) } = error as Partial<Error>;
    process.stderr.write(
      'pa: This is a fault of pa. Please report it with these lines, without what names a person:\n' +
        `pa ${buildLine()}\n${stack}\n`,
    );
    if (json) printError(EXIT.refused, 'a fault of pa: standard error has the details');
    return EXIT.refused;
  }
}

/** One JSON value on standard output, as after a success. */
function printError(exitCode: number, message: string): void {
  createOutput(true).result({ error: { exitCode, message } }, []);
}
