import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import ts from 'typescript';

const ROOT = join(import.meta.dirname, '../../..');
/** The text of a file; the path begins at the repository. */
export const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

/** `libs/kernel` for each file of this package. */
export const packageOf = (file: string): string => file.split('/').slice(0, 2).join('/');

/** Sources of the product and the tools. Specs and tests may import anything. */
export const sources = execFileSync(
  'git',
  ['ls-files', '--cached', '--others', '--exclude-standard', 'libs', 'services', 'tools'],
  {
    cwd: ROOT,
    encoding: 'utf8',
  },
)
  .trim()
  .split('\n')
  .filter((file) => /^(?:libs|services|tools)\/[\w-]+\/src\/.*\.ts$/.test(file) && existsSync(join(ROOT, file)))
  .filter((file) => !/\.spec\.ts$|\/contract\//.test(file));

interface Manifest {
  readonly name: string;
  readonly exports?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}
const manifests = new Map(
  [...new Set(sources.map(packageOf))].map((dir) => {
    const { name, exports } = JSON.parse(read(`${dir}/package.json`)) as Manifest;
    return [name, { dir, exports }] as const;
  }),
);

/** The file that `specifier` means in `file`, or undefined for a package of somebody else. */
function target(file: string, specifier: string): string | undefined {
  if (specifier.startsWith('.')) return posix.join(posix.dirname(file), specifier);
  const [, name = '', rest = ''] = /^(@provider-access\/[\w-]+)(.*)$/.exec(specifier) ?? [];
  const manifest = manifests.get(name);
  const source = manifest?.exports?.[`.${rest}`]?.['@provider-access/source'];
  return source === undefined ? undefined : posix.join(manifest!.dir, source);
}
const specifiersOf = (text: string): string[] =>
  ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => fileName);
/** The files of the repository that a file imports. */
export const importsOf = (file: string, text = read(file)): string[] =>
  specifiersOf(text)
    .flatMap((specifier) => target(file, specifier) ?? [])
    .filter((to) => to.endsWith('.ts'));

/** What a file imports of its own package by the name of the package. */
export const selfImports = (file: string, text = read(file)): string[] =>
  specifiersOf(text).filter(
    (specifier) => manifests.get(/^@[^/]+\/[^/]+/.exec(specifier)?.[0] ?? '')?.dir === packageOf(file),
  );

/** Groups that import each other, directly or by way of others (Tarjan's strongly connected components). */
export function cyclesOf(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const seen = new Map<string, { index: number; low: number; open: boolean }>();
  const stack: string[] = [];
  const cycles: string[][] = [];
  const visit = (file: string): { index: number; low: number; open: boolean } => {
    const own = { index: seen.size, low: seen.size, open: true };
    seen.set(file, own);
    stack.push(file);
    for (const next of graph.get(file) ?? []) {
      const other = seen.get(next) ?? visit(next);
      if (other.open) own.low = Math.min(own.low, other.low);
    }
    if (own.low === own.index) {
      const members = stack.splice(stack.indexOf(file));
      for (const member of members) seen.get(member)!.open = false;
      if (members.length > 1) cycles.push(members);
    }
    return own;
  };
  for (const file of graph.keys()) if (!seen.has(file)) visit(file);
  return cycles;
}

/** File → the files that it imports. */
export const graph = new Map(sources.map((file) => [file, importsOf(file)]));
