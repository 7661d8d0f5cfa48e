import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../../..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

/** Part → its floor, from the table of docs/architecture.md. Tools have none. */
const floors = new Map(
  [...read('docs/architecture.md').matchAll(/^\| (\d+) +\| ([^|]+) \|/gm)].flatMap(([, floor, parts]) =>
    [...parts!.matchAll(/`([^`]+)`/g)].map(([, part]) => [part!, Number(floor)] as const),
  ),
);
/** What a tool may import beside other tools (ADR 0001). */
const FOR_TOOLS = ['libs/kernel', 'libs/events', 'libs/domain'];

/** Sources of the product and the tools. Specs and tests may import anything. */
const sources = execFileSync(
  'git',
  ['ls-files', '--cached', '--others', '--exclude-standard', 'libs', 'services', 'tools'],
  {
    cwd: ROOT,
    encoding: 'utf8',
  },
)
  .trim()
  .split('\n')
  .filter((file) => /^(?:libs|services|tools)\/\w+\/src\/.*\.ts$/.test(file) && existsSync(join(ROOT, file)))
  .filter((file) => !/\.spec\.ts$|\/contract\//.test(file));

interface Manifest {
  readonly name: string;
  readonly exports?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}
const manifests = new Map(
  [...new Set(sources.map((file) => file.split('/').slice(0, 2).join('/')))].map((dir) => {
    const { name, exports } = JSON.parse(read(`${dir}/package.json`)) as Manifest;
    return [name, { dir, exports }] as const;
  }),
);

/** The file that `specifier` means in `file`, or undefined for a package of somebody else. */
function target(file: string, specifier: string): string | undefined {
  if (specifier.startsWith('.')) return posix.join(posix.dirname(file), specifier);
  const [, name = '', rest = ''] = /^(@provider-access\/\w+)(.*)$/.exec(specifier) ?? [];
  const manifest = manifests.get(name);
  const source = manifest?.exports?.[`.${rest}`]?.['@provider-access/source'];
  return source === undefined ? undefined : posix.join(manifest!.dir, source);
}
const importsOf = (file: string, text = read(file)): string[] =>
  ts
    .preProcessFile(text, true, true)
    .importedFiles.flatMap(({ fileName }) => target(file, fileName) ?? [])
    .filter((to) => to.endsWith('.ts'));

/** The part of a file is the longest name of the table that its path starts with, without `src`. */
function partOf(file: string): string {
  const path = file.replace('/src/', '/');
  const names = [...floors.keys()].filter((part) => path.startsWith(`${part}/`));
  return names.toSorted((a, b) => b.length - a.length)[0] ?? file.split('/').slice(0, 2).join('/');
}

/** Why `from` may not import `to`, or undefined when it may. */
function fault(from: string, to: string): string | undefined {
  const [above, below] = [partOf(from), partOf(to)];
  if (above === below) return undefined;
  const sentence = `${from} (${above}) imports ${to} (${below})`;
  if (above.startsWith('tools/'))
    return below.startsWith('tools/') || FOR_TOOLS.some((lib) => below.startsWith(lib)) ? undefined : sentence;
  return (floors.get(below) ?? Infinity) < (floors.get(above) ?? 0) ? undefined : sentence;
}

/** Groups of files that import each other, directly or by way of others (Tarjan's strongly connected components). */
function cyclesOf(graph: ReadonlyMap<string, readonly string[]>): string[][] {
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

const graph = new Map(sources.map((file) => [file, importsOf(file)]));

describe('the floors of docs/architecture.md', () => {
  test('have every part of the code', () => {
    const parts = new Set(sources.filter((file) => !file.startsWith('tools/') || floors.has(partOf(file))).map(partOf));
    expect([...parts].filter((part) => !floors.has(part))).toEqual([]);
    expect([...floors.keys()].filter((part) => !parts.has(part))).toEqual([]);
    // The scan resolves every import that it reads; otherwise it could find no fault.
    expect([...graph.values()].flat().length).toBeGreaterThan(2000);
  });

  test('are only left downwards', () => {
    const up = [...graph].flatMap(([from, all]) => all.flatMap((to) => fault(from, to) ?? []));
    expect(up).toEqual([]);
  });

  test.each([
    ['libs/engines/src/log/x.ts', '@provider-access/service/http'],
    ['libs/facts/src/x.ts', '@provider-access/service/http'],
    ['libs/kernel/src/fhir/x.ts', '@provider-access/events'],
    ['libs/facts/src/x.ts', '@provider-access/facts/records'],
    ['services/consent/src/x.ts', '@provider-access/export'],
    ['tools/cli/src/x.ts', '@provider-access/engines/log'],
  ])('forbid %s to import %s', (from, specifier) => {
    const [to] = importsOf(from, `import { x } from '${specifier}';`);
    expect(to).toBeDefined();
    expect(fault(from, to!)).toContain(`${from} (`);
  });
});

describe('files', () => {
  test('import each other in no cycle', () => {
    expect(cyclesOf(graph)).toEqual([]);
  });

  test('that would make a cycle would be found', () => {
    const example = new Map([
      ['a', ['b']],
      ['b', ['c', 'd']],
      ['c', ['a']],
      ['d', []],
    ]);
    expect(cyclesOf(example)).toEqual([['a', 'b', 'c']]);
  });
});
