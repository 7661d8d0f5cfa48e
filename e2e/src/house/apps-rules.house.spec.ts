import { describe, expect, test } from 'vitest';
import { allOf, expectNamed, idsByFile, rulesOf } from './rule-pages.ts';

const PAGE = 'docs/apps-rules.md';
const RULES = rulesOf(PAGE, 'P');
/** The ids of the rules, from first to last of each part. UDAP (P70 to P83) is not built. */
const PARTS = [
  [1, 8],
  [10, 19],
  [20, 28],
  [30, 34],
  [40, 46],
  [50, 54],
  [60, 63],
] as const;

/** Only an id itself counts: a text such as `P20 to P34` would name every rule between, whatever its test does. */
const idsIn = (text: string): readonly string[] =>
  text.replaceAll(/\bP\d+ to P\d+\b/g, '').match(/\bP[1-9]\d?\b/g) ?? [];
const named = idsByFile(RULES, idsIn);

describe(`the rules of apps (${PAGE})`, () => {
  test('are all there, once each and in order', () => {
    expect(RULES.map(({ id }) => id)).toEqual(allOf('P', PARTS));
  });

  test.each(RULES.map((rule) => [rule.id, rule] as const))('%s is named by a test in each file of its row', (_, rule) =>
    expectNamed(rule, named),
  );

  test('are the only ones that their tests name', () => {
    const known = new Set(RULES.map(({ id }) => id));
    const unknown = [...named].flatMap(([file, ids]) =>
      [...ids].filter((id) => !known.has(id)).map((id) => [file, id]),
    );
    expect(unknown).toEqual([]);
  });
});
