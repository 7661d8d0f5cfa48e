import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cached, cacheFolder, cacheKey, has, run } from './cache.ts';

/**
 * Why nothing can be built with Go on this machine; undefined when it can. CI skips nothing for this reason: there, its
 * tests fail.
 */
export const noGo = process.env['CI'] === 'true' || has('go', ['version']) ? undefined : '`go` is not on PATH';

/** A program that is built from the Go module proxy. */
export interface GoProgram {
  readonly name: string;
  /** Its package, with a version unless `module` decides the version. */
  readonly package: string;
  /** Folder of a Go module of ours, for a program that cannot be installed by its path because of replacements. */
  readonly module?: string;
  readonly ldflags?: string;
}

/**
 * Path of the program. It is built if the cache does not have it (see `cacheFolder`). The cache key is a hash of
 * everything that decides the build: package, flags, the files of the module and the Go version. Throws if Go is
 * missing or the build fails.
 */
export async function goProgram(
  { name, package: path, module, ldflags = '' }: GoProgram,
  progress?: (line: string) => void,
): Promise<string> {
  const flags = ['-trimpath', '-ldflags', `-s -w ${ldflags}`.trim()];
  const hash = createHash('sha256').update(JSON.stringify([path, flags, await goVersion()]));
  if (module !== undefined)
    for (const file of readdirSync(module).toSorted()) hash.update(readFileSync(join(module, file)));
  const target = join(cacheFolder(), 'go', cacheKey(name, hash.digest('hex').slice(0, 16)));
  await cached(target, async (made) => {
    progress?.(`building ${name} with go (once)`);
    mkdirSync(made);
    const env = { CGO_ENABLED: '0', GOFLAGS: '-mod=readonly' };
    if (module === undefined) await run('go', ['install', ...flags, path], { env: { ...env, GOBIN: made }, progress });
    else await run('go', ['build', ...flags, '-o', join(made, name), path], { cwd: module, env, progress });
  });
  return join(target, name);
}

async function goVersion(): Promise<string> {
  try {
    return (await run('go', ['env', 'GOVERSION'], { env: { GOTOOLCHAIN: 'local' } })).trim();
  } catch (error) {
    throw new Error(
      'Some programs of the tests are built with Go 1.26 or later, and `go` was not found. Put a Go toolchain on PATH.',
      { cause: error },
    );
  }
}
