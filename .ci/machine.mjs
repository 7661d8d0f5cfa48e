#!/usr/bin/env node
/**
 * Prints what a test result depends on and git does not hold: the programs that tests use where they are there, and the
 * data beside the repository (names and sizes, because hashing hundreds of megabytes for each suite costs more than the
 * suite). Nx hashes this output.
 */
import { globSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
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
for (const file of globSync('../shared/{data,tools}/**/*', { cwd: root }).sort())
  console.log(file, statSync(join(root, file)).size);
