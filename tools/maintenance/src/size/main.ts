#!/usr/bin/env node
/**
 * `npm run size`: lines of product code, tools and specs of the working tree, and the largest files and functions of
 * the product. `npm run size -- COMMIT` measures a commit; `npm run size -- COMMIT COMMIT` also prints the difference.
 */
import { join } from 'node:path';
import { MAX_FILE, MAX_FUNCTION, measure, type Size } from './measure.ts';
import { treeOf, workingTree } from './tree.ts';

const LARGEST = 10;
const root = join(import.meta.dirname, '../../../..');

/** The largest ten, and all that are above the limit. */
const largest = <T extends { readonly lines: number }>(list: readonly T[], limit: number): T[] =>
  list.filter(({ lines }, i) => i < LARGEST || lines > limit);
const row = (lines: number, text: string): string => `${String(lines).padStart(7)}  ${text}`;

function print(name: string, { lines, parts, files, functions }: Size): void {
  const rows = [
    `Lines of TypeScript, ${name}`,
    ...Object.entries(lines).map(([kind, count]) => row(count, kind)),
    '\nProduct code by part',
    ...parts.map(([part, count]) => row(count, part)),
    `\nLargest files of the product (at most ${MAX_FILE} lines are allowed)`,
    ...largest(files, MAX_FILE).map((file) => row(file.lines, file.path)),
    `\nLargest functions of the product (at most ${MAX_FUNCTION} lines are allowed)`,
    ...largest(functions, MAX_FUNCTION).map((one) => row(one.lines, `${one.name}  ${one.path}:${one.line}`)),
  ];
  console.log(rows.join('\n'));
}

const commits = process.argv.slice(2);
const [first = 'working tree', second] = commits;
const before = measure(commits.length === 0 ? workingTree(root) : treeOf(root, first));
if (second === undefined) print(first, before);
else {
  const after = measure(treeOf(root, second));
  print(second, after);
  const change = after.lines.product - before.lines.product;
  console.log(`\nProduct code: ${before.lines.product} at ${first}, ${after.lines.product} at ${second}: ${change}`);
}
