import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { bundlePa } from './bundle.ts';
import { buildExecutable } from './executable.ts';
import { packPa } from './package.ts';

/** `npm run pack:pa -- --out DIR [--executable]` */
async function main(): Promise<void> {
  const { values } = parseArgs({ options: { out: { type: 'string' }, executable: { type: 'boolean' } } });
  if (values.out === undefined) throw new Error('--out DIR is missing: the folder for what is built');
  const checkout = join(import.meta.dirname, '../../../..');
  // npm changes to the repository's folder first, so the path is relative to where npm was called.
  const out = resolve(process.env['INIT_CWD'] ?? '.', values.out);
  mkdirSync(out, { recursive: true });
  const bundle = await bundlePa(checkout);
  const files = [packPa(checkout, out, bundle)];
  if (values.executable === true) files.push(buildExecutable(checkout, out, bundle));
  for (const file of files) {
    const bytes = readFileSync(file);
    const digest = createHash('sha256').update(bytes).digest('hex');
    process.stdout.write(`${file}: ${(bytes.length / 1e6).toFixed(1)} MB, sha256:${digest}\n`);
  }
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
