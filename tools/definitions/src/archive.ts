import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';

/** A resource of a package, read where only some of its elements matter. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- the definitions of HL7 are trusted and deep
export type Definition = any;

/**
 * Names and contents of a tar archive. A header has 512 bytes: the name, and from byte 124 the size in octal digits. A
 * name of more than 100 bytes stands in an entry of its own before the file (type `L`, or `x` with a record `path=`).
 */
function* filesOf(archive: Buffer): Generator<{ readonly name: string; readonly text: () => string }> {
  const bytes = gunzipSync(archive);
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

/** The resources in a gzipped tar archive whose file names (`Type-id.json`) pass `wanted`. */
export function resourcesIn(archive: Buffer, wanted: (name: string) => boolean): Definition[] {
  return [...filesOf(archive)]
    .filter(({ name }) => name.endsWith('.json') && wanted(name))
    .map(({ text }) => JSON.parse(text()) as Definition)
    .filter(({ resourceType }) => resourceType !== undefined);
}

const DEFINES = /^(CapabilityStatement|CodeSystem|SearchParameter|StructureDefinition|ValueSet)-/;
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/**
 * SHA-256 of what a package defines. It leaves out what does not define: the packing, the order and the white space,
 * examples, and narratives. So an archive that somebody packed again has the same digest.
 */
export function digestOf(archive: Buffer): string {
  const lines = resourcesIn(archive, (name) => DEFINES.test(name)).map(({ text: _narrative, ...definition }) => {
    const { resourceType, id } = definition as Readonly<Record<string, string>>;
    return `${resourceType}/${id} ${sha256(JSON.stringify(definition))}\n`;
  });
  return sha256(lines.toSorted().join(''));
}
