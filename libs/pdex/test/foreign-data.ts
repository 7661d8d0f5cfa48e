import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder `shared/data/foreign` in any folder above this file; undefined where it is not there. */
function folder(): string | undefined {
  for (let at = dirname(fileURLToPath(import.meta.url)); ; at = dirname(at)) {
    const candidate = join(at, 'shared/data/foreign');
    if (existsSync(candidate)) return candidate;
    if (dirname(at) === at) return undefined;
  }
}

/** The resources of one type in a foreign set, or undefined (said aloud) when the set is not on this machine. */
export function foreignLines(set: string, type: string): string[] | undefined {
  const found = folder();
  const archive = found === undefined ? undefined : join(found, `${set}.tar.gz`);
  if (archive === undefined || !existsSync(archive)) {
    process.stderr.write(`skipped: no foreign data ${set} above this folder\n`);
    return undefined;
  }
  const options = { maxBuffer: 256 * 1024 * 1024, encoding: 'utf8' } as const;
  const names = execFileSync('tar', ['-tzf', archive], options).split('\n').filter((name) => name.split('/').at(-1) === `${type}.ndjson` && !name.includes('derived'));
  return names.flatMap((name) => execFileSync('tar', ['-xzOf', archive, name], options).split('\n').filter((line) => line !== ''));
}
