import { type MeasuredFunction, functionsOf } from './functions.ts';
import { type Kind, kindOf } from './kind.ts';
import type { Tree } from './tree.ts';

/** A product file above `MAX_FILE` lines. */
export const MAX_FILE = 400;
/** Lines of a product function, its inner functions included. */
export const MAX_FUNCTION = 80;

export interface Size {
  /** Lines of each kind of file. */
  readonly lines: Readonly<Record<Kind, number>>;
  /** Lines of product code in each library and service, the largest first. */
  readonly parts: readonly (readonly [part: string, lines: number])[];
  /** Product files, the largest first. */
  readonly files: readonly { readonly path: string; readonly lines: number }[];
  /** Product functions, the largest first. */
  readonly functions: readonly (MeasuredFunction & { readonly path: string })[];
}

/** Counts the lines of a tree and measures its product files and functions. */
export function measure(tree: Tree): Size {
  const lines: Record<Kind, number> = { product: 0, tools: 0, specs: 0, generated: 0 };
  const parts = new Map<string, number>();
  const files: { path: string; lines: number }[] = [];
  const functions: (MeasuredFunction & { path: string })[] = [];
  for (const [path, text] of tree) {
    const kind = kindOf(path);
    if (kind === undefined) continue;
    const count = text.split('\n').length - 1;
    lines[kind] += count;
    if (kind !== 'product') continue;
    const part = path.split('/', 2).join('/');
    parts.set(part, (parts.get(part) ?? 0) + count);
    files.push({ path, lines: count });
    for (const one of functionsOf(path, text)) functions.push({ path, ...one });
  }
  return {
    lines,
    parts: [...parts].sort(([, a], [, b]) => b - a),
    files: files.sort((a, b) => b.lines - a.lines),
    functions: functions.sort((a, b) => b.lines - a.lines),
  };
}
