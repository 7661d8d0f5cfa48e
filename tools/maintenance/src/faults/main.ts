#!/usr/bin/env node
/**
 * `npm run faults`: plants each fault of this folder in a throw-away worktree, runs the suites that cover the place,
 * and prints whether they found it. `--declaration NAME` takes those of one declaration, `--commit COMMIT` another
 * commit than HEAD; other arguments are ids of faults. Fails if a fault is not found.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { addWorktree } from '../worktree/worktree.ts';
import { type Fault, plant } from './fault.ts';
import { FAULTS } from './faults.ts';
import { compile, type Outcome, runSuites, withText } from './run.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { declaration: { type: 'string' }, commit: { type: 'string', default: 'HEAD' } },
});
const chosen = Object.entries(FAULTS)
  .filter(([name]) => values.declaration === undefined || values.declaration === name)
  .flatMap(([, faults]) => faults)
  .filter(({ id }) => positionals.length === 0 || positionals.includes(id));
if (chosen.length === 0) throw new Error(`no fault has such a name; declarations: ${Object.keys(FAULTS).join(', ')}`);

function outcomeOf(root: string, fault: Fault, sound: Set<string>): Outcome {
  const planted = plant(fault, (file) => {
    const path = join(root, file);
    return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
  });
  const { suites } = planted;
  // A suite that fails without the fault would find every fault.
  const fresh = suites === 'types' ? [] : suites.filter((suite) => !sound.has(suite));
  const without = fresh.length === 0 ? { passed: true } : runSuites(root, fresh);
  if (!without.passed) throw new Error(`${fault.id}: its suites fail without the fault: ${without.first}`);
  for (const suite of fresh) sound.add(suite);
  return withText(root, planted.file, planted.text, () =>
    suites === 'types' ? compile(root) : runSuites(root, suites),
  );
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ').slice(0, 160);
let bad = 0;
const tree = addWorktree(values.commit);
// A run of an hour is often interrupted.
for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, () => {
    tree.remove();
    process.exit(130);
  });
try {
  const sound = new Set<string>();
  console.log('| fault | what it does | found by |\n| --- | --- | --- |');
  for (const fault of chosen) {
    let result: string;
    try {
      const { passed, first } = outcomeOf(tree.root, fault, sound);
      if (passed) bad += 1;
      result = passed ? '**not found**' : (first ?? 'found');
    } catch (error) {
      bad += 1;
      result = `**error** ${error instanceof Error ? error.message : String(error)}`;
    }
    console.log(`| \`${fault.id}\` | ${cell(fault.what)} | ${cell(result)} |`);
  }
} finally {
  tree.remove();
}
console.log(`\n${chosen.length - bad} of ${chosen.length} faults were found at ${tree.commit}.`);
process.exit(bad === 0 ? 0 : 1);
