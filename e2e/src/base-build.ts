import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cached, cacheFolder, cacheKey, run } from '@provider-access/testing';

/**
 * An earlier build of the platform, to roll from and back to: the commit in `e2e/cluster/BASE`. It is built once and
 * kept in the cache folder by its id.
 */

const ROOT = join(import.meta.dirname, '../..');
const BASE_FILE = join(ROOT, 'e2e/cluster/BASE');

/** The full id of the commit. @throws if the file does not hold one */
export function baseCommit(): string {
  const commit = readFileSync(BASE_FILE, 'utf8').trim();
  if (!/^[0-9a-f]{40}$/.test(commit))
    throw new Error('e2e/cluster/BASE must hold the full id of a commit, 40 hexadecimal digits');
  return commit;
}

/** The folder with BASE's sources, dependencies and `dist`. @throws as `buildOf` */
export const baseBuild = (progress?: (line: string) => void): Promise<string> => buildOf(baseCommit(), progress);

/**
 * The folder with the sources, dependencies and `dist` of a commit. A clone that is too shallow fetches that commit.
 * @param commit its full id
 * @throws if neither the clone nor its origin has the commit, or if the build fails
 */
export async function buildOf(commit: string, progress?: (line: string) => void): Promise<string> {
  const target = join(cacheFolder(), 'base', cacheKey('build', commit));
  return cached(target, async (made) => {
    await fetched(commit, progress);
    mkdirSync(made);
    const archive = `${made}.tar`;
    await run('git', ['archive', '--format=tar', '-o', archive, commit], { cwd: ROOT, progress });
    await run('tar', ['-xf', archive, '-C', made], { progress });
    progress?.(`building ${commit} (once)`);
    await run('npm', ['ci', '--prefer-offline', '--no-audit', '--no-fund'], { cwd: made, progress });
    await run('npm', ['run', '--silent', 'build'], { cwd: made, progress });
  });
}

async function fetched(commit: string, progress: ((line: string) => void) | undefined): Promise<void> {
  if (spawnSync('git', ['cat-file', '-e', `${commit}^{commit}`], { cwd: ROOT }).status === 0) return;
  await run('git', ['fetch', '--depth', '1', 'origin', commit], { cwd: ROOT, progress });
}
