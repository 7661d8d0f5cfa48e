import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { kindOf } from '../size/kind.ts';
import { run } from '../worktree/worktree.ts';

/** A change of one file: text that the file contains once is replaced, or a file is written. */
type Edit =
  | { readonly file: string; readonly find: string; readonly replace: string }
  | { readonly file: string; readonly text: string };

/** Something that a newcomer adds, by the recipe of CONTRIBUTING.md. */
export interface Task {
  readonly name: string;
  /** Product files that the task may touch or add. */
  readonly files: number;
  readonly edits: readonly Edit[];
  /** Commands of the recipe that write generated files, and the specs that see that the thing works. */
  readonly commands: readonly string[];
}

/** Applies the edits of a task in a tree. @throws Error that names the file whose text is not there once */
export function apply(root: string, { name, edits }: Task): void {
  for (const edit of edits) {
    const path = join(root, edit.file);
    mkdirSync(dirname(path), { recursive: true });
    if ('text' in edit) {
      writeFileSync(path, edit.text);
      continue;
    }
    const parts = readFileSync(path, 'utf8').split(edit.find);
    if (parts.length !== 2) throw new Error(`${name}: ${edit.file} has ${parts.length - 1} times: ${edit.find}`);
    writeFileSync(path, parts.join(edit.replace));
  }
}

/** The product files that differ from the commit. */
export const changedProduct = (root: string): string[] =>
  run('git', ['ls-files', '--modified', '--others', '--exclude-standard'], root)
    .split('\n')
    .filter((path) => kindOf(path) === 'product');

/** The tree as its commit has it. What git ignores, such as builds, stays. */
export function reset(root: string): void {
  run('git', ['reset', '--quiet', '--hard'], root);
  run('git', ['clean', '--quiet', '-fd'], root);
}
