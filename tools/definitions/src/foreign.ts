import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { sharedData } from './find.ts';

const options = { maxBuffer: 1024 * 1024 * 1024, encoding: 'utf8' } as const;

function skipped(what: string): undefined {
  process.stderr.write(`skipped: no ${what} above this folder\n`);
  return undefined;
}

/**
 * The resources of one type in a foreign set; undefined, with a line on stderr, when the set is not on this machine.
 */
export function foreignLines(set: string, type: string): string[] | undefined {
  const found = sharedData('foreign');
  const archive = found === undefined ? undefined : join(found, `${set}.tar.gz`);
  if (archive === undefined || !existsSync(archive)) return skipped(`foreign data ${set}`);
  const names = execFileSync('tar', ['-tzf', archive], options)
    .split('\n')
    .filter((name) => name.split('/').at(-1) === `${type}.ndjson` && !name.includes('derived'));
  return names.flatMap((name) => linesOf(archive, name));
}

/** Every resource of each foreign set; undefined, with a line on stderr, when the data are not on this machine. */
export function foreignSets(): { readonly set: string; readonly lines: () => string[] }[] | undefined {
  const found = sharedData('foreign');
  if (found === undefined) return skipped('foreign data');
  return archivesIn(found).map((archive) => ({
    set: archive.slice(archive.lastIndexOf('/') + 1, -'.tar.gz'.length),
    lines: () => linesOf(archive, '--wildcards', '*.ndjson'),
  }));
}

function archivesIn(where: string): string[] {
  return readdirSync(where)
    .filter((name) => /\.t(ar\.)?gz$/.test(name))
    .sort()
    .map((name) => join(where, name));
}
function linesOf(archive: string, ...names: string[]): string[] {
  return execFileSync('tar', ['-xzOf', archive, ...names], options)
    .split('\n')
    .filter((line) => line !== '');
}
