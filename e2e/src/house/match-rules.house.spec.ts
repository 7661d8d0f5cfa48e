import { existsSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';
import { read } from './sources.ts';

const ROOT = join(import.meta.dirname, '../../..');
const PAGE = 'docs/match-rules.md';

interface Rule {
  readonly id: string;
  readonly files: readonly string[];
}
/** The rows of the page. */
const RULES: readonly Rule[] = [...read(PAGE).matchAll(/^\| (M\d+) +\|(.*)\|$/gm)].map(([, id, cells]) => ({
  id: id!,
  files: [
    ...cells!
      .split('|')
      .at(-1)!
      .matchAll(/`([^`]+)`/g),
  ].map(([, file]) => file!),
}));
/** The ids of the rules, from first to last of each part. */
const PARTS = [
  [1, 7],
  [10, 19],
  [30, 37],
  [40, 45],
  [50, 59],
  [70, 78],
] as const;

/** What a test calls itself: every text of the file but comments. Rows of `each` are names too. */
function namesIn(file: string): readonly string[] {
  const names: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddle(node) || ts.isTemplateTail(node))
      names.push(node.text);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, read(file), ts.ScriptTarget.Latest));
  return names;
}
/** `M40 to M45` names the ones between, too. */
function idsIn(text: string): readonly string[] {
  const found: string[] = text.match(/\bM[1-9]\d?\b/g) ?? [];
  for (const [, first, last] of text.matchAll(/\bM(\d+) to M(\d+)\b/g))
    for (let n = Number(first); n <= Number(last); n++) found.push(`M${n}`);
  return found;
}
/** Sequences of the model are tests, too. They stand beside the spec that runs them. */
const BESIDE: Readonly<Record<string, readonly string[]>> = {
  'tools/proofs/src/model.int.spec.ts': ['tools/proofs/src/model/written.ts'],
};
const named = new Map(
  [...new Set(RULES.flatMap(({ files }) => files))]
    .filter((file) => existsSync(join(ROOT, file)))
    .map((file) => [file, new Set([file, ...(BESIDE[file] ?? [])].flatMap(namesIn).flatMap(idsIn))]),
);

describe(`the rules of a match (${PAGE})`, () => {
  test('are all there, once each and in order', () => {
    const all = PARTS.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, n) => `M${first + n}`));
    expect(RULES.map(({ id }) => id)).toEqual(all);
  });

  test.each(RULES.map((rule) => [rule.id, rule] as const))(
    '%s is named by a test in each file of its row',
    (_, rule) => {
      expect(rule.files.length).toBeGreaterThan(0);
      for (const file of rule.files) expect([file, named.get(file)?.has(rule.id)]).toEqual([file, true]);
    },
  );

  test('are the only ones that their tests name', () => {
    const known = new Set(RULES.map(({ id }) => id));
    const unknown = [...named].flatMap(([file, ids]) =>
      [...ids].filter((id) => !known.has(id)).map((id) => [file, id]),
    );
    expect(unknown).toEqual([]);
  });
});
