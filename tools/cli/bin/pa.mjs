#!/usr/bin/env node
// `npx pa`: checks the Node version, builds once on a fresh checkout, then runs.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

if (Number(process.versions.node.split('.')[0]) < 24) {
  console.error(
    `pa: Node 24 or later is needed, this is ${process.versions.node}: on Linux x64 \`npm ci\` brings it and \`npx ` +
      `pa\` uses it, elsewhere install it.`,
  );
  process.exit(2);
}
const root = join(import.meta.dirname, '../../..');
if (!existsSync(join(import.meta.dirname, '../dist/main.js'))) {
  console.error('pa: building once …');
  const built = spawnSync(
    process.execPath,
    [join(root, 'node_modules/typescript-native/bin/tsc'), '-b', join(import.meta.dirname, '../tsconfig.lib.json')],
    { stdio: 'inherit' },
  );
  if (built.status !== 0) process.exit(2);
}
// Starts sooner from the second call on.
(await import('node:module')).enableCompileCache?.();
await import('../dist/main.js');
