import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { BUNDLE, bundleOf, type BundleNote, NOTE, noteOf } from '@provider-access/kernel/bundle';

/**
 * Joins the compiled modules of this repository that a standalone loads into few files (ADR 0164). `npm run build` runs
 * it after the compiler. It does nothing if the bundle is newer than all of them.
 */
const STANDALONE = join(import.meta.dirname, '..');
const ROOT = join(STANDALONE, '..', '..');
const DIST = join(STANDALONE, 'dist');
const OUT = join(DIST, BUNDLE);

/** Packages stay where they are, with their licences. */
const isPackage = (id: string): boolean => !/^[./]|^@provider-access\//.test(id);

/** The workspace of a file, such as `libs/engines`. */
const workspaceOf = (file: string): string => relative(ROOT, file).split('/').slice(0, 2).join('/');

/** @throws if the bundle would load another copy of a package than the module itself */
function sameCopy(id: string, importer: string): void {
  const name = id.split('/', id.startsWith('@') ? 2 : 1).join('/');
  for (const place of new Set([workspaceOf(importer), 'services/standalone']))
    if (existsSync(join(ROOT, place, 'node_modules', name)))
      throw new Error(`${place} has a copy of ${name} of its own, so ${relative(ROOT, importer)} cannot be bundled`);
}

/** A module finds its files and threads from its own place, and not from that of the bundle. */
function inItsPlace(code: string, id: string): string {
  const file = `new URL(${JSON.stringify(relative(OUT, id))}, import.meta.url)`;
  const folder = `new URL(${JSON.stringify(relative(OUT, dirname(id)))}, import.meta.url)`;
  return code
    .replaceAll(/\bimport\.meta\.(url|dirname)\b/g, (_, part) =>
      part === 'url' ? `${file}.href` : `process.getBuiltinModule('node:url').fileURLToPath(${folder})`,
    )
    .replaceAll(/\bimport\.meta\.(?!url\b)\w+/g, (other) => {
      throw new Error(`${relative(ROOT, id)} has ${other}, which a bundle does not know`);
    });
}

/** V8 keeps a file with one character beyond ASCII in two bytes for each character. */
const ascii = (code: string): string =>
  code.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);

async function bundle(): Promise<BundleNote> {
  const { rolldown } = await import('rolldown');
  const build = await rolldown({
    input: join(DIST, 'start.js'),
    platform: 'node',
    // Each module is evaluated, as without a bundle.
    treeshake: false,
    external: (id, importer) => {
      if (!isPackage(id)) return false;
      if (importer !== undefined && !id.startsWith('node:')) sameCopy(id, importer);
      return true;
    },
    plugins: [
      { name: 'place', transform: (code, id) => (code.includes('import.meta.') ? inItsPlace(code, id) : undefined) },
      { name: 'ascii', renderChunk: ascii },
    ],
  });
  const names = '[name]-[hash].js';
  const { output } = await build.write({
    dir: OUT,
    format: 'esm',
    keepNames: true,
    // rolldown would print each file anew after `ascii`, with the characters themselves.
    minify: false,
    entryFileNames: names,
    chunkFileNames: names,
  });
  await build.close();
  const chunks = output.filter((one) => one.type === 'chunk');
  const modules = chunks.flatMap(({ moduleIds }) => moduleIds).filter((id) => id.startsWith(ROOT));
  return {
    entry: chunks.find(({ isEntry }) => isEntry)!.fileName,
    files: chunks.map(({ fileName }) => fileName).sort(),
    workspaces: [...new Set(modules.map(workspaceOf))].sort(),
    modules: modules.map((id) => relative(ROOT, id)).sort(),
  };
}

const OWN = [join(ROOT, 'package-lock.json'), import.meta.filename];
const made = statSync(join(OUT, NOTE), { throwIfNoEntry: false })?.mtimeMs ?? 0;
if (bundleOf(DIST) === undefined || OWN.some((file) => statSync(file).mtimeMs > made)) {
  mkdirSync(OUT, { recursive: true });
  const before = noteOf(DIST);
  // The note has the time at which the modules were read: one that is compiled meanwhile is newer.
  const read = new Date();
  const note = await bundle();
  // A process of the build before may still import a part of it.
  const kept = new Set([NOTE, ...note.files, ...(before?.files ?? [])]);
  for (const file of readdirSync(OUT)) if (!kept.has(file)) rmSync(join(OUT, file), { recursive: true });
  writeFileSync(join(OUT, `${NOTE}.new`), `${JSON.stringify(note)}\n`);
  utimesSync(join(OUT, `${NOTE}.new`), read, read);
  renameSync(join(OUT, `${NOTE}.new`), join(OUT, NOTE));
}
