import type { Definition } from '@provider-access/definitions';
import type { Criterion, Rule } from '../src/profiles/rules.ts';
import type { Codes, ValueSets } from './value-sets.ts';

/** What the rules of a guide's profiles rest on. */
export interface Context {
  /** StructureDefinitions by canonical: those of the guide, else those of a guide on which it builds. */
  readonly definitions: ReadonlyMap<string, Definition>;
  readonly core: Core;
  readonly sets: ValueSets;
}
/** R4: its types by name, its elements by type and path, and the keys of its invariants. */
export interface Core {
  readonly structures: ReadonlyMap<string, Definition>;
  readonly elements: ReadonlyMap<string, Definition>;
  readonly invariants: ReadonlySet<string>;
}
export function coreOf(definitions: readonly Definition[]): Core {
  const types = definitions.filter(
    ({ resourceType, derivation }) => resourceType === 'StructureDefinition' && derivation !== 'constraint',
  );
  const elements: Definition[] = types.flatMap(({ snapshot }) => snapshot.element);
  return {
    structures: new Map(types.map((each) => [each.type, each])),
    elements: new Map(elements.map((each) => [each.path, each])),
    invariants: new Set(elements.flatMap(({ constraint = [] }) => constraint.map(({ key }: Definition) => key))),
  };
}
type CodesText = Readonly<Record<string, string>>;
interface Line {
  readonly id: string;
  readonly rule: Rule;
  readonly codes?: CodesText;
}
/** An element of the profile with its children and its slices. */
interface Node {
  readonly id: string;
  readonly element: Definition;
  readonly children: Node[];
  readonly slices: Node[];
  rule: { -readonly [K in keyof Rule]: Rule[K] };
  codes?: CodesText;
}

const CODED = new Set(['code', 'Coding', 'CodeableConcept', 'Quantity']);
const typesOf = ({ type = [] }: Definition): string[] => [...new Set<string>(type.map(({ code }: Definition) => code))];
const numeric = (max: string): number => (max === '*' ? Number.POSITIVE_INFINITY : Number(max));
const bare = (canonical: string): string => canonical.split('|')[0]!;
const isSlice = (id: string): boolean => id.slice(id.lastIndexOf('.') + 1).includes(':');
/** The value of the first property that begins with the prefix: `fixedUri`, `patternCodeableConcept`. */
function valueOf(element: Definition, prefix: string): unknown {
  const name = Object.keys(element).find((key) => key.startsWith(prefix) && /^[A-Z]/.test(key.slice(prefix.length)));
  return name === undefined ? undefined : ordered(element[name]);
}
/** With its properties in one order, so that guides share rules. */
function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? 1 : -1));
  return Object.fromEntries(entries.map(([name, part]) => [name, ordered(part)]));
}

/** What the profile asks for beyond R4, and what of it the table cannot express. */
export function rulesOf(profile: Definition, context: Context): { rules: Line[]; unchecked: string[] } {
  const { core, definitions, sets } = context;
  const { structures, elements, invariants } = core;
  const unchecked = new Set<string>();
  const definitionOf = (url: string): Definition | undefined => definitions.get(bare(url));

  /** The element of R4, and whether it is one of a datatype, whose rules no profile repeats. */
  function baseOf(
    type: string,
    path: readonly string[],
    hint?: string,
  ): { base: Definition; datatype: boolean } | undefined {
    const structure = structures.get(type);
    if (structure === undefined) return undefined;
    for (let length = path.length; length > 0; length--) {
      const base = elements.get([type, ...path.slice(0, length)].join('.'));
      if (base === undefined) continue;
      if (length === path.length) return { base, datatype: structure.kind === 'complex-type' };
      const types = typesOf(base);
      const next = types.length === 1 ? types[0]! : hint;
      return next === undefined ? undefined : baseOf(next, path.slice(length), hint);
    }
    return undefined;
  }

  /** Elements of the profile, with those of the extensions that it names. */
  function* elementsOf(): Generator<Definition> {
    const { element } = profile.snapshot;
    for (const each of element) {
      yield each;
      yield* extensionOf(each, element);
    }
  }
  function* extensionOf(slice: Definition, all: readonly Definition[]): Generator<Definition> {
    const url = slice.type?.[0]?.profile?.[0];
    if (slice.sliceName === undefined || slice.type?.[0]?.code !== 'Extension' || url === undefined) return;
    if (slice.max === '0') return;
    const inner = definitionOf(url)?.snapshot.element;
    if (inner === undefined) {
      unchecked.add(`${slice.id}: the contents of the extension ${url}`);
      return;
    }
    for (const each of inner.slice(1)) {
      const id = slice.id + each.id.slice('Extension'.length);
      if (all.some((known) => known.id === id)) continue;
      const named = { ...each, id, path: slice.path + each.path.slice('Extension'.length) };
      yield named;
      yield* extensionOf(named, all);
    }
  }

  function codesOf(element: Definition): CodesText | undefined {
    const { valueSet } = element.binding;
    const codes: Codes | undefined = valueSet === undefined ? undefined : sets.expand(valueSet);
    if (codes === undefined) {
      unchecked.add(`${element.id}: the codes of ${valueSet ?? 'its value set'}`);
      return undefined;
    }
    const open = [...codes].filter(([, some]) => some === '*').map(([system]) => system);
    for (const system of open) unchecked.add(`${element.id}: the codes of ${system}`);
    if (typesOf(element).includes('code') && open.length > 0) return undefined;
    return Object.fromEntries(
      [...codes].map(([system, some]) => {
        if (some !== '*' && [...some].some((code) => /\s/.test(code)))
          throw new Error(`${system}: a code with a space`);
        return [system, some === '*' ? '*' : [...some].join(' ')];
      }),
    );
  }

  /** The names of the resources to which the references may point; undefined if they may point to any. */
  function targetsOf(element: Definition): string[] | undefined {
    const targets = (element.type ?? [])
      .filter(({ code }: Definition) => code === 'Reference')
      .flatMap(({ targetProfile }: Definition) => targetProfile ?? []);
    const names = targets.map((url: string) => definitionOf(url)?.type as string | undefined);
    if (names.length === 0 || names.includes(undefined) || names.includes('Resource')) return undefined;
    return [...new Set<string>(names)].toSorted();
  }

  function ruleOf(element: Definition): Pick<Node, 'rule' | 'codes'> {
    const rule: Node['rule'] = {};
    const path = element.path.split('.').slice(1);
    // The innermost extension around the element: `Patient.extension.extension` is an element of Extension.
    const extension = path.length < 2 ? -1 : path.lastIndexOf('extension', path.length - 2);
    const found =
      extension >= 0
        ? baseOf('Extension', path.slice(extension + 1), typesOf(element)[0])
        : baseOf(profile.type, path, 'Quantity');
    const base = found?.base;
    const slice = isSlice(element.id);
    if (element.min > 0 && (slice || found?.datatype !== true || element.min > base!.min)) rule.min = element.min;
    if (element.max !== '*' && (slice ? base?.max !== '1' : numeric(element.max) < numeric(base?.max ?? '*')))
      rule.max = Number(element.max);
    if (element.max === '0') return { rule: { max: 0 } };
    const types = typesOf(element);
    if (!slice && element.path.endsWith('[x]') && types.length < typesOf(base ?? {}).length) rule.types = types;
    const targets = targetsOf(element);
    if (targets !== undefined) rule.targets = targets;
    const fixed = valueOf(element, 'fixed');
    if (fixed !== undefined) rule.fixed = fixed;
    const pattern = valueOf(element, 'pattern');
    if (pattern !== undefined) rule.pattern = pattern;
    let codes: CodesText | undefined;
    const { binding } = element;
    if (binding?.strength === 'required' && types.some((type) => CODED.has(type))) {
      const same = found?.datatype === true && base?.binding?.strength === 'required';
      if (!same || bare(base!.binding.valueSet) !== bare(binding.valueSet)) codes = codesOf(element);
    }
    for (const { key, severity } of element.constraint ?? [])
      if (severity === 'error' && !invariants.has(key)) unchecked.add(`${element.id}: the invariant ${key}`);
    return { rule, codes };
  }

  const nodes = new Map<string, Node>();
  const parentOf = (id: string): Node | undefined => nodes.get(id.slice(0, id.lastIndexOf('.')));
  for (const element of elementsOf()) {
    const { id } = element;
    const node: Node = {
      id,
      element,
      children: [],
      slices: [],
      ...(id.includes('.') ? ruleOf(element) : { rule: {} }),
    };
    nodes.set(id, node);
    if (!id.includes('.')) {
      for (const { key, severity } of element.constraint ?? [])
        if (severity === 'error' && !invariants.has(key)) unchecked.add(`${id}: the invariant ${key}`);
    } else if (isSlice(id)) nodes.get(id.slice(0, id.lastIndexOf(':')))!.slices.push(node);
    else parentOf(id)?.children.push(node);
  }

  /** What makes an instance one of the slice, by the discriminators of its element. */
  function criteriaOf(node: Node, slice: Node): Criterion[] {
    const { discriminator = [] } = node.element.slicing ?? { discriminator: [{ type: 'value', path: 'url' }] };
    return discriminator.map(({ type, path }: Definition): Criterion => {
      const at = path === '$this' ? '' : path;
      if (type === 'type') return [at, 'types', typesOf(slice.element)];
      const profiled = slice.element.type?.[0]?.profile?.[0];
      if (at === 'url' && profiled !== undefined) return ['url', 'fixed', bare(profiled)];
      for (let up = at; ; up = up.slice(0, Math.max(0, up.lastIndexOf('.')))) {
        const inner = nodes.get(up === '' ? slice.id : `${slice.id}.${up}`);
        if (inner?.rule.pattern !== undefined) return [up, 'pattern', inner.rule.pattern];
        if (inner?.rule.fixed !== undefined) return [up, 'fixed', inner.rule.fixed];
        if (inner?.codes !== undefined) return [up, 'binding', inner.codes as unknown as number];
        if (up === '') return innerSlice(slice, at);
      }
    });
  }

  /** The vital signs of R4 name the code of a component in a slice of `code.coding`. */
  function innerSlice(slice: Node, path: string): Criterion {
    for (const { id, rule } of nodes.values())
      if (id.startsWith(`${slice.id}.`) && id.slice(slice.id.length + 1).replaceAll(/:[^.]*/g, '') === path)
        if (rule.fixed !== undefined) return [path, 'fixed', rule.fixed];
    throw new Error(`${slice.id}: nothing that tells the slice by ${path}`);
  }

  /** Drops what the criteria of a slice have already told. */
  function withoutCriteria(slice: Node): void {
    for (const [path, kind] of slice.rule.when ?? []) {
      const inner = path === '' ? slice : slice.children.find(({ id }) => id === `${slice.id}.${path}`);
      if (inner === undefined) continue;
      if (kind === 'pattern') delete inner.rule.pattern;
      if (kind === 'fixed') delete inner.rule.fixed;
      if (kind === 'binding') delete inner.codes;
      if (path !== '' && inner.rule.min === 1) delete inner.rule.min;
    }
  }

  const textOf = (node: Node, prefix: string): string =>
    [node, ...node.slices, ...node.children]
      .map((each) =>
        each === node ? JSON.stringify([each.id.slice(prefix.length), each.rule, each.codes]) : textOf(each, prefix),
      )
      .join();
  const isEmpty = ({ rule, codes, children, slices }: Node): boolean =>
    Object.keys(rule).length === 0 && codes === undefined && children.length === 0 && slices.length === 0;

  /** Leaves only nodes with a rule, and slices that can fail. */
  function prune(node: Node): void {
    const { slicing } = node.element;
    if (node.slices.length > 0 && slicing?.rules === 'closed') node.rule.closed = true;
    for (const slice of node.slices) slice.rule.when = criteriaOf(node, slice);
    for (const slice of node.slices) withoutCriteria(slice);
    for (const each of [...node.children, ...node.slices]) prune(each);
    drop(node.children, isEmpty);
    const general = new Map(node.children.map((child) => [child.id.slice(node.id.length), textOf(child, node.id)]));
    for (const slice of node.slices)
      drop(slice.children, (child) => general.get(child.id.slice(slice.id.length)) === textOf(child, slice.id));
    const keeps = node.rule.closed === true;
    drop(node.slices, (slice) => {
      const { when: _when, ...rest } = slice.rule;
      return !keeps && isEmpty({ ...slice, rule: rest });
    });
  }
  function drop(list: Node[], isSuperfluous: (node: Node) => boolean): void {
    list.splice(0, list.length, ...list.filter((each) => !isSuperfluous(each)));
  }

  const rules: Line[] = [];
  function emit(node: Node): void {
    if (Object.keys(node.rule).length > 0 || node.codes !== undefined)
      rules.push({ id: node.id, rule: node.rule, codes: node.codes });
    for (const each of [...node.children, ...node.slices]) emit(each);
  }
  const root = nodes.get(profile.snapshot.element[0].id)!;
  prune(root);
  emit(root);
  return { rules, unchecked: [...unchecked] };
}
