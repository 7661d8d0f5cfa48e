import { existsSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { expect } from 'vitest';
import { read } from './sources.ts';

const ROOT = join(import.meta.dirname, '../../..');

export interface Rule {
  readonly id: string;
  readonly files: readonly string[];
}
/** The rows of a page of rules whose ids begin with this letter. Their last cell names files. */
export const rulesOf = (page: string, letter: string): readonly Rule[] =>
  [...read(page).matchAll(new RegExp(`^\\| (${letter}\\d+) +\\|(.*)\\|$`, 'gm'))].map(([, id, cells]) => ({
    id: id!,
    files: [
      ...cells!
        .split('|')
        .at(-1)!
        .matchAll(/`([^`]+)`/g),
    ].map(([, file]) => file!),
  }));

/** What a test calls itself: every text of the file but comments. Rows of `each` are names too. */
export function namesIn(file: string): readonly string[] {
  const names: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddle(node) || ts.isTemplateTail(node))
      names.push(node.text);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, read(file), ts.ScriptTarget.Latest));
  return names;
}

/** What a test may stand beside: such a file counts for the spec. */
export type Beside = Readonly<Record<string, readonly string[]>>;

/** The ids that the tests of each file of the rules name. */
export const idsByFile = (
  rules: readonly Rule[],
  idsIn: (name: string) => readonly string[],
  beside: Beside = {},
): ReadonlyMap<string, ReadonlySet<string>> =>
  new Map(
    [...new Set(rules.flatMap(({ files }) => files))]
      .filter((file) => existsSync(join(ROOT, file)))
      .map((file) => [file, new Set([file, ...(beside[file] ?? [])].flatMap(namesIn).flatMap(idsIn))]),
  );

/** Each file of the row is there, and has a test with the id of the rule in its name. */
export function expectNamed({ id, files }: Rule, named: ReadonlyMap<string, ReadonlySet<string>>): void {
  expect(files.length).toBeGreaterThan(0);
  for (const file of files) expect([file, named.get(file)?.has(id)]).toEqual([file, true]);
}

/** The ids of parts: from the first to the last of each. */
export const allOf = (letter: string, parts: readonly (readonly [number, number])[]): readonly string[] =>
  parts.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, n) => `${letter}${first + n}`));
