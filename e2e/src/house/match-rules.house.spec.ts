import { describe, expect, test } from 'vitest';
import { allOf, expectNamed, idsByFile, rulesOf } from './rule-pages.ts';

const PAGE = 'docs/match-rules.md';
const RULES = rulesOf(PAGE, 'M');
/** The ids of the rules, from first to last of each part. */
const PARTS = [
  [1, 7],
  [10, 19],
  [30, 37],
  [40, 45],
  [50, 59],
  [70, 78],
] as const;

/** `M40 to M45` names the ones between, too. */
function idsIn(text: string): readonly string[] {
  const found: string[] = text.match(/\bM[1-9]\d?\b/g) ?? [];
  for (const [, first, last] of text.matchAll(/\bM(\d+) to M(\d+)\b/g))
    for (let n = Number(first); n <= Number(last); n++) found.push(`M${n}`);
  return found;
}
/** Sequences of the model are tests, too. They stand beside the spec that runs them. */
const named = idsByFile(RULES, idsIn, {
  'tools/proofs/src/model.int.spec.ts': ['tools/proofs/src/model/written.ts'],
});

describe(`the rules of a match (${PAGE})`, () => {
  test('are all there, once each and in order', () => {
    expect(RULES.map(({ id }) => id)).toEqual(allOf('M', PARTS));
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
