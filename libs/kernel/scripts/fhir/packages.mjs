/**
 * Reads the JSON resources in one of HL7's packages. The project is built without the packages: only scripts and tests
 * that compare with them need the folder `shared/data/ig` beside or above the repository.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

/** The folder of the packages; undefined if this machine has none. */
export function packagesFolder() {
  for (let at = dirname(fileURLToPath(import.meta.url)); ; at = dirname(at)) {
    const candidate = join(at, 'shared/data/ig');
    if (existsSync(candidate)) return candidate;
    if (dirname(at) === at) return undefined;
  }
}

/**
 * The resources of the package whose file name passes `wanted`. A header of a tar archive has 512 bytes: the name, and
 * from byte 124 the size in octal digits.
 */
export function resourcesOf(archive, wanted) {
  const bytes = gunzipSync(readFileSync(archive));
  const found = [];
  for (let at = 0; at + 512 <= bytes.length && bytes[at] !== 0;) {
    const name = bytes.toString('utf8', at, bytes.indexOf(0, at));
    const size = Number.parseInt(bytes.toString('utf8', at + 124, at + 135), 8);
    const base = name.slice(name.lastIndexOf('/') + 1);
    if (base.endsWith('.json') && wanted(base)) {
      const resource = JSON.parse(bytes.toString('utf8', at + 512, at + 512 + size));
      if (resource.resourceType !== undefined) found.push(resource);
    }
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return found;
}
