import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The TypeScript files of a tree: path → text. */
export type Tree = ReadonlyMap<string, string>;

const git = (root: string, args: readonly string[], input?: string): Buffer =>
  execFileSync('git', args, { cwd: root, input, maxBuffer: 1 << 30 });
const paths = (listed: Buffer): string[] =>
  listed
    .toString()
    .split('\0')
    .filter((path) => path.endsWith('.ts'));

/** The files of the working tree that git does not ignore. @param root a folder of a clone */
export function workingTree(root: string): Tree {
  const listed = paths(git(root, ['ls-files', '-z', '--cached', '--others', '--exclude-standard']));
  const present = listed.filter((path) => existsSync(join(root, path)));
  return new Map(present.map((path) => [path, readFileSync(join(root, path), 'utf8')]));
}

/** The files of a commit. @throws if the clone does not have the commit */
export function treeOf(root: string, commit: string): Tree {
  const listed = paths(git(root, ['ls-tree', '-r', '-z', '--name-only', commit]));
  const asked = listed.map((path) => `${commit}:${path}\n`).join('');
  const answer = git(root, ['cat-file', '--batch'], asked);
  let at = 0;
  const texts = listed.map((path): [string, string] => {
    // `<id> blob <bytes>`, a line break, the bytes, a line break.
    const begin = answer.indexOf('\n', at) + 1;
    const bytes = Number(answer.toString('latin1', at, begin).split(' ')[2]);
    at = begin + bytes + 1;
    return [path, answer.toString('utf8', begin, begin + bytes)];
  });
  return new Map(texts);
}
