import { type ElementDefinition, type RequiredCodes, type Structure, structureOf } from './elements.ts';
import { PRIMITIVE_CHECKS } from './primitives.ts';
import { isObject } from './types.ts';

/** One departure from base R4. Neither path nor message ever holds a value of the resource. */
export interface ShapeIssue {
  /** FHIRPath-like, e.g. `Observation.category[0].coding`. */
  readonly path: string;
  readonly code: 'structure' | 'required' | 'value' | 'too-long' | 'binding';
  readonly message: string;
}

/** A caller corrects the first issues and repeats the request, so more would not help. */
const MAX_ISSUES = 10;
/** Deeper JSON is refused before it can exhaust the stack. Real resources have fewer than 20 levels. */
const MAX_DEPTH = 64;
const ELEMENT_NAME = /^_?[A-Za-z][A-Za-z0-9]{0,60}$/;

/** A path as a linked list. Its text is built only for an issue, because most resources have none. */
interface Place {
  readonly parent: Place | undefined;
  readonly name: string;
  readonly index: number;
}

/** What one walk over a resource finds. */
export interface Checked {
  /** Departures from the structure. */
  readonly issues: readonly ShapeIssue[];
  /** Codes that are not of the value set of a required binding, at most 10. */
  readonly codes: readonly ShapeIssue[];
}
/** Wrong codes of the resource that is checked now. Nearly all have none, so the list is made only then. */
let wrongCodes: ShapeIssue[] | undefined;
const NO_ISSUES: readonly ShapeIssue[] = [];

/** `checkShape`, and R4's required bindings (ADR 0059), in one walk. Not reentrant. */
export function checkResourceCodes(resource: unknown): Checked {
  wrongCodes = undefined;
  const issues = checkShape(resource);
  const codes = wrongCodes ?? NO_ISSUES;
  wrongCodes = undefined;
  return { issues, codes };
}

/**
 * Whether a code, or one Coding of a CodeableConcept, is of the value set. A Coding without a system is compared by its
 * code: R4 calls it invalid, and it can only mean the code of this value set.
 */
export function hasRequiredCode({ bySystem, all }: RequiredCodes, value: unknown): boolean {
  if (typeof value === 'string') return all.has(value);
  const codings = isObject(value) ? value['coding'] : undefined;
  if (!Array.isArray(codings)) return false;
  for (const coding of codings as unknown[]) {
    if (!isObject(coding)) continue;
    const { system, code } = coding;
    if (typeof code === 'string' && (system === undefined ? all : bySystem.get(system as string))?.has(code) === true)
      return true;
  }
  return false;
}

/**
 * Checks a parsed JSON value against the base R4 structure: JSON kinds, single or list, required and unknown elements,
 * primitives, choices, `_element` siblings, extensions, narrative, contained resources.
 * @returns at most 10 issues. Profiles, terminology and invariants are not checked. `checkResourceCodes` checks
 * required bindings too
 */
export function checkShape(resource: unknown): ShapeIssue[] {
  const issues: ShapeIssue[] = [];
  checkResource(resource, { parent: undefined, name: '', index: -1 }, issues, 0, false);
  return issues;
}

function report(issues: ShapeIssue[], place: Place | undefined, code: ShapeIssue['code'], message: string): void {
  if (issues.length < MAX_ISSUES) issues.push({ path: pathOf(place), code, message });
}

function pathOf(place: Place | undefined): string {
  if (place === undefined) return '';
  const own = place.index >= 0 ? `${place.name}[${place.index}]` : place.name;
  const before = pathOf(place.parent);
  return before === '' ? own : own === '' ? before : `${before}.${own}`;
}

function checkResource(value: unknown, place: Place, issues: ShapeIssue[], depth: number, contained: boolean): void {
  if (!isObject(value)) return report(issues, place, 'structure', 'a resource must be a JSON object');
  const type = value['resourceType'];
  if (typeof type !== 'string') return report(issues, place, 'required', 'resourceType is missing');
  const structure = structureOf(type);
  if (structure === undefined || !structure.resource)
    return report(issues, place, 'value', 'resourceType is not an R4 resource type');
  const here: Place = place.parent === undefined ? { parent: undefined, name: type, index: -1 } : place;
  if (contained && value['contained'] !== undefined)
    report(issues, here, 'structure', 'a contained resource must not contain resources');
  checkStructure(value, structure, here, issues, depth);
}

function checkStructure(
  value: Record<string, unknown>,
  structure: Structure,
  place: Place,
  issues: ShapeIssue[],
  depth: number,
): void {
  if (depth > MAX_DEPTH) return report(issues, place, 'too-long', `nested deeper than ${MAX_DEPTH} levels`);
  let empty = true;
  let choices: Map<string, string> | undefined;
  for (const key in value) {
    if (issues.length >= MAX_ISSUES) return;
    if (key === 'resourceType' && structure.resource) continue;
    const sibling = key.charCodeAt(0) === 95;
    const definition = structure.elements.get(sibling ? key.slice(1) : key);
    if (definition === undefined || (sibling && !definition.primitive)) {
      const known = ELEMENT_NAME.test(key) ? `${key} is` : 'it has an element that is';
      report(issues, place, 'structure', `${known} not an element of ${structure.name}`);
      continue;
    }
    empty = false;
    if (definition.choice !== undefined) {
      choices ??= new Map();
      const other = choices.get(definition.choice);
      if (other !== undefined && other !== definition.name)
        report(issues, place, 'structure', `only one of ${definition.choice} is allowed`);
      choices.set(definition.choice, definition.name);
    }
    if (sibling) checkSibling(value[key], definition, place, issues, depth);
    else checkElement(value[key], definition, value, place, issues, depth);
  }
  if (empty && !structure.resource) report(issues, place, 'structure', 'an element must not be empty');
  for (const { name, anyOf } of structure.required) {
    if (!anyOf.some((property) => value[property] !== undefined || value[`_${property}`] !== undefined)) {
      report(issues, place, 'required', `${name} is required`);
    }
  }
}

function checkElement(
  value: unknown,
  definition: ElementDefinition,
  parent: Record<string, unknown>,
  place: Place,
  issues: ShapeIssue[],
  depth: number,
): void {
  const { name, list } = definition;
  if (!list) {
    if (Array.isArray(value))
      return report(issues, { parent: place, name, index: -1 }, 'structure', 'must be a single value, not a list');
    return checkValue(value, definition, place, -1, issues, depth);
  }
  if (!Array.isArray(value)) return report(issues, { parent: place, name, index: -1 }, 'structure', 'must be a list');
  if (value.length === 0)
    return report(issues, { parent: place, name, index: -1 }, 'structure', 'a list must not be empty');
  const siblings = definition.primitive ? parent[`_${name}`] : undefined;
  for (let index = 0; index < value.length; index++) {
    if (issues.length >= MAX_ISSUES) return;
    // In a list, null stands for a primitive that has only an id or extensions.
    if (value[index] === null && Array.isArray(siblings) && isObject(siblings[index])) continue;
    checkValue(value[index], definition, place, index, issues, depth);
  }
}

function checkValue(
  value: unknown,
  definition: ElementDefinition,
  place: Place,
  index: number,
  issues: ShapeIssue[],
  depth: number,
): void {
  const { name, type, codes } = definition;
  if (codes !== undefined && !hasRequiredCode(codes, value))
    report((wrongCodes ??= []), { parent: place, name, index }, 'binding', NOT_OF);
  if (definition.primitive) {
    const check = PRIMITIVE_CHECKS[type];
    if (check !== undefined && !check(value))
      report(issues, { parent: place, name, index }, 'value', `is not a valid ${type}`);
    return;
  }
  const here: Place = { parent: place, name, index };
  if (type === 'Resource') return checkResource(value, here, issues, depth + 1, name === 'contained');
  if (!isObject(value)) return report(issues, here, 'structure', 'must be a JSON object');
  const structure = structureOf(type);
  if (structure !== undefined) checkStructure(value, structure, here, issues, depth + 1);
}

const NOT_OF = 'is not a code of the value set that R4 requires';
const ELEMENT = structureOf('Element');

function checkSibling(
  value: unknown,
  definition: ElementDefinition,
  place: Place,
  issues: ShapeIssue[],
  depth: number,
): void {
  const name = `_${definition.name}`;
  const items = definition.list ? value : [value];
  if (!Array.isArray(items)) return report(issues, { parent: place, name, index: -1 }, 'structure', 'must be a list');
  items.forEach((item: unknown, index) => {
    if (item === null && definition.list) return;
    const here: Place = { parent: place, name, index: definition.list ? index : -1 };
    if (!isObject(item)) return report(issues, here, 'structure', 'must be a JSON object');
    if (ELEMENT !== undefined) checkStructure(item, ELEMENT, here, issues, depth + 1);
  });
}
