import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterEach, expect, test } from 'vitest';
import { runAdmin } from './admin-process.ts';
import { engineCommands } from './engines.ts';

afterEach(() => {
  process.exitCode = undefined;
});

test.each([
  [
    ['topics', 'plan'],
    ['topics', 'plan'],
  ],
  [
    ['--json', 'topics', 'apply'],
    ['topics', 'apply', '--json'],
  ],
  [
    ['views', 'plan'],
    ['views', 'plan'],
  ],
  [
    ['views', 'apply', '--json'],
    ['views', 'apply', '--json'],
  ],
  [['verify'], ['verify']],
  [['acls'], ['acls', '--principal-prefix', 'User:']],
  [
    ['acls', '--principal-prefix', 'User:CN=', '--table'],
    ['acls', '--principal-prefix', 'User:CN=', '--table'],
  ],
])('pa %j runs the administration with %j and takes over its exit code', async (said, passed) => {
  const program = new Command('pa').exitOverride().option('--json', '', false);
  program.command('views');
  let argv: readonly string[] = [];
  engineCommands(program, async (given) => ((argv = given), 2));
  await program.parseAsync(said, { from: 'user' });
  expect(argv).toEqual(passed);
  expect(process.exitCode).toBe(2);
});

test('the exit code of the program comes back, whatever ended it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'pa-admin-'));
  const main = join(folder, 'main.mjs');
  try {
    writeFileSync(
      main,
      'const [what] = process.argv.slice(2); if (what === "die") process.kill(process.pid, "SIGKILL"); ' +
        'process.exitCode = Number(what);',
    );
    expect(await runAdmin(['0'], main)).toBe(0);
    expect(await runAdmin(['4'], main)).toBe(4);
    expect(await runAdmin(['die'], main)).toBe(137);
    await expect(runAdmin(['0'], join(folder, 'none.mjs'))).rejects.toThrow('run `npm run build`');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
