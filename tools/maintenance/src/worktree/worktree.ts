import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The root of this clone. */
const ROOT = join(import.meta.dirname, '../../../..');

function run(command: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8', maxBuffer: 1 << 28 });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed: ${stderr.slice(-2000)}`);
  return stdout.trim();
}

/**
 * Calls `work` with the folder of a throw-away worktree of a commit, which has its dependencies. A commit with the same
 * lock file as this clone shares them by hard links.
 * @param commit whatever git understands
 */
export function inWorktree<T>(commit: string, work: (root: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'maintenance-'));
  const root = join(folder, 'tree');
  const remove = (): void => {
    spawnSync('git', ['worktree', 'remove', '--force', root], { cwd: ROOT });
    rmSync(folder, { recursive: true, force: true });
  };
  // A run of an hour is often interrupted.
  const interrupted = (): never => {
    remove();
    process.exit(130);
  };
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
  try {
    run('git', ['worktree', 'add', '--detach', root, commit], ROOT);
    const lock = (tree: string): string => readFileSync(join(tree, 'package-lock.json'), 'utf8');
    if (existsSync(join(ROOT, 'node_modules')) && lock(ROOT) === lock(root)) {
      const installed = run('find', ['.', '-name', 'node_modules', '-prune', '-type', 'd'], ROOT).split('\n');
      for (const modules of installed.filter(Boolean))
        run('cp', ['-al', join(ROOT, modules), join(root, modules)], ROOT);
    } else run('npm', ['ci', '--prefer-offline', '--no-audit', '--no-fund'], root);
    return work(root);
  } finally {
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted);
    remove();
  }
}
