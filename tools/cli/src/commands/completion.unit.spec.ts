import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { pa } from '../../test/captured.ts';

const completed = (script: string, ...words: readonly string[]): string[] =>
  execFileSync(
    'bash',
    [
      '-c',
      `${script}\nCOMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _pa; printf '%s\\n' "\${COMPREPLY[@]}"`,
      'bash',
      ...words,
    ],
    { encoding: 'utf8' },
  )
    .trim()
    .split('\n');

test('bash completes commands and options, also of nested commands and behind options', async () => {
  const { stdout } = await pa('completion', 'bash');
  expect(completed(stdout, 'pa', 'ex')).toEqual([
    'export',
    'exports',
    'explain',
    'explain-apps',
    'explain-timeline',
    'explain-members',
  ]);
  expect(completed(stdout, 'pa', 'dead-letters', 'rep')).toEqual(['replay']);
  expect(completed(stdout, 'pa', '--json', 'apps', 'li')).toEqual(['list']);
  expect(completed(stdout, 'pa', 'export', '--si')).toEqual(['--since']);
  expect(completed(stdout, 'pa', 'export', '--js')).toEqual(['--json']);
});

test('zsh and fish have scripts with the same commands, and another shell is refused', async () => {
  expect((await pa('completion', 'zsh')).stdout).toMatch(/bashcompinit[^]*pa dead-letters replay/);
  expect((await pa('completion', 'fish')).stdout).toMatch(/complete -c pa -f -n '_pa_at pa dead-letters' -a replay/);
  expect(await pa('completion', 'tcsh')).toMatchObject({ code: 2 });
});
