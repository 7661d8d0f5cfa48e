import { RULE_LINES } from '../definitions/profile-table.ts';
import { type Structure, structureOf } from '../elements.ts';
import { type Check, type Choice, Group } from './group.ts';
import type { Lack, Rule } from './rules.ts';
import { codeTest, patternTest, sliceOf, type SliceOf, targetTest, type Test } from './values.ts';

const NO_SLICE: SliceOf = () => -1;

function choiceOf(name: string, structure: Structure | undefined): readonly Choice[] | undefined {
  if (!name.endsWith('[x]')) return undefined;
  return [...(structure?.elements.values() ?? [])]
    .filter(({ choice }) => choice === name)
    .map(({ name: property, type, primitive }) => ({
      name: property,
      type,
      sibling: primitive ? `_${property}` : undefined,
      place: -1,
      siblingPlace: -1,
    }));
}

function checkOf(id: string, rule: Rule, structure: Structure | undefined): Check {
  const last = id.slice(id.lastIndexOf('.') + 1);
  const name = last.includes(':') ? last.slice(0, last.indexOf(':')) : last;
  const lack = (kind: Lack['rule']): Lack => Object.freeze({ element: id, rule: kind });
  const tests: { holds: Test; bare: boolean; lack: Lack }[] = [];
  const add = (holds: Test, bare: boolean, kind: Lack['rule']) => tests.push({ holds, bare, lack: lack(kind) });
  if (rule.fixed !== undefined) add(patternTest(rule.fixed), false, 'fixed');
  if (rule.pattern !== undefined) add(patternTest(rule.pattern), false, 'fixed');
  if (rule.binding !== undefined) add(codeTest(rule.binding), true, 'binding');
  if (rule.targets !== undefined) add(targetTest(rule.targets), true, 'type');
  return {
    name,
    primitive: structure?.elements.get(name)?.primitive ?? true,
    sibling: `_${name}`,
    choice: choiceOf(name, structure),
    types: rule.types && new Set(rule.types),
    min: rule.min ?? 0,
    max: rule.max ?? Number.POSITIVE_INFINITY,
    tests,
    children: [],
    group: undefined,
    place: -1,
    siblingPlace: -1,
    slices: [],
    when: rule.when ?? [],
    sliceOf: NO_SLICE,
    counts: new Uint32Array(0),
    closed: rule.closed === true,
    looksInside: false,
    lacks: { min: lack('min'), max: lack('max'), type: lack('type'), slicing: lack('slicing') },
  };
}

/** `Observation.category:VSCat.coding` in parts, with the structure of R4 to which each belongs. */
interface Known {
  readonly check: Check;
  readonly structure: Structure | undefined;
}

/**
 * The elements of the resource that the profile has rules about.
 * @param places rules in RULE_LINES: `3 7-9`
 */
export function compileProfile(type: string, places: string): Group {
  const root: Check[] = [];
  const known = new Map<string, Known>();
  const top = structureOf(type);

  function find(id: string): Known {
    const there = known.get(id);
    return there ?? place(id, {});
  }
  function place(id: string, rule: Rule): Known {
    const dot = id.lastIndexOf('.');
    const parentId = id.slice(0, dot);
    const parent = parentId === type ? undefined : find(parentId);
    const structure = parent === undefined ? top : parent.structure;
    const check = checkOf(id, rule, structure);
    const colon = id.lastIndexOf(':');
    const element = check.choice === undefined ? structure?.elements.get(check.name) : undefined;
    // What lies in a choice is of one type, or has no choices of its own.
    const inner = element === undefined ? undefined : structureOf(element.type);
    if (colon > dot) {
      const { check: sliced } = find(id.slice(0, colon));
      sliced.slices.push(check);
      sliced.counts = new Uint32Array(sliced.slices.length);
    } else (parent?.check.children ?? root).push(check);
    const entry = { check, structure: inner };
    known.set(id, entry);
    return entry;
  }
  for (const line of linesOf(places)) {
    const space = line.indexOf(' ');
    place(line.slice(0, space), JSON.parse(line.slice(space + 1)) as Rule);
  }
  for (const { check } of known.values()) {
    if (check.slices.length > 0) check.sliceOf = sliceOf(check.slices.map(({ when }) => when));
    if (check.children.length > 0) check.group = new Group(check.children);
    check.looksInside = [check.tests, check.children, check.slices].some(({ length }) => length > 0);
  }
  return new Group(root);
}

/** The texts of a list of places. */
function linesOf(places: string): string[] {
  return placesOf(places).map((place) => RULE_LINES[place]!);
}
export function placesOf(text: string): number[] {
  return text
    .split(' ')
    .filter((part) => part !== '')
    .flatMap((part) => {
      const [first = 0, last = first] = part.split('-').map(Number);
      return Array.from({ length: last - first + 1 }, (_, at) => first + at);
    });
}
