import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Definition, resourcesIn } from './archive.ts';
import type { Hl7Package } from './packages.ts';

/** The folder into which packages are fetched, beside the engines of `tools/testing`. */
export function packageCache(): string {
  const { PROVIDER_ACCESS_CACHE, XDG_CACHE_HOME = join(homedir(), '.cache') } = process.env;
  return join(PROVIDER_ACCESS_CACHE ?? join(XDG_CACHE_HOME, 'provider-access'), 'fhir-packages');
}

/**
 * A folder of `shared/data` in a folder above the repository: the maintainers' collection of definitions (`ig`) and of
 * resources that others wrote (`foreign`). Undefined if this machine has none.
 */
export function sharedData(name: 'ig' | 'foreign'): string | undefined {
  for (let at = dirname(fileURLToPath(import.meta.url)); ; at = dirname(at)) {
    const candidate = join(at, 'shared/data', name);
    if (existsSync(candidate)) return candidate;
    if (dirname(at) === at) return undefined;
  }
}

export const titleOf = ({ name, version }: Hl7Package): string => `${name} ${version}`;
export const fileOf = ({ name, version }: Hl7Package): string => `${name}-${version}.tgz`;

/**
 * The archive of a package on this machine: in the folder that `$FHIR_PACKAGES` names, and nowhere else if it names
 * one; else in the cache or in the collection of the maintainers. Undefined if it is not there.
 */
export function archiveOf(wanted: Hl7Package): string | undefined {
  const given = process.env['FHIR_PACKAGES'];
  const folders = given === undefined ? [packageCache(), sharedData('ig')] : [given];
  return folders
    .filter((folder) => folder !== undefined)
    .flatMap((folder) => [fileOf(wanted), wanted.file ?? []].flat().map((file) => join(folder, file)))
    .find((path) => existsSync(path));
}

/**
 * Why a spec that needs these packages is skipped, for the end of its name: the summary of a run lists the names of
 * skipped tests. Empty if all of them are there.
 */
export function whyWithout(...wanted: readonly Hl7Package[]): string {
  const missing = wanted.filter((one) => archiveOf(one) === undefined);
  if (missing.length === 0) return '';
  return ` (skipped without ${missing.map(titleOf).join(', ')}: npm run fhir-packages fetches them)`;
}

/**
 * The resources of a package whose file names (`Type-id.json`) pass `wanted`.
 * @throws Error if the package is not on this machine
 */
export function definitionsOf(from: Hl7Package, wanted: (name: string) => boolean): Definition[] {
  const archive = archiveOf(from);
  if (archive === undefined)
    throw new Error(`${titleOf(from)} is not on this machine: npm run fhir-packages fetches it`);
  return resourcesIn(readFileSync(archive), wanted);
}
