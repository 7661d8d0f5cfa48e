#!/usr/bin/env node
/**
 * Prints what a test result depends on and git does not hold: the programs that tests use where they are there, the
 * data beside the repository, and HL7's packages. It prints names and sizes of files, because hashing hundreds of
 * megabytes for each suite costs more than the suite. Nx hashes this output.
 */
import { globSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { root } from './report.mjs';

const PROGRAMS = [
  'apt-get',
  'cargo',
  'chromium',
  'curl',
  'go',
  'java',
  'mvn',
  'nginx',
  'openssl',
  'pip3',
  'python3',
  'unshare',
  'wget',
];
const folders = (process.env.PATH ?? '').split(delimiter);
const there = (program) =>
  folders.some((folder) => statSync(join(folder, program), { throwIfNoEntry: false })?.isFile());
console.log(process.platform, process.arch, process.getuid?.() === 0 ? 'root' : 'user', ...PROGRAMS.filter(there));
const cache =
  process.env.PROVIDER_ACCESS_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'provider-access');
const packages = join(process.env.FHIR_PACKAGES ?? join(cache, 'fhir-packages'), '*.tgz');
for (const file of globSync(['../shared/{data,tools}/**/*', packages], { cwd: root }).sort())
  console.log(file, statSync(resolve(root, file)).size);
