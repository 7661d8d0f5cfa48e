import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

/** A resource of a package, read where only some of its elements matter. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- the definitions of HL7 are trusted and deep
export type Definition = any;

/**
 * A folder of `shared/data` beside or above the repository; undefined if this machine has none. The project is built
 * without it: only the generators and tests that compare with it read it.
 */
export function sharedData(name: 'ig' | 'foreign'): string | undefined {
  for (let at = dirname(fileURLToPath(import.meta.url)); ; at = dirname(at)) {
    const candidate = join(at, 'shared/data', name);
    if (existsSync(candidate)) return candidate;
    if (dirname(at) === at) return undefined;
  }
}

/**
 * Names and contents of a tar archive. A header has 512 bytes: the name, and from byte 124 the size in octal digits. A
 * name of more than 100 bytes stands in an entry of its own before the file (type `L`, or `x` with a record `path=`).
 */
function* filesOf(archive: string): Generator<{ readonly name: string; readonly text: () => string }> {
  const bytes = gunzipSync(readFileSync(archive));
  let long: string | undefined;
  for (let at = 0; at + 512 <= bytes.length && bytes[at] !== 0;) {
    const size = Number.parseInt(bytes.toString('latin1', at + 124, at + 136), 8);
    const type = String.fromCharCode(bytes[at + 156]!);
    const start = at + 512;
    const text = (): string => bytes.toString('utf8', start, start + size);
    if (type === 'L') long = text().replace(/\0.*/s, '');
    else if (type === 'x') long = /\d+ path=(.*)\n/.exec(text())?.[1];
    else {
      const path = long ?? bytes.toString('utf8', at, bytes.indexOf(0, at));
      long = undefined;
      yield { name: path.slice(path.lastIndexOf('/') + 1), text };
    }
    at += 512 * (1 + Math.ceil(size / 512));
  }
}

/** The resources of a package whose file names pass `wanted`. */
export function resourcesOf(archive: string, wanted: (name: string) => boolean): Definition[] {
  return [...filesOf(archive)]
    .filter(({ name }) => name.endsWith('.json') && wanted(name))
    .map(({ text }) => JSON.parse(text()) as Definition)
    .filter(({ resourceType }) => resourceType !== undefined);
}
