import { isObject } from '../types.ts';
import type { Check, Group } from './group.ts';
import type { Lack } from './rules.ts';

type Element = Record<string, unknown>;

/** What a resource lacks is rare, so the list is made only then. */
let found: Lack[] | undefined;

function report(lack: Lack): void {
  found ??= [];
  if (!found.includes(lack)) found.push(lack);
}

/** What the resource lacks, each once; undefined if it lacks nothing. Not reentrant. */
export function check(group: Group, resource: Element): Lack[] | undefined {
  found = undefined;
  checkGroup(group, resource);
  const lacks = found;
  found = undefined;
  return lacks;
}

function checkGroup(group: Group, parent: Element): void {
  group.read(parent);
  const { checks, values } = group;
  for (let at = 0; at < checks.length; at++) checkElement(checks[at]!, values);
  group.clear();
}

/** @param values those of the parent, in their places */
function checkElement(one: Check, values: readonly unknown[]): void {
  const { choice, slices } = one;
  // The call of `fill` costs more than the few counts.
  for (let at = 0; at < slices.length; at++) one.counts[at] = 0;
  let count = 0;
  if (choice === undefined) {
    const value = values[one.place];
    // Most primitives have no extensions.
    const sibling = one.primitive && (value === undefined || one.looksInside) ? values[one.siblingPlace] : undefined;
    if (Array.isArray(value)) {
      count = value.length;
      if (one.looksInside)
        for (let at = 0; at < count; at++)
          checkInstance(one, value[at], Array.isArray(sibling) ? sibling[at] : undefined, '');
    } else if (value !== undefined || sibling !== undefined) {
      count = 1;
      if (one.looksInside) checkInstance(one, value, sibling, '');
    }
  } else count = checkChoice(one, choice, values);
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
function checkChoice(one: Check, choice: Check['choice'] & {}, values: readonly unknown[]): number {
  for (let at = 0; at < choice.length; at++) {
    const { place, siblingPlace, type } = choice[at]!;
    const value = values[place];
    const extensions = siblingPlace < 0 ? undefined : values[siblingPlace];
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
  const { tests, group } = one;
  for (let at = 0; at < tests.length; at++) {
    const { holds, bare, lack } = tests[at]!;
    if (!(isBare && bare) && !holds(value, type)) report(lack);
  }
  if (group === undefined) return;
  const inner = isObject(value) ? value : isObject(sibling) ? sibling : undefined;
  // A primitive without extensions has no children.
  if (inner !== undefined) checkGroup(group, inner);
}
