import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { layOut, SITE } from './layout.ts';

/** `npm run image:rootfs -- --out DIR [--from CHECKOUT]` */
function main(): void {
  const { values } = parseArgs({ options: { out: { type: 'string' }, from: { type: 'string' } } });
  if (values.out === undefined) throw new Error("--out DIR is missing: the folder that becomes the image's root");
  // npm changes to the repository's folder first, so paths are relative to where npm was called.
  const path = (name: string): string => resolve(process.env['INIT_CWD'] ?? '.', name);
  const made = layOut({
    checkout: values.from === undefined ? join(import.meta.dirname, '../../..') : path(values.from),
    out: path(values.out),
  });
  if (!existsSync(join(path(values.out), 'app', SITE)))
    process.stderr.write('Without the documentation site: run `npm run docs` before, to have it at /docs.\n');
  process.stdout.write(
    `${values.out}: ${made.closure.workspaces.length} of our packages, ${made.closure.packages.length} others, ` +
      `${made.files} files, ${(made.bytes / 1e6).toFixed(1)} MB, sha256:${made.digest}\n`,
  );
}

try {
  main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}
