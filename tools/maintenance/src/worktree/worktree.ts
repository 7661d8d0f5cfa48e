import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

/** The root of this clone. */
const ROOT = join(import.meta.dirname, '../../../..');

/** A throw-away worktree with its dependencies. */
export interface Worktree {
  readonly root: string;
  /** Its commit. */
  readonly commit: string;
  remove(): void;
}

/** @returns the standard output. @throws Error with the end of what the command printed */
export function run(command: string, args: readonly string[], cwd: string): string {
  // The programs of the folder come first, as `npm run` does it.
  const env = { ...process.env, PATH: `${join(cwd, 'node_modules/.bin')}${delimiter}${process.env['PATH'] ?? ''}` };
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, env, encoding: 'utf8', maxBuffer: 1 << 28 });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed:\n${`${stdout}\n${stderr}`.slice(-4000)}`);
  return stdout.trim();
}

/**
 * Makes a throw-away worktree of a commit. A commit with the same lock file as this clone shares its dependencies by
 * hard links; otherwise npm installs them.
 * @param commit whatever git understands
 */
export function addWorktree(commit: string): Worktree {
  const folder = mkdtempSync(join(tmpdir(), 'maintenance-'));
  const root = join(folder, 'tree');
  const remove = (): void => {
    spawnSync('git', ['worktree', 'remove', '--force', root], { cwd: ROOT });
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    run('git', ['worktree', 'add', '--detach', root, commit], ROOT);
    const lock = (tree: string): string => readFileSync(join(tree, 'package-lock.json'), 'utf8');
    if (existsSync(join(ROOT, 'node_modules')) && lock(ROOT) === lock(root)) {
      const installed = run('find', ['.', '-name', 'node_modules', '-prune', '-type', 'd'], ROOT).split('\n');
      for (const modules of installed) run('cp', ['-al', join(ROOT, modules), join(root, modules)], ROOT);
    } else run('npm', ['ci', '--prefer-offline', '--no-audit', '--no-fund'], root);
    return { root, commit: run('git', ['rev-parse', '--short', 'HEAD'], root), remove };
  } catch (error) {
    remove();
    throw error;
  }
}
