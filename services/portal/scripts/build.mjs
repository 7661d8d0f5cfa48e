/**
 * Builds the pages into `dist/site`, each file also compressed. It does nothing if they are of these sources already,
 * so that `npm run build` stays fast.
 */
import { createHash } from 'node:crypto';
import { globSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { PAGES } from '../src/page-names.ts';
import { writeTypes } from './types.mjs';

const ROOT = join(import.meta.dirname, '..');
const SITE = join(ROOT, 'dist/site');
const STAMP = join(ROOT, 'dist/sources');
/** A file below this size is one packet anyway. */
const SMALL = 512;

await writeTypes();
const sources = [
  ...globSync(['src/**/*', 'generated/roles.ts', 'public/**/*', 'scripts/*', '*.html', 'vite.config.mjs'], {
    cwd: ROOT,
  })
    .map((name) => join(ROOT, name))
    .filter((file) => statSync(file).isFile())
    .sort(),
  join(ROOT, '../../package-lock.json'),
];
const hash = createHash('sha256');
for (const file of sources)
  hash
    .update(`${file.slice(ROOT.length)}\0`)
    .update(readFileSync(file))
    .update('\0');
const stamp = hash.digest('hex');

function stampOfBuild() {
  try {
    return readFileSync(STAMP, 'utf8');
  } catch {
    return undefined;
  }
}

async function build() {
  const { build } = await import('vite').catch(() => {
    throw new Error('error: packages of the portal are missing: run `npm ci`');
  });
  rmSync(STAMP, { force: true });
  rmSync(SITE, { recursive: true, force: true });
  const configFile = join(ROOT, 'vite.config.mjs');
  for (const page of new Set(Object.values(PAGES)))
    await build({ configFile, mode: page.replace('.html', ''), logLevel: 'warn' });
  for (const name of globSync('**/*', { cwd: SITE })) {
    const file = join(SITE, name);
    if (!statSync(file).isFile() || statSync(file).size < SMALL) continue;
    const bytes = readFileSync(file);
    writeFileSync(`${file}.gz`, gzipSync(bytes, { level: 9 }));
    writeFileSync(
      `${file}.br`,
      brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } }),
    );
  }
  writeFileSync(join(SITE, 'pages.json'), `${JSON.stringify(PAGES)}\n`);
  writeFileSync(STAMP, stamp);
}

if (stampOfBuild() !== stamp) await build();
