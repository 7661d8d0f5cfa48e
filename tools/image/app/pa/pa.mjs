#!/usr/bin/env node
// The command of the npm package. It checks the version before Node reads the program, so it has old syntax only.
import { readFileSync } from 'node:fs';
import * as modules from 'node:module';

const { engines } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
const oldest = Number(/\d+/.exec(engines.node)[0]);
if (Number(process.versions.node.split('.')[0]) < oldest) {
  const there = process.versions.node;
  console.error(`pa: Node ${oldest} or later is needed, this is ${there}: install it, or take the single executable.`);
  process.exit(2);
}
// Starts sooner from the second call on, where Node can do it.
if (modules.enableCompileCache !== undefined) modules.enableCompileCache();
import('../lib/pa.cjs');
