import { Command, CommanderError } from 'commander';
import { buildLine } from './build.ts';
import { COMMAND_MODULES } from './command-modules.ts';
import { CliError, createOutput, EXIT, painted, printable } from './output.ts';

/** `pa` with its own options, and no command. */
function bareProgram(): Command {
  return new Command('pa')
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
}

/**
 * The first word of a command line that is no option of `pa` itself. Undefined if there is none, or if commander may
 * read the line in another way than here.
 */
function commandOf(argv: readonly string[]): string | undefined {
  for (let at = 0; at < argv.length; at += 1) {
    const word = argv[at]!;
    if (WITH_VALUE.has(word)) at += 1;
    else if (word !== '--json') return word;
  }
  return undefined;
}
const WITH_VALUE: ReadonlySet<string> = new Set(['--server', '--profile', '--data-dir']);

/** `pa` with the commands that a command line needs. Without one, or for a line that names none: with all of them. */
export async function createProgram(argv: readonly string[] = []): Promise<Command> {
  const word = commandOf(argv);
  const named = COMMAND_MODULES.filter(({ commands }) => word !== undefined && commands.includes(word));
  const needed = named.length === 0 || named.some(({ readsAll }) => readsAll) ? COMMAND_MODULES : named;
  const program = bareProgram();
  for (const add of await Promise.all(needed.map(({ load }) => load()))) add(program);
  return program;
}

/** Runs a command line; never throws. `before` belongs to the process as a whole. @returns the exit code */
export async function run(argv: readonly string[], { before }: { before?: () => unknown } = {}): Promise<number> {
  try {
    before?.();
    const program = await createProgram(argv);
    await program.parseAsync([...argv], { from: 'user' });
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
