import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isMap, isScalar, parse, parseDocument, type Pair, type YAMLMap } from 'yaml';
import { CHART } from './paths.ts';

const VALUES = join(CHART, 'values.yaml');

/** One documented value: what stands above its key behind `# --`, and its default. */
export interface ValueRow {
  readonly path: string;
  readonly fallback: unknown;
  readonly description: string;
}

/** The comment of a key, as the lines from the last `# --` on. */
function described(comment: string | null | undefined): string | undefined {
  const lines = (comment ?? '').split('\n').map((line) => line.trim());
  const from = lines.findLastIndex((line) => line.startsWith('-- '));
  return from < 0 ? undefined : lines.slice(from).join(' ').slice(3).trim();
}

/** Every value of values.yaml in its order. A map without a description of its own is taken apart. */
export function valueRows(text = readFileSync(VALUES, 'utf8')): readonly ValueRow[] {
  const document = parseDocument(text);
  const rows: ValueRow[] = [];
  const visit = (map: YAMLMap, path: readonly string[]): void => {
    map.items.forEach((pair: Pair, index) => {
      const key = String(isScalar(pair.key) ? pair.key.value : pair.key);
      // A comment above the first key of a map belongs to the map.
      const above =
        (pair.key as { commentBefore?: string | null }).commentBefore ?? (index === 0 ? map.commentBefore : undefined);
      const at = [...path, key];
      const description = described(above);
      if (description !== undefined)
        rows.push({
          path: at.join('.'),
          fallback: (pair.value as { toJS(d: unknown): unknown }).toJS(document),
          description,
        });
      else if (isMap(pair.value)) visit(pair.value as YAMLMap, at);
      else throw new Error(`values.yaml: ${at.join('.')} has no comment that begins with # --`);
    });
  };
  visit(document.contents as YAMLMap, []);
  return rows;
}

export const defaultValues = (): Record<string, unknown> =>
  parse(readFileSync(VALUES, 'utf8')) as Record<string, unknown>;

/** `a.b.c` of nested maps. */
export const at = (values: unknown, path: string): unknown =>
  path.split('.').reduce<unknown>((v, key) => (v as Record<string, unknown> | undefined)?.[key], values);
