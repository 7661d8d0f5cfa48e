import { join, posix } from 'node:path';
import { filesBelow, isFolder, place } from './files.ts';
import type { Located } from './lock.ts';

/** Folders at the top of a package that no program loads. */
const NOT_RUN = new Set([
  'test',
  'tests',
  '__tests__',
  'spec',
  'bench',
  'benchmark',
  'benchmarks',
  'example',
  'examples',
  'docs',
  'doc',
  'coverage',
  'integration',
  '.github',
  '.vscode',
  '.nyc_output',
  '.idea',
]);
/** Types, sources, maps, pages, settings of tools, and specs wherever they lie. */
const NOT_RUN_FILE = /(\.(ts|mts|cts|tsx|map|md|markdown|flow|tsbuildinfo|yml|yaml)|\.(test|spec)(-d)?\.[cm]?js)$/i;
const LEGAL = /^(licen[cs]e|licen[cs]es|notice|copying|copyright|authors|third-party)/i;

/** Which files of a package are copied, by the path inside it. */
export const isRun = (path: string): boolean =>
  LEGAL.test(posix.basename(path)) || (!NOT_RUN_FILE.test(path) && !posix.basename(path).startsWith('.'));

/**
 * Copies an installed package without the files that no program loads. Packages in its own node_modules are copied by
 * their own entries.
 * @throws if it is not installed
 */
export function placePackage(checkout: string, app: string, { path }: Located): void {
  const folder = join(checkout, path);
  if (!isFolder(folder)) throw new Error(`${path} is not installed: run \`npm ci\` there first`);
  const files = filesBelow(folder, { enter: (at) => at !== 'node_modules' && !NOT_RUN.has(at), take: isRun });
  for (const at of files) place(join(folder, at), join(app, path, at));
}
