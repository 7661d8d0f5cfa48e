import { mkdirSync, readdirSync, renameSync } from 'node:fs';
import { basename, join } from 'node:path';
import { cached, cacheFolder, cacheKey, has, run } from './cache.ts';

/** Why no program can be taken from a Debian package on this machine; undefined when it can. */
export function noDebianPackages(): string | undefined {
  const missing = [
    ['apt-get', '--version'],
    ['dpkg-deb', '--version'],
  ]
    .filter(([program, flag]) => !has(program!, [flag!]))
    .map(([program]) => program);
  return missing.length === 0 ? undefined : `${missing.join(' and ')} missing: this is no Debian or Ubuntu`;
}

/** Options for apt that keep its lists and downloads in our cache folder, so that it does not need root. */
function ownFolders(): string[] {
  const folder = join(cacheFolder(), 'apt');
  mkdirSync(join(folder, 'lists/partial'), { recursive: true });
  mkdirSync(join(folder, 'cache/archives/partial'), { recursive: true });
  return ['-o', `Dir::State::lists=${join(folder, 'lists')}`, '-o', `Dir::Cache=${join(folder, 'cache')}`];
}

/** The version that apt would take; undefined if its lists do not have the package. */
async function candidate(name: string, options: readonly string[]): Promise<string | undefined> {
  const version = /^ {2}Candidate: (\S+)$/m.exec(
    await run('apt-cache', [...options, 'policy', name], { env: { LC_ALL: 'C' } }),
  )?.[1];
  return version === '(none)' ? undefined : version;
}

/**
 * One program of a Debian package: downloaded by apt and unpacked into the cache folder. Nothing is installed and no
 * dependency is fetched, so root is not needed. `path` is the program's place in the package. Errors: apt is missing,
 * no mirror has the package.
 */
export async function debianProgram(name: string, path: string, progress?: (line: string) => void): Promise<string> {
  const missing = noDebianPackages();
  if (missing !== undefined) throw new Error(`${basename(path)} comes in Debian's package ${name}, and ${missing}.`);
  // The system's lists may be missing, or may name a version that the mirrors no longer have.
  return (
    (await from(name, path, [], progress).catch(() => undefined)) ??
    (await from(name, path, ownFolders(), progress).catch(() => undefined)) ??
    (await fromNewLists(name, path, progress))
  );
}

async function fromNewLists(name: string, path: string, progress?: (line: string) => void): Promise<string> {
  await run('apt-get', [...ownFolders(), '-qq', 'update']);
  const program = await from(name, path, ownFolders(), progress);
  if (program === undefined) throw new Error(`No source of apt has the package ${name}.`);
  return program;
}

async function from(
  name: string,
  path: string,
  options: readonly string[],
  progress?: (line: string) => void,
): Promise<string | undefined> {
  const version = await candidate(name, options);
  if (version === undefined) return undefined;
  const folder = await cached(
    join(cacheFolder(), cacheKey(`${basename(path)}-debian`, version.replaceAll(/[^\w.+~-]/g, '_'))),
    async (made) => {
      progress?.(`fetching ${name} ${version} with apt (once)`);
      const work = `${made}-package`;
      mkdirSync(work);
      await run('apt-get', [...options, '-qq', '-o', 'APT::Sandbox::User=root', 'download', `${name}=${version}`], {
        cwd: work,
      });
      const archive = readdirSync(work).find((file) => file.endsWith('.deb'))!;
      await run('dpkg-deb', ['-x', join(work, archive), join(work, 'all')]);
      mkdirSync(made);
      renameSync(join(work, 'all', path), join(made, basename(path)));
    },
  );
  return join(folder, basename(path));
}
