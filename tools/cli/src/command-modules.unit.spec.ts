import type { Command } from 'commander';
import { afterEach, expect, test, vi } from 'vitest';
import { COMMAND_MODULES } from './command-modules.ts';
import { createProgram, run } from './program.ts';

afterEach(() => vi.restoreAllMocks());

// Loads all modules here, because a test has a limit of time.
await createProgram();
const NAMES = [...new Set(COMMAND_MODULES.flatMap(({ commands }) => commands))];
const helpOf = (command: Command): string =>
  [command.helpInformation(), ...command.commands.map((each) => helpOf(each))].join('\n');
const find = (program: Command, name: string): Command | undefined =>
  program.commands.find((command) => command.name() === name);

test('every command of `pa` is in the table of modules', async () => {
  const program = await createProgram();
  expect(program.commands.map((command) => command.name()).toSorted()).toEqual(NAMES.toSorted());
});

test.each(NAMES)('`pa %s` alone has the help and the subcommands that it has among all commands', async (name) => {
  const alone = find(await createProgram([name]), name);
  expect(helpOf(alone!)).toBe(helpOf(find(await createProgram(), name)!));
});

test.each(NAMES.filter((name) => name !== 'completion'))('`pa %s` needs no other command', async (name) => {
  const { commands } = await createProgram(['--server', 'http://127.0.0.1:9', '--json', name]);
  expect(commands.length).toBeLessThan(8);
});

/** What a command line prints, and how it ends. */
async function ending(end: () => Promise<unknown>): Promise<unknown> {
  let said = '';
  const take = (text: string | Uint8Array): boolean => ((said += String(text)), true);
  vi.spyOn(process.stdout, 'write').mockImplementation(take);
  vi.spyOn(process.stderr, 'write').mockImplementation(take);
  const code = await end().catch((error: unknown) => (error as { exitCode?: number }).exitCode ?? String(error));
  vi.restoreAllMocks();
  return [code, said];
}
test.each([
  'slo --help',
  '--json slo --help',
  '--json --json slo --nonsense',
  '--server http://127.0.0.1:9 slo --help',
  '--server=http://127.0.0.1:9 slo --help',
  '--server slo --help',
  '--server slo',
  '--server slo freshness --help',
  '--server',
  '--profile --json slo --help',
  '--data-dir slo slo --help',
  '--data-dir=slo freshness --help',
  '--help',
  '--help slo',
  '-h slo',
  '-V slo',
  'help',
  'help slo',
  'help slo freshness',
  'help nonsense',
  'help apps list',
  'nonsense slo',
  'slos',
  'frehsness',
  '--nonsense slo',
  '--nonsense',
  '--jsno slo --help',
  '--server slo --nonsense freshness',
  '-- slo --help',
  '-- --json slo',
  '- slo',
  '',
  'apps',
  'apps nonsense',
  'apps help list',
  'apps list --help',
  'views nonsense',
  'views plan --help',
  'topics --help',
  'opt-outs --member m',
  'publish',
  'SLO --help',
  'slo slo slo',
  '__proto__',
  'constructor',
])('`pa %s` says what it says with all commands loaded', async (line) => {
  const argv = line === '' ? [] : line.split(' ');
  const whole = await createProgram();
  const expected = await ending(() => whole.parseAsync(argv, { from: 'user' }).then(() => undefined));
  const lazy = await createProgram(argv);
  expect(await ending(() => lazy.parseAsync(argv, { from: 'user' }).then(() => undefined))).toEqual(expected);
});

test('completion knows every command', async () => {
  const [, said] = (await ending(() => run(['completion', 'bash']))) as [number, string];
  for (const name of NAMES) expect(said).toContain(`'pa ${name}')`);
});
