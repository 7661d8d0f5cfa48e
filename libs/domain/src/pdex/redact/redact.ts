import { type FhirResource, isObject, structureOf } from '@provider-access/fhir';

import { FINANCIAL_TYPES, WITHHELD_TYPES } from './allowed.ts';
import { withProfiles } from './declared.ts';
import { maskAmounts, maskNote } from './mask.ts';
import { type Context, type Plan, planOf, type Step } from './plan.ts';
import { ADJUDICATION, countsUnits, isBroken, dropRuleOf, isMasked, maskedAmount } from './special.ts';

export interface Redaction {
  /** The same object when nothing changed. */
  readonly resource: FhirResource;
  /**
   * Number of dropped or masked elements by path without indexes (`ExplanationOfBenefit.item.net`). A path consists of
   * at most MAX_NAMES names of R4, and has no values.
   */
  readonly dropped: Readonly<Record<string, number>>;
}

type Source = Readonly<Record<string, unknown>>;

/** What holds for the elements of one resource. */
interface Run {
  readonly context: Context;
  readonly dropped: Record<string, number>;
  /** Ids of dropped contained resources. References to them are dropped too. */
  readonly goneIds: ReadonlySet<string>;
  /** Whether a resource inside another one stays. */
  readonly keeps: Keeps;
}
export type Keeps = (inner: FhirResource) => boolean;

/** Base R4 needs no deeper elements, so deeper ones are dropped. */
const MAX_DEPTH = 80;
/** Most names in a counted path, because structures may nest without limit. */
export const MAX_NAMES = 8;
const SUPPORTING_ATTACHMENT = /^(ExplanationOfBenefit|Claim)\.supportingInfo$/;
/** The user and password of a URL, behind its scheme. */
const CREDENTIALS = /^([A-Za-z][A-Za-z0-9+.-]*:\/\/)[^/?#]*@/;
export const withoutCredentials = (url: string): string => url.replace(CREDENTIALS, '$1');

/**
 * Removes money from a resource by allow-list (docs/regulation.md#redaction). No Money, currency, cost to beneficiary,
 * remittance date or quantity of currency stays at any depth, contained resources and extensions included. Claims,
 * coverages and prior authorizations keep listed elements and extensions only; every other type keeps its R4 elements.
 * Idempotent. Valid R4 stays valid R4. `meta.profile` names what the resource then conforms to (ADR 0046).
 * @param keeps false for a resource inside this one (contained, in a Bundle or Parameters) that is dropped with the
 * references to it
 * @throws TypeError for an unknown or withheld type, which the caller must refuse before
 */
export function redact(resource: FhirResource, keeps: Keeps = () => true): Redaction {
  const type = resource.resourceType;
  if (WITHHELD_TYPES.has(type) || structureOf(type)?.resource !== true)
    throw new TypeError('redact: not a resource type that may be kept');
  const dropped: Record<string, number> = {};
  let source: Source = resource;
  let goneIds: ReadonlySet<string> = new Set();
  // Contained resources may refer to each other, so repeat until no further one is dropped.
  while (source['contained'] !== undefined) {
    const before = containedIds(source['contained']);
    const run: Run = { context: 'clinical', dropped, goneIds, keeps };
    const contained = keep(source['contained'], { kind: 'resource' }, `${type}.contained`, run, 1, false);
    const left = containedIds(contained);
    const removedIds = new Set([...goneIds, ...[...before].filter((id) => !left.has(id))]);
    if (contained !== source['contained'])
      source = contained === undefined ? without(source, 'contained') : { ...source, contained };
    if (removedIds.size === goneIds.size) break;
    goneIds = removedIds;
  }
  const kept = keepResource(source, type, { context: 'clinical', dropped, goneIds, keeps }, 0) ?? {
    resourceType: type,
    ...(resource.id === undefined ? {} : { id: resource.id }),
  };
  const declared = withProfiles(kept, contextOf(kept, type), kept !== resource);
  return { resource: declared as FhirResource, dropped };
}

function containedIds(contained: unknown): Set<string> {
  const items: unknown[] = Array.isArray(contained) ? contained : [contained];
  return new Set(items.flatMap((item) => (isObject(item) && typeof item['id'] === 'string' ? [item['id']] : [])));
}

function without(source: Source, name: string): Source {
  return Object.fromEntries(Object.entries(source).filter(([key]) => key !== name));
}

function count(run: Run, path: string): undefined {
  const place = shortened(path);
  run.dropped[place] = (run.dropped[place] ?? 0) + 1;
  return undefined;
}

function shortened(path: string): string {
  let end = -1;
  for (let names = 0; names < MAX_NAMES; names++) {
    end = path.indexOf('.', end + 1);
    if (end < 0) return path;
  }
  return `${path.slice(0, end)}…`;
}

function keepResource(source: Source, path: string, run: Run, depth: number): Source | undefined {
  const type = source['resourceType'];
  if (typeof type !== 'string' || WITHHELD_TYPES.has(type)) return count(run, path);
  const context = contextOf(source, type);
  const plan = structureOf(type)?.resource === true ? planOf(type, context) : undefined;
  if (plan === undefined || (depth > 0 && !run.keeps(source as FhirResource))) return count(run, path);
  const kept = keepStructure(source, plan, path, { ...run, context }, depth, false);
  // `redact` does this for the outermost resource, because it also knows what happened to the contained ones.
  return kept !== undefined && depth > 0 ? withProfiles(kept, context, kept !== source) : kept;
}

export function contextOf(source: Source, type: string): Context {
  if (!FINANCIAL_TYPES.has(type)) return 'clinical';
  return type !== 'Coverage' && source['use'] === 'preauthorization' ? 'prior-authorization' : 'claim';
}

function keepStructure(
  source: Source,
  plan: Plan,
  path: string,
  run: Run,
  depth: number,
  nested: boolean,
): Source | undefined {
  const { structure, steps } = plan;
  const { name } = structure;
  if (depth > MAX_DEPTH || dropRuleOf(name)?.(source, run.context, nested) === true) return count(run, path);
  const keys = Object.keys(source);
  let copy: Record<string, unknown> | undefined;
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index] as string;
    const before = source[key];
    const after =
      key === 'resourceType' && structure.resource
        ? before
        : keepElement(key, before, source, name, steps, path, run, depth);
    if (after !== before && copy === undefined) {
      copy = {};
      for (let done = 0; done < index; done++) copy[keys[done] as string] = source[keys[done] as string];
    }
    if (copy !== undefined && after !== undefined) copy[key] = after;
  }
  if (copy === undefined) return keys.length === 0 ? count(run, path) : source;
  if (name === ADJUDICATION) {
    const amount = maskedAmount(source);
    if (amount !== undefined) copy['amount'] = amount;
  }
  alignSiblings(copy);
  const left = Object.keys(copy).length;
  const isRoot = depth === 0;
  if (!isRoot && (left === 0 || isBroken(name, source, copy) || lostRequired(plan, source, copy)))
    return count(run, path);
  return copy;
}

function keepElement(
  key: string,
  before: unknown,
  source: Source,
  name: string,
  steps: Plan['steps'],
  path: string,
  run: Run,
  depth: number,
): unknown {
  const sibling = key.charCodeAt(0) === 95;
  const step = steps.get(sibling ? key.slice(1) : key);
  if (step === undefined) return count(run, `${path}.(unknown)`);
  if (
    step.kind === 'primitive' &&
    !sibling &&
    typeof before === step.of &&
    name !== 'Reference' &&
    name !== ADJUDICATION
  )
    return before;
  const here = `${path}.${key}`;
  if (step.kind === 'drop')
    return name === ADJUDICATION && key === 'amount' && isMasked(before) && maskedAmount(source) !== undefined
      ? before
      : count(run, here);
  if (sibling)
    return step.kind === 'primitive' || step.kind === 'text' || step.kind === 'address'
      ? keepSibling(before, here, run, depth)
      : count(run, `${path}.(unknown)`);
  if (name === ADJUDICATION && key === 'value' && !countsUnits(source)) return count(run, here);
  if (
    name === 'Reference' &&
    key === 'reference' &&
    typeof before === 'string' &&
    before.startsWith('#') &&
    run.goneIds.has(before.slice(1))
  )
    return count(run, here);
  if (run.context === 'claim' && key === 'valueAttachment' && SUPPORTING_ATTACHMENT.test(name)) return count(run, here);
  return keep(before, step, here, run, depth + 1, name === 'Extension');
}

function keep(value: unknown, step: Step, path: string, run: Run, depth: number, nested: boolean): unknown {
  if (!Array.isArray(value)) return keepOne(value, step, path, run, depth, nested);
  const primitive = step.kind === 'primitive' || step.kind === 'text';
  let copy: unknown[] | undefined;
  for (let index = 0; index < value.length; index++) {
    const before: unknown = value[index];
    const after =
      primitive && before === null
        ? null
        : Array.isArray(before)
          ? count(run, path)
          : keepOne(before, step, path, run, depth, nested);
    // The `_` siblings of a list of primitives match by index, so the list is kept whole or dropped.
    if (primitive && after === undefined) return undefined;
    if (after !== before) copy ??= value.slice(0, index);
    if (copy !== undefined && after !== undefined) copy.push(after);
  }
  const kept = copy ?? value;
  return kept.length === 0 ? count(run, path) : kept;
}

function keepOne(value: unknown, step: Step, path: string, run: Run, depth: number, nested: boolean): unknown {
  switch (step.kind) {
    case 'primitive':
      return typeof value === step.of ? value : count(run, path);
    case 'text': {
      if (typeof value !== 'string') return count(run, path);
      const masked = step.note ? maskNote(value) : maskAmounts(value);
      if (masked !== value) count(run, path);
      return masked;
    }
    case 'address': {
      if (typeof value !== 'string') return count(run, path);
      const address = withoutCredentials(value);
      if (address !== value) count(run, path);
      return address;
    }
    case 'resource':
      return isObject(value) ? keepResource(value, path, run, depth) : count(run, path);
    case 'structure': {
      const plan = isObject(value) ? planOf(step.type, run.context) : undefined;
      return plan === undefined ? count(run, path) : keepStructure(value as Source, plan, path, run, depth, nested);
    }
    case 'drop':
      return count(run, path);
  }
}

function keepSibling(value: unknown, path: string, run: Run, depth: number): unknown {
  const plan = planOf('Element', run.context) as Plan;
  const one = (item: unknown): Source | undefined =>
    isObject(item) ? keepStructure(item, plan, path, run, depth + 1, false) : count(run, path);
  if (!Array.isArray(value)) return one(value);
  const kept = value.map((item: unknown) => (item === null ? null : (one(item) ?? null)));
  if (kept.every((item) => item === null)) return count(run, path);
  return kept.some((item, index) => item !== value[index]) ? kept : value;
}

/** Removes the indexes that are empty in both a list of primitives and its `_` sibling. */
function alignSiblings(copy: Record<string, unknown>): void {
  for (const key of Object.keys(copy)) {
    const values = copy[key];
    if (!Array.isArray(values) || !values.includes(null)) continue;
    const name = key.startsWith('_') ? key.slice(1) : key;
    const primary: unknown = copy[name];
    const sibling: unknown = copy[`_${name}`];
    const length = Math.max(Array.isArray(primary) ? primary.length : 0, Array.isArray(sibling) ? sibling.length : 0);
    const full = Array.from({ length }, (_, index) => index).filter(
      (index) => at(primary, index) !== null || at(sibling, index) !== null,
    );
    if (full.length === length) continue;
    for (const [each, list] of [
      [name, primary],
      [`_${name}`, sibling],
    ] as const) {
      if (!Array.isArray(list)) continue;
      const left = full.map((index) => at(list, index));
      if (left.every((item) => item === null)) delete copy[each];
      else copy[each] = left;
    }
  }
}

const at = (list: unknown, index: number): unknown => (Array.isArray(list) ? ((list[index] as unknown) ?? null) : null);

function lostRequired({ structure }: Plan, before: Source, after: Source): boolean {
  const has = (source: Source, names: readonly string[]): boolean =>
    names.some((name) => source[name] !== undefined || source[`_${name}`] !== undefined);
  return structure.required.some(({ anyOf }) => has(before, anyOf) && !has(after, anyOf));
}
