import { MAX_NAMES } from './redact.ts';

/** A path of names of elements. Paths stay from one walk to the next, because joining their names costs much. */
interface Path {
  readonly text: string;
  /** Number of names. A path of more than `MAX_NAMES` ends in `…`. */
  readonly names: number;
  readonly below: Map<string, Path>;
  /** The path below that was asked for last. */
  recent: Path | undefined;
  readonly name: string;
  /** The walk that counted at this path last, and how often. */
  run: number;
  count: number;
}

/** How a walk counts what redaction drops or masks, as `redact` does. */
export interface CountRun {
  /** The number of the walk. */
  readonly id: number;
  /** The names of the present structure and of those around it; the first one stands for the resource. */
  readonly names: string[];
  /** Their paths, as far as they are known. Most structures lose nothing, so nobody needs their paths. */
  readonly paths: Path[];
  known: number;
  /** In the order in which they were counted first. */
  readonly counted: Path[];
}

/** Elements may be nested in many ways. With more paths than these, all are made anew. */
const MOST_PATHS = 20_000;
let roots = new Map<string, Path>();
let made = 0;
let runs = 0;

export function countingOf(type: string): CountRun {
  if (made > MOST_PATHS) {
    roots = new Map();
    made = 0;
  }
  let root = roots.get(type);
  if (root === undefined) roots.set(type, (root = pathOf(type, type, 1)));
  runs += 1;
  return { id: runs, names: [type], paths: [root], known: 0, counted: [] };
}

function pathOf(text: string, name: string, names: number): Path {
  made += 1;
  return { text, name, names, below: new Map(), recent: undefined, run: 0, count: 0 };
}

function pathBelow(path: Path, name: string): Path {
  if (path.names > MAX_NAMES) return path;
  const isLast = path.names === MAX_NAMES;
  const key = isLast ? '…' : name;
  if (path.recent?.name === key) return path.recent;
  let below = path.below.get(key);
  if (below === undefined) {
    below = pathOf(isLast ? `${path.text}…` : `${path.text}.${name}`, key, path.names + 1);
    path.below.set(key, below);
  }
  path.recent = below;
  return below;
}

/** Names the structure at this depth. */
export function stepInto(name: string, run: CountRun, depth: number): void {
  run.names[depth] = name;
  if (run.known >= depth) run.known = depth - 1;
}

function pathAt(run: CountRun, depth: number): Path {
  const { names, paths } = run;
  for (; run.known < depth; run.known++) paths[run.known + 1] = pathBelow(paths[run.known]!, names[run.known + 1]!);
  return paths[depth]!;
}

/** Counts the structure at this depth as dropped. */
export const count = (run: CountRun, depth: number): undefined => countAt(run, pathAt(run, depth));

/** Counts an element of that structure as dropped or masked. */
export const countElement = (run: CountRun, depth: number, key: string): undefined =>
  countAt(run, pathBelow(pathAt(run, depth), key));

function countAt({ id, counted }: CountRun, path: Path): undefined {
  if (path.run !== id) {
    path.run = id;
    path.count = 0;
    counted.push(path);
  }
  path.count += 1;
  return undefined;
}

/** Number of what was counted, by path. */
export function countsOf({ counted }: CountRun): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { text, count: times } of counted) counts[text] = times;
  return counts;
}
