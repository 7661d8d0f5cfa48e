import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { digestOf } from './archive.ts';
import { archiveOf, fileOf, packageCache, titleOf } from './find.ts';
import type { Hl7Package } from './packages.ts';

/** HL7's package server, from which tools for FHIR install packages as npm does. */
const SERVER = 'https://packages.fhir.org';
const LONGEST_MS = 300_000;

/**
 * The path of the archive of a package, with the definitions that its row names. It is fetched into the cache if it is
 * not on this machine.
 * @param server another server with the same paths, such as a mirror
 * @throws Error that names the package, the URL, the hash, the folder and the next step
 */
export async function fetchPackage(wanted: Hl7Package, server: string = SERVER): Promise<string> {
  const there = archiveOf(wanted);
  if (there !== undefined) {
    check(wanted, readFileSync(there), there);
    return there;
  }
  const folder = process.env['FHIR_PACKAGES'] ?? packageCache();
  const url = wanted.url ?? `${server}/${wanted.name}/${wanted.version}`;
  const bytes = await download(url).catch((error: unknown) => {
    const why = error instanceof Error ? `${error.message} ${String(error.cause ?? '')}`.trim() : String(error);
    throw new Error(`${titleOf(wanted)} could not be fetched from ${url} (${why}). ${nextStep(wanted, folder)}`);
  });
  check(wanted, bytes, url);
  const path = join(folder, fileOf(wanted));
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${path}.part`, bytes);
  renameSync(`${path}.part`, path);
  return path;
}

async function download(url: string): Promise<Buffer> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(LONGEST_MS) });
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  return Buffer.from(await answer.arrayBuffer());
}

function check(wanted: Hl7Package, bytes: Buffer, from: string): void {
  let found: string;
  try {
    found = digestOf(bytes);
  } catch (error) {
    throw new Error(`${from} is no archive of ${titleOf(wanted)}.`, { cause: error });
  }
  if (found === wanted.sha256) return;
  throw new Error(
    `${from} has other definitions of ${titleOf(wanted)} than the tables were generated from: SHA-256 ${found} ` +
      `instead of ${wanted.sha256}. ${nextStep(wanted, process.env['FHIR_PACKAGES'] ?? packageCache())}`,
  );
}

const nextStep = (wanted: Hl7Package, folder: string): string =>
  `Put an archive with these definitions (SHA-256 ${wanted.sha256}${wanted.made ? `; ${wanted.made}` : ''}) into ` +
  `${folder} as ${fileOf(wanted)}, or write the other hash into HL7_PACKAGES and read what changes in the tables.`;
