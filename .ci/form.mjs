#!/usr/bin/env node
/**
 * Checks that every file has Prettier's form: `npm run format:check`. Prettier itself takes 100 CPU-seconds for this
 * repository. oxfmt writes the same form for nearly every program, in two. So a program that oxfmt would leave as it is
 * has its form; Prettier decides about the others, and about all other files. `npm run format` is Prettier alone.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { format } from 'oxfmt';
import { root } from './report.mjs';

const PROGRAM = /\.(?:[cm]?[jt]s|tsx)$/;
const { printWidth, singleQuote } = JSON.parse(readFileSync(join(root, '.prettierrc.json'), 'utf8'));

/** Also what is not committed yet. */
const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { cwd: root, encoding: 'utf8' });
const files = listed.split('\n').filter((file) => file !== '' && existsSync(join(root, file)));

async function hasForm(file) {
  if (!PROGRAM.test(file)) return false;
  const text = readFileSync(join(root, file), 'utf8');
  const { code, errors } = await format(file, text, { printWidth, singleQuote });
  return errors.length === 0 && code === text;
}
const formed = await Promise.all(files.map(hasForm));
const others = files.filter((_, i) => !formed[i]);
const prettier = ['--check', '--log-level', 'warn', '--ignore-unknown', ...others];
process.exitCode =
  spawnSync(join(root, 'node_modules/.bin/prettier'), prettier, { cwd: root, stdio: 'inherit' }).status ?? 1;
