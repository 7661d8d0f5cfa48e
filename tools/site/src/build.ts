import { readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'vitepress';
import { assemble } from './assemble.ts';
import { deadLinks } from './check.ts';
import { SITE } from './paths.ts';
import { finish } from './policy.ts';

/** `npm run docs`: builds the static files of the site. */
/** The image carries the site. It has 11.4 MB in 272 pages, with the pictures of the pages for people. */
const MAX_BYTES = 11_500_000;

/** The text of a page as a script, with which VitePress would change from page to page without loading. */
const PAGE = /^assets\/.*\.md\.[\w-]+\.js$/;
/** Loads the page instead. So the site is a fifth smaller, and pages of two builds are never mixed. */
const RELOAD = 'location.reload();await new Promise(()=>{});export const __pageData={};export default {};';

const files = (): string[] =>
  readdirSync(SITE, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(SITE.length + 1))
    .sort();

async function main(): Promise<void> {
  const started = Date.now();
  rmSync(SITE, { recursive: true, force: true });
  assemble();
  await build(join(import.meta.dirname, '..'));
  // VitePress writes a list of hashes that the pages do not read.
  rmSync(join(SITE, 'hashmap.json'), { force: true });
  for (const name of files()) if (name.endsWith('.html')) finish(join(SITE, name));
  for (const name of files()) if (PAGE.test(name)) writeFileSync(join(SITE, name), RELOAD);
  const made = files();
  const dead = deadLinks(made);
  if (dead.length > 0) throw new Error(`The site has dead links:\n  ${dead.join('\n  ')}`);
  const bytes = made.reduce((sum, name) => sum + statSync(join(SITE, name)).size, 0);
  if (bytes > MAX_BYTES) throw new Error(`The site has ${bytes} bytes, more than ${MAX_BYTES}.`);
  process.stdout.write(
    `${made.length} files, ${(bytes / 1e6).toFixed(1)} MB, in ${((Date.now() - started) / 1000).toFixed(0)} s\n`,
  );
}

await main();
