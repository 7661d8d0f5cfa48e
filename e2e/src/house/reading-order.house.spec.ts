import { describe, expect, test } from 'vitest';
import { graph, read } from './sources.ts';

const ROOT = 'services/export/src/';
const LIBRARY = 'libs/jobs/src/';
const section = read('docs/architecture.md').split('### The code of a chunk\n')[1]!.split(/^##/m)[0]!;
const listed = [...section.matchAll(/^\d+\. `([^`]+)`/gm)].map(([, name]) =>
  name!.startsWith(LIBRARY) ? name! : ROOT + name!,
);
/** Consumes what the files before it have published on the log. */
const AFTER_THE_LOG = `${LIBRARY}run/job-work.ts`;
/** Is called by the step of a chunk through the table of kinds. */
const KIND = `${ROOT}jobs/export-kind.ts`;

const isIndex = (file: string): boolean =>
  file.endsWith('/index.ts') && (file.startsWith(ROOT) || file.startsWith(LIBRARY));
/** What a file imports. An index stands for the files behind it. */
const importsOf = (file: string): readonly string[] =>
  graph.get(file)!.flatMap((to) => (isIndex(to) ? importsOf(to) : [to]));

describe('the order in which docs/architecture.md reads the code of a chunk', () => {
  test('has 15 files at most, each by its path', () => {
    expect(listed.length).toBeGreaterThan(10);
    expect(listed.length).toBeLessThanOrEqual(15);
    expect(listed.filter((file) => !graph.has(file))).toEqual([]);
  });

  test.each(listed.slice(1).map((file, before) => [file, before] as const))(
    'comes to %s from a file before it',
    (file, before) => {
      if (file === AFTER_THE_LOG || file === KIND) return;
      const known = listed.slice(0, before + 1).flatMap((one) => importsOf(one));
      expect(known).toContain(file);
    },
  );

  test('leads through the file that consumes the events of jobs', () => {
    expect(listed).toContain(AFTER_THE_LOG);
    expect(read(AFTER_THE_LOG)).toContain('handle({ records }: Batch)');
  });

  test('leads through the kind, which the step of a chunk calls', () => {
    expect(listed[listed.indexOf(KIND) - 1]).toBe(`${LIBRARY}run/chunk-step.ts`);
    expect(read(`${LIBRARY}run/chunk-step.ts`)).toContain('this.kinds.of(job).write(');
    expect(read(KIND)).toContain('implements JobKind');
  });
});
