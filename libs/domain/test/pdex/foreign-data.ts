import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

/** A folder of `shared/data` in a folder above this file; undefined if there is none. */
function folder(name: string): string | undefined {
  for (let at = dirname(fileURLToPath(import.meta.url)); ; at = dirname(at)) {
    const candidate = join(at, 'shared/data', name);
    if (existsSync(candidate)) return candidate;
    if (dirname(at) === at) return undefined;
  }
}

const options = { maxBuffer: 1024 * 1024 * 1024, encoding: 'utf8' } as const;

function skipped(what: string): undefined {
  process.stderr.write(`skipped: no ${what} above this folder\n`);
  return undefined;
}

/**
 * The resources of one type in a foreign set; undefined, with a line on stderr, when the set is not on this machine.
 */
export function foreignLines(set: string, type: string): string[] | undefined {
  const found = folder('foreign');
  const archive = found === undefined ? undefined : join(found, `${set}.tar.gz`);
  if (archive === undefined || !existsSync(archive)) return skipped(`foreign data ${set}`);
  const names = execFileSync('tar', ['-tzf', archive], options)
    .split('\n')
    .filter((name) => name.split('/').at(-1) === `${type}.ndjson` && !name.includes('derived'));
  return names.flatMap((name) => linesOf(archive, name));
}

/** Every resource of each foreign set; undefined, with a line on stderr, when the data are not on this machine. */
export function foreignSets(): { readonly set: string; readonly lines: () => string[] }[] | undefined {
  const found = folder('foreign');
  if (found === undefined) return skipped('foreign data');
  return archivesIn(found).map((archive) => ({
    set: archive.slice(archive.lastIndexOf('/') + 1, -'.tar.gz'.length),
    lines: () => linesOf(archive, '--wildcards', '*.ndjson'),
  }));
}

/** The resources of each of HL7's packages; undefined, with a line on stderr, when they are not on this machine. */
export function packages(): (() => unknown[])[] | undefined {
  const found = folder('ig');
  if (found === undefined) return skipped('packages of HL7');
  return archivesIn(found).map((archive) => () => [...filesOf(archive)].map((text) => JSON.parse(text) as unknown));
}

/**
 * Contents of the resources in a tar archive. A header of 512 bytes has the name, and from byte 124 the size in octal
 * digits.
 */
function* filesOf(archive: string): Generator<string> {
  const bytes = gunzipSync(readFileSync(archive));
  for (let at = 0; at + 512 <= bytes.length && bytes[at] !== 0;) {
    const name = bytes.toString('utf8', at, bytes.indexOf(0, at));
    const size = Number.parseInt(bytes.toString('latin1', at + 124, at + 136), 8);
    if (/\/[A-Z][A-Za-z]+-[^/]*\.json$/.test(name)) yield bytes.toString('utf8', at + 512, at + 512 + size);
    at += 512 * (1 + Math.ceil(size / 512));
  }
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
