import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { commitOf } from '@provider-access/cli/build';
import { filesBelow, isFolder, link, place, write } from './files.ts';
import type { Located } from './lock.ts';

/** Folders of sources that only specs need: contract suites of adapters, and engines in memory. */
const FOR_TESTS = new Set(['contract', 'memory', 'testing']);

/**
 * Copies the built files of a workspace's sources into `app`, and links the workspace in node_modules. It starts from
 * the sources, so that nothing of an older build is copied. @throws if something is not built, or if a file that is
 * left out is needed
 */
export function placeWorkspace(checkout: string, app: string, { path }: Located): void {
  const folder = join(checkout, path);
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
  const sources = filesBelow(join(folder, 'src'), {
    enter: (at) => !FOR_TESTS.has(posix.basename(at)),
    take: (at) => (at.endsWith('.ts') && !/\.(spec|d)\.ts$/.test(at)) || at.endsWith('.json'),
  });
  const built = sources.map((at) => `dist/${at.replace(/\.ts$/, '.js')}`);
  for (const at of built) {
    if (!existsSync(join(folder, at))) throw new Error(`${path}/${at} is not built: run \`npm run build\` there first`);
    place(join(folder, at), join(app, path, at));
  }
  const kept = new Set(built);
  for (const at of built.filter((file) => file.endsWith('.js'))) {
    for (const needed of relativeImports(readFileSync(join(folder, at), 'utf8'))) {
      const target = posix.join(posix.dirname(at), needed);
      if (!target.startsWith('..') && target !== 'package.json' && !kept.has(target))
        throw new Error(`${path}/${at} needs ${target}, which is left out as a test's`);
    }
  }
  write(join(app, path, 'package.json'), `${JSON.stringify(runtimeManifest(manifest, kept), undefined, 2)}\n`);
  const at = join(app, 'node_modules', manifest.name);
  link(at, posix.relative(posix.dirname(`node_modules/${manifest.name}`), path));
}

interface Manifest {
  readonly name: string;
  /** Of the repository, and of each package before 0.2.0. */
  readonly version?: string;
  readonly releaseDate?: string;
  readonly license?: string;
  readonly type?: string;
  readonly exports?: Readonly<Record<string, { readonly default?: string }>>;
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** The package.json that Node needs: exports of files that are here, without those of sources and types. */
function runtimeManifest(
  { name, version, license, type, exports, dependencies }: Manifest,
  kept: ReadonlySet<string>,
): Manifest {
  const there = Object.entries(exports ?? {}).filter(
    ([, target]) => target.default !== undefined && kept.has(target.default.replace(/^\.\//, '')),
  );
  return {
    name,
    version,
    license,
    type,
    exports: Object.fromEntries(there.map(([as, target]) => [as, { default: target.default }])),
    dependencies,
  };
}

function relativeImports(code: string): string[] {
  return [...code.matchAll(/(?:\bfrom\s*|\bimport\s*\(?\s*|\bnew URL\()['"](\.{1,2}\/[^'"]+\.js(?:on)?)['"]/g)].map(
    (match) => match[1]!,
  );
}

/** The repository's own name, release and commit, and its licence. */
export function placeIdentity(checkout: string, app: string): void {
  const { name, version, releaseDate, license } = JSON.parse(
    readFileSync(join(checkout, 'package.json'), 'utf8'),
  ) as Manifest;
  // A build of the Dockerfile has no git, and gets the commit as an argument.
  const revision = process.env['REVISION'] || commitOf(checkout);
  const identity = { name, version, releaseDate, revision, license, private: true, type: 'module' };
  write(join(app, 'package.json'), `${JSON.stringify(identity, undefined, 2)}\n`);
  if (existsSync(join(checkout, 'LICENSE'))) place(join(checkout, 'LICENSE'), join(app, 'LICENSE'));
}

/** The entry point, from this project, so that any checkout gets the same. */
export function placeEntry(app: string): void {
  const bin = join(dirname(import.meta.dirname), 'app/bin');
  if (!isFolder(bin)) throw new Error(`${bin} is missing`);
  place(join(bin, 'provider-access'), join(app, 'bin/provider-access'), 'program');
  place(join(bin, 'early-signals.js'), join(app, 'bin/early-signals.js'));
}
