import { describe, expect, test } from 'vitest';
import { cyclesOf, graph, packageOf, selfImports, sources } from './sources.ts';

/**
 * Cycles between the files and folders inside one folder of a package. A file counts as the folder that holds it.
 * So two folders may form a cycle although their files form none.
 */
function folderCycles(files: ReadonlyMap<string, readonly string[]>): string[] {
  const inside = new Map<string, Map<string, string[]>>();
  for (const [from, all] of files)
    for (const to of all.filter((file) => packageOf(file) === packageOf(from) && file !== from)) {
      const [a, b] = [from.split('/'), to.split('/')];
      const depth = a.findIndex((name, i) => name !== b[i]);
      const folder = a.slice(0, depth).join('/');
      const arrows = inside.get(folder) ?? new Map<string, string[]>();
      inside.set(folder, arrows.set(a[depth]!, [...(arrows.get(a[depth]!) ?? []), b[depth]!]));
    }
  return [...inside].flatMap(([folder, arrows]) =>
    cyclesOf(arrows).map((cycle) => `${folder}: ${cycle.toSorted().join(', ')}`),
  );
}

describe('the folders of a package', () => {
  test('import each other in no cycle', () => {
    expect(folderCycles(graph)).toEqual([]);
  });

  test('that would make a cycle would be found, at every depth', () => {
    const example = new Map([
      ['libs/a/src/index.ts', ['libs/a/src/x/one.ts', 'libs/a/src/y/one.ts', 'libs/b/src/index.ts']],
      ['libs/a/src/x/one.ts', ['libs/a/src/y/one.ts', 'libs/a/src/x/z/one.ts']],
      ['libs/a/src/x/two.ts', []],
      ['libs/a/src/x/z/one.ts', ['libs/a/src/x/two.ts']],
      ['libs/a/src/y/one.ts', []],
      ['libs/a/src/y/two.ts', ['libs/a/src/x/two.ts']],
      ['libs/b/src/index.ts', ['libs/a/src/index.ts']],
    ]);
    expect(folderCycles(example)).toEqual(['libs/a/src: x, y']);
    example.set('libs/a/src/x/two.ts', ['libs/a/src/x/z/two.ts']);
    expect(folderCycles(example)).toContain('libs/a/src/x: two.ts, z');
  });
});

describe('a package', () => {
  test('does not import itself by name', () => {
    expect(sources.filter((file) => selfImports(file).length > 0)).toEqual([]);
  });

  test('that imports itself by name would be found', () => {
    const text = "import { x } from '@provider-access/fhir';\nimport { y } from '@provider-access/events';\n";
    expect(selfImports('libs/fhir/src/x.ts', text)).toEqual(['@provider-access/fhir']);
    expect(selfImports('libs/facts/src/x.ts', text)).toEqual([]);
  });
});
