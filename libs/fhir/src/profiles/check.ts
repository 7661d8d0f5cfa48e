import { isObject } from '../types.ts';
import type { Check } from './compile.ts';
import type { Lack } from './rules.ts';

type Element = Record<string, unknown>;

/** What a resource lacks is rare, so the list is made only then. */
let found: Lack[] | undefined;

function report(lack: Lack): void {
  found ??= [];
  if (!found.includes(lack)) found.push(lack);
}

/** What the resource lacks, each once; undefined if it lacks nothing. Not reentrant. */
export function check(checks: readonly Check[], resource: Element): Lack[] | undefined {
  found = undefined;
  for (const one of checks) checkElement(one, resource);
  const lacks = found;
  found = undefined;
  return lacks;
}

function checkElement(one: Check, parent: Element): void {
  const { choice, slices } = one;
  if (slices.length > 0) one.counts.fill(0);
  let count = 0;
  if (choice === undefined) {
    const value = parent[one.name];
    // Most primitives have no extensions, and looking for what an object does not have is slow.
    const sibling = one.primitive && (value === undefined || one.looksInside) ? parent[one.sibling] : undefined;
    if (Array.isArray(value)) {
      count = value.length;
      if (one.looksInside)
        for (let at = 0; at < count; at++)
          checkInstance(one, value[at], Array.isArray(sibling) ? sibling[at] : undefined, '');
    } else if (value !== undefined || sibling !== undefined) {
      count = 1;
      if (one.looksInside) checkInstance(one, value, sibling, '');
    }
  } else count = checkChoice(one, parent);
  if (count < one.min) report(one.lacks.min);
  if (count > one.max) report(one.lacks.max);
  for (let at = 0; at < slices.length; at++) {
    const slice = slices[at]!;
    const members = one.counts[at]!;
    if (members < slice.min) report(slice.lacks.min);
    if (members > slice.max) report(slice.lacks.max);
  }
}

/** A choice has at most one of its properties (checkShape). */
function checkChoice(one: Check, parent: Element): number {
  for (const { name, sibling, type } of one.choice!) {
    const value = parent[name];
    const extensions = sibling === undefined ? undefined : parent[sibling];
    if (value === undefined && extensions === undefined) continue;
    if (one.types !== undefined && !one.types.has(type)) report(one.lacks.type);
    checkInstance(one, value, extensions, type);
    return 1;
  }
  return 0;
}

function checkInstance(one: Check, value: unknown, sibling: unknown, type: string): void {
  checkRules(one, value, sibling, type);
  if (one.slices.length === 0) return;
  const at = one.sliceOf(value, type);
  if (at >= 0) {
    one.counts[at]! += 1;
    checkRules(one.slices[at]!, value, sibling, type);
  } else if (one.closed) report(one.lacks.slicing);
}

function checkRules(one: Check, value: unknown, sibling: unknown, type: string): void {
  const isBare = value === undefined || value === null;
  for (const { holds, bare, lack } of one.tests) if (!(isBare && bare) && !holds(value, type)) report(lack);
  if (one.children.length === 0) return;
  const inner = isObject(value) ? value : isObject(sibling) ? sibling : undefined;
  // A primitive without extensions has no children.
  if (inner !== undefined) for (const child of one.children) checkElement(child, inner);
}
