import { expect, test } from 'vitest';
import { kindOf } from './kind.ts';
import { measure } from './measure.ts';

test.each([
  ['libs/kernel/src/refusal.ts', 'product'],
  ['services/standalone/src/main.ts', 'product'],
  ['libs/kernel/src/fhir/search/testing/oracle.ts', 'tools'],
  ['libs/engines/src/log/contract/index.ts', 'tools'],
  ['libs/engines/src/log/memory/index.ts', 'tools'],
  ['services/standalone/scripts/openapi.ts', 'tools'],
  ['services/standalone/test/model/run.ts', 'tools'],
  ['tools/cli/src/main.ts', 'tools'],
  ['e2e/src/harness.ts', 'tools'],
  ['libs/fhir/src/definitions/search-table.ts', 'generated'],
  ['libs/kernel/src/refusal.unit.spec.ts', 'specs'],
  ['e2e/src/demo.e2e.spec.ts', 'specs'],
  ['libs/fhir/scripts/summary.mjs', undefined],
])('%s is counted as %s', (path, kind) => {
  expect(kindOf(path)).toBe(kind);
});

test('counts lines by kind, and product code by part, with the largest files and functions first', () => {
  const size = measure(
    new Map([
      ['libs/a/src/one.ts', 'export const one = () => 1;\n'],
      ['libs/a/src/two.ts', 'class A {\n  constructor() {\n    f(() => {\n      g();\n    });\n  }\n}\n'],
      ['services/b/src/c.ts', '/** Says. */\nexport function says(a: string): void;\nexport function says() {}\n'],
      ['tools/b/src/c.ts', 'export function tool() {\n}\n'],
      ['libs/a/src/one.unit.spec.ts', 'it();\n'],
    ]),
  );
  expect(size.lines).toEqual({ product: 11, tools: 2, specs: 1, generated: 0 });
  expect(size.parts).toEqual([
    ['libs/a', 8],
    ['services/b', 3],
  ]);
  expect(size.files.map(({ lines }) => lines)).toEqual([7, 3, 1]);
  expect(size.functions).toEqual([
    { path: 'libs/a/src/two.ts', name: 'A.constructor', line: 2, lines: 5 },
    { path: 'libs/a/src/two.ts', name: 'a function in f', line: 3, lines: 3 },
    { path: 'libs/a/src/one.ts', name: 'one', line: 1, lines: 1 },
    { path: 'services/b/src/c.ts', name: 'says', line: 3, lines: 1 },
  ]);
});
