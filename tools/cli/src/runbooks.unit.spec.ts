import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { expect, test } from 'vitest';
import { createProgram } from './program.ts';

const folder = join(import.meta.dirname, '../../../docs/runbooks');
const program = await createProgram();

/** `views rebuild` -> true; a word that is no command is an argument. */
function knows(program: Command, words: readonly string[]): boolean {
  let at = program;
  for (const [i, word] of words.entries()) {
    const next = at.commands.find((command) => command.name() === word);
    if (next === undefined) return i > 0 && at.commands.length === 0;
    at = next;
  }
  return true;
}

test.each(readdirSync(folder))('%s: the commands of `pa` that it names exist', (file) => {
  for (const [, text] of readFileSync(join(folder, file), 'utf8').matchAll(/`pa ([a-z][a-z -]*)/g)) {
    const words = text!.split(' ').filter((word) => /^[a-z][a-z-]*$/.test(word));
    expect(knows(program, words), `pa ${text}`).toBe(true);
  }
});
test('reports a command that does not exist', () => {
  expect(knows(program, ['views', 'mend'])).toBe(false);
  expect(knows(program, ['heal'])).toBe(false);
});
