import { structureOf } from '../elements.ts';
import { parseReference } from '../references.ts';
import { isObject } from '../types.ts';

/**
 * One step of a path: into a property; past objects whose property differs; past references to another type. Arrays
 * need no step, because each step applies to every item.
 */
interface Step {
  readonly property: string | undefined;
  readonly where: string | undefined;
  readonly equals: string | undefined;
  readonly refersTo: string | undefined;
}
/** All steps have the same properties, because V8 reads objects of one shape faster. */
const STEP: Step = { property: undefined, where: undefined, equals: undefined, refersTo: undefined };

/** One way to values of one datatype. A choice of types becomes one leaf for each type. */
export interface Leaf {
  readonly type: string;
  readonly steps: readonly Step[];
  /** The elements on the way as R4 declares them, such as `effective[x]`. */
  readonly elements: readonly string[];
  /** Whether an element on the way may occur more than once. */
  readonly repeats: boolean;
}

const SEGMENT = new RegExp(
  String.raw`^\.(?:` +
    [
      String.raw`(?:as|ofType)\((?<type>\w+)\)`,
      String.raw`where\(resolve\(\) is (?<target>\w+)\)`,
      String.raw`where\((?<where>\w+) ?= ?'(?<equals>[^']*)'\)`,
      String.raw`extension\('(?<url>[^']*)'\)`,
      String.raw`(?<property>\w+)(?![\w(])`,
    ].join('|') +
    ')',
);
const CAST = /^\((?<inner>[^()]+) as (?<type>\w+)\)/;

/**
 * Compiles the part of FHIRPath that search parameters use: paths, choices (`as`, `ofType`), `|`, `extension(url)`, and
 * `where` with an equal string or with `resolve() is Type`.
 * @throws TypeError for anything else, and for a path that R4 does not have
 */
export function compilePath(path: string): readonly Leaf[] {
  return path.split('|').flatMap((branch) => compileBranch(branch.trim(), path));
}

function compileBranch(branch: string, path: string): readonly Leaf[] {
  const cast = CAST.exec(branch);
  if (cast?.groups !== undefined) {
    const { inner = '', type = '' } = cast.groups;
    return follow(ofType(compileBranch(inner, path), type, path), branch.slice(cast[0].length), path);
  }
  const root = /^\w+/.exec(branch)?.[0] ?? '';
  if (structureOf(root) === undefined) throw fault(path, `${root} is no type of R4`);
  return follow([{ type: root, steps: [], elements: [], repeats: false }], branch.slice(root.length), path);
}

function follow(start: readonly Leaf[], segments: string, path: string): readonly Leaf[] {
  let leaves = start;
  for (let rest = segments; rest !== '';) {
    const match = SEGMENT.exec(rest);
    if (match?.groups === undefined) throw fault(path, `cannot read ${rest}`);
    const { type, target, where, equals = '', url, property } = match.groups;
    if (type !== undefined) leaves = ofType(leaves, type, path);
    else if (target !== undefined) leaves = leaves.map((leaf) => after(leaf, { ...STEP, refersTo: target }));
    else if (where !== undefined) leaves = leaves.map((leaf) => after(leaf, { ...STEP, where, equals }));
    else if (url !== undefined)
      leaves = into(leaves, 'extension', path).map((leaf) => after(leaf, { ...STEP, where: 'url', equals: url }));
    else leaves = into(leaves, property ?? '', path);
    rest = rest.slice(match[0].length);
  }
  return leaves;
}

function into(leaves: readonly Leaf[], property: string, path: string): readonly Leaf[] {
  const found = leaves.flatMap((leaf) =>
    [...(structureOf(leaf.type)?.elements.values() ?? [])]
      .filter(({ name, choice }) => name === property || choice === `${property}[x]`)
      .map(({ name, type, choice, list }) => ({
        type,
        steps: [...leaf.steps, { ...STEP, property: name }],
        elements: [...leaf.elements, choice ?? name],
        repeats: leaf.repeats || list,
      })),
  );
  if (found.length === 0) throw fault(path, `R4 has no ${property} there`);
  return found;
}

function ofType(leaves: readonly Leaf[], type: string, path: string): readonly Leaf[] {
  const found = leaves.filter((leaf) => leaf.type === type);
  if (found.length === 0) throw fault(path, `the element is never a ${type}`);
  return found;
}

const after = (leaf: Leaf, step: Step): Leaf => ({ ...leaf, steps: [...leaf.steps, step] });
const fault = (path: string, text: string): TypeError => new TypeError(`search path ${path}: ${text}`);

/** Whether a resource has at most one value at the end of the leaves: one element, which does not repeat. */
export const isSingular = (leaves: readonly Leaf[]): boolean =>
  !leaves.some(({ repeats }) => repeats) && new Set(leaves.map(({ elements }) => elements.join('.'))).size === 1;

/** Calls `found` with each value at the end of the leaf, in document order. A wrong shape is no value. */
export function walk(value: unknown, { steps }: Leaf, found: (value: unknown) => void): void {
  step(value, steps, 0, found);
}

function step(value: unknown, steps: readonly Step[], at: number, found: (value: unknown) => void): void {
  if (value === undefined || value === null) return;
  if (Array.isArray(value)) {
    for (const item of value) step(item, steps, at, found);
    return;
  }
  const next = steps[at];
  if (next === undefined) {
    found(value);
    return;
  }
  if (!isObject(value)) return;
  // A path names elements of R4. A test checks that none of them is a property of every object.
  if (next.property !== undefined) step(value[next.property], steps, at + 1, found);
  else if (next.where !== undefined) {
    if (value[next.where] === next.equals) step(value, steps, at + 1, found);
  } else if (refersTo(value['reference'], next.refersTo)) step(value, steps, at + 1, found);
}

/** `resolve()` without a look at the other resource: a literal reference names its type. */
function refersTo(reference: unknown, type: string | undefined): boolean {
  if (typeof reference !== 'string') return false;
  const parsed = parseReference(reference);
  return parsed.kind === 'literal' && parsed.type === type;
}
