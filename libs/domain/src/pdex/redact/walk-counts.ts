import { MAX_NAMES } from './redact.ts';
import type { WalkStep } from './walk-plan.ts';

/** How a walk counts what redaction drops or masks, as `redact` does. */
export interface CountRun {
  readonly dropped: Record<string, number>;
  /** The names on the path to the present structure. */
  readonly names: string[];
  /** Those of these paths that were counted already, by the number of their names less one. */
  readonly paths: (string | undefined)[];
}

/** Names the structure at this depth. */
export function stepInto(name: string, run: CountRun, depth: number): void {
  if (run.names[depth] === name) return;
  run.names[depth] = name;
  run.paths.length = depth;
}

/** The path to the structure at this depth, of at most MAX_NAMES names. */
function pathTo({ names, paths }: CountRun, depth: number): string {
  let path = paths[depth];
  if (path !== undefined) return path;
  path = names.slice(0, Math.min(depth + 1, MAX_NAMES)).join('.');
  if (depth >= MAX_NAMES) path += '…';
  paths[depth] = path;
  return path;
}

/** Counts the structure at this depth as dropped. */
export function count(run: CountRun, depth: number): undefined {
  const path = pathTo(run, depth);
  run.dropped[path] = (run.dropped[path] ?? 0) + 1;
  return undefined;
}

/** Counts an element of that structure as dropped or masked. */
export function countElement(run: CountRun, depth: number, key: string, step: WalkStep): undefined {
  const within = pathTo(run, depth);
  let { counted } = step;
  if (counted?.within !== within) {
    const path = depth + 1 < MAX_NAMES ? `${within}.${key}` : depth + 1 === MAX_NAMES ? `${within}…` : within;
    step.counted = counted = { within, path };
  }
  const { path } = counted;
  run.dropped[path] = (run.dropped[path] ?? 0) + 1;
  return undefined;
}
