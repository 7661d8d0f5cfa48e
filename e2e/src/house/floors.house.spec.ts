import { describe, expect, test } from 'vitest';
import { cyclesOf, graph, importsOf, packageOf, read, sources } from './sources.ts';

/** Part → its floor, from the table of docs/architecture.md. Tools have none. */
const floors = new Map(
  [...read('docs/architecture.md').matchAll(/^\| (\d+) +\| ([^|]+) \|/gm)].flatMap(([, floor, parts]) =>
    [...parts!.matchAll(/`([^`]+)`/g)].map(([, part]) => [part!, Number(floor)] as const),
  ),
);
/** What a tool may import beside other tools (ADR 0001). */
const FOR_TOOLS = ['libs/kernel', 'libs/fhir', 'libs/events', 'libs/domain', 'libs/full-files'];
const PROOFS = 'tools/proofs';

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
  // Proofs may import everything, and nothing imports them.
  if (above === PROOFS) return undefined;
  if (below === PROOFS) return sentence;
  if (above.startsWith('tools/'))
    return below.startsWith('tools/') || FOR_TOOLS.some((lib) => below.startsWith(lib)) ? undefined : sentence;
  return (floors.get(below) ?? Infinity) < (floors.get(above) ?? 0) ? undefined : sentence;
}

describe('the floors of docs/architecture.md', () => {
  test('have every part of the code', () => {
    const parts = new Set(sources.filter((file) => !file.startsWith('tools/') || floors.has(partOf(file))).map(partOf));
    expect([...parts].filter((part) => !floors.has(part))).toEqual([]);
    expect([...floors.keys()].filter((part) => !parts.has(part))).toEqual([]);
    // The scan resolves every import that it reads; otherwise it could find no fault.
    expect([...graph.values()].flat().length).toBeGreaterThan(2000);
  });

  test('belong to at most fifteen libraries (ADR 0033, ADR 0122)', () => {
    const libraries = new Set(sources.map(packageOf).filter((name) => name.startsWith('libs/')));
    expect(libraries.size).toBeGreaterThan(1);
    expect([...libraries].length).toBeLessThanOrEqual(15);
  });

  test('are only left downwards', () => {
    const up = [...graph].flatMap(([from, all]) => all.flatMap((to) => fault(from, to) ?? []));
    expect(up).toEqual([]);
  });

  test.each([
    ['libs/engines/src/log/x.ts', '@provider-access/service/http'],
    ['libs/facts/src/x.ts', '@provider-access/service/http'],
    ['libs/fhir/src/x.ts', '@provider-access/events'],
    ['libs/facts/src/x.ts', '@provider-access/records'],
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
