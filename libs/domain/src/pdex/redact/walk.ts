import { type FhirResource, hasRequiredCode, isObject, parseReference } from '@provider-access/fhir';
import { WITHHELD_TYPES } from './allowed.ts';
import { withProfiles } from './declared.ts';
import { maskAmounts, maskNote } from './mask.ts';
import { contextOf, type Keeps, MAX_NAMES, withoutCredentials } from './redact.ts';
import { countsUnits, isBroken, isDroppedWhole, isMasked, maskedAmount } from './special.ts';
import { stepAfter, type WalkPlan, walkPlanOf, type WalkStep } from './walk-plan.ts';

/** What one walk over a resource finds. The resource is valid R4, and all its codes are of their value sets. */
export interface Walked {
  /** The redacted resource, as `redact` returns it. */
  readonly resource: FhirResource;
  /** Number of dropped or masked elements by path, as `redact` counts them. */
  readonly dropped: Readonly<Record<string, number>>;
  /** References of the redacted resource, as `carriedReferencesOf` lists them. */
  readonly references: readonly string[];
  /**
   * Whether the resource, as the payer sent it, has no resource inside, no attachment with a URL and no conditional
   * reference. Then it contains no person, and all of its references can be followed.
   */
  readonly plain: boolean;
  /** Number of members of all JSON objects in the resource as the payer sent it. */
  readonly members: number;
}

/**
 * @param value of the member `name` of the structure
 * @param inside whether a contained resource has the structure
 */
export type NoteCode = (
  name: string,
  value: string,
  structure: Readonly<Record<string, unknown>>,
  inside: boolean,
) => void;

export interface WalkOptions {
  /** Base of this server's URLs, such as `https://example.org/fhir`: absolute references to it count as ours. */
  readonly base?: string | undefined;
  /** False for a resource inside this one that must be dropped. */
  readonly keeps: Keeps;
  /** Gets each member that may be a code, as the payer sent it, also of a structure that redaction drops. */
  readonly note?: NoteCode;
}

type Source = Readonly<Record<string, unknown>>;

interface Run extends WalkOptions {
  readonly dropped: Record<string, number>;
  /** In the order of the document, with duplicates. */
  references: string[];
  /** The names on the path to the present structure. */
  readonly names: string[];
  /** Those of these paths that were counted already, by the number of their names less one. */
  readonly paths: (string | undefined)[];
  plain: boolean;
  members: number;
  /** Whether the walk is in a contained resource. */
  inside: boolean;
}

/** Deeper resources pass on. It is below the limits of `checkShape` and `redact`, whose messages and counts differ. */
const MOST_LEVELS = 60;
/** The walk cannot decide. One object, because the stack of an error costs more than the walk. */
const PASS_ON = new Error('the walk passes on');

/**
 * Checks the shape of a resource, redacts it and collects its references, in one pass. The result is that of
 * `checkResourceCodes`, `redact` and `carriedReferencesOf`. Pure.
 * @returns undefined if these functions must decide: for a fault in the shape, a wrong code, lists with null, deep
 * nesting, a resource inside that is dropped, and types that are never kept
 */
export function walkResource(resource: FhirResource, options: WalkOptions): Walked | undefined {
  const type: unknown = resource.resourceType;
  if (typeof type !== 'string' || WITHHELD_TYPES.has(type)) return undefined;
  const context = contextOf(resource, type);
  const plan = walkPlanOf(type, context);
  if (plan?.structure.resource !== true) return undefined;
  const run: Run = {
    ...options,
    ...{ dropped: {}, references: [], names: [type], paths: [type] },
    ...{ plain: true, members: 0, inside: false },
  };
  try {
    // `redact` counts what contained resources lose before the rest.
    const contained = resource['contained'] === undefined ? undefined : containedIn(resource['contained'], run);
    // A resource itself is never dropped.
    const kept = walkStructure(resource, plan, run, 0, false, contained)!;
    const declared = withProfiles(kept, context, kept !== resource) as FhirResource;
    const references = run.references.length === 0 ? run.references : [...new Set(run.references)];
    return { resource: declared, dropped: run.dropped, references, plain: run.plain, members: run.members };
  } catch (error) {
    if (error === PASS_ON) return undefined;
    throw error;
  }
}

/** Resources inside, redacted, with their references. */
interface Contained {
  readonly list: unknown;
  readonly references: readonly string[];
}

function containedIn(value: unknown, run: Run): Contained {
  if (!Array.isArray(value) || value.length === 0) throw PASS_ON;
  run.plain = false;
  run.inside = true;
  stepInto('contained', run, 1);
  const list = (value as unknown[]).map((inner) => {
    const type = isObject(inner) ? inner['resourceType'] : undefined;
    if (typeof type !== 'string' || WITHHELD_TYPES.has(type)) throw PASS_ON;
    const context = contextOf(inner as Source, type);
    const plan = walkPlanOf(type, context);
    const kept = plan?.structure.resource === true ? walkStructure(inner as Source, plan, run, 1, false) : undefined;
    // References to a resource that is gone go too. `keeps` gets valid resources only.
    if (kept === undefined || !run.keeps(inner as FhirResource)) throw PASS_ON;
    return withProfiles(kept, context, kept !== inner);
  });
  const { references } = run;
  run.references = [];
  run.inside = false;
  return { list: list.some((inner, at) => inner !== value[at]) ? list : value, references };
}

/**
 * Walks the elements of a structure.
 * @param nested the structure is a part of an extension
 * @returns the same object if nothing changed; undefined if the structure is dropped
 */
function walkStructure(
  source: Source,
  plan: WalkPlan,
  run: Run,
  depth: number,
  nested: boolean,
  contained?: Contained,
): Source | undefined {
  if (plan.mayBeDropped && isDroppedWhole(plan.structure.name, source, plan.context, nested)) {
    checkStructure(source, plan, run, depth);
    return count(run, depth);
  }
  const mark = run.references.length;
  enter(source, plan, run, depth, run.references);
  let copy: Record<string, unknown> | undefined;
  let seen = 0;
  let left = 0;
  let choices = 0;
  let members = 0;
  let size = 0;
  let last = plan.start;
  for (const key in source) {
    const step = stepAfter(last, key, plan);
    if (step === undefined || (step.choice & choices) !== 0) throw PASS_ON;
    last = step;
    choices |= step.choice;
    seen |= step.required;
    members += 1;
    const before = source[key];
    if (step.mayBeCode) noteCode(key, before, source, run);
    const after =
      step.kind === 'keep'
        ? checkPrimitive(before, step)
        : step.kind === 'contained'
          ? placed(contained, run)
          : step.kind === 'type'
            ? before
            : walkElement(key, before, step, source, plan, run, depth);
    if (after !== before && copy === undefined) copy = copyUntil(source, key);
    if (after === undefined) continue;
    left |= step.required;
    size += 1;
    if (copy !== undefined) copy[key] = after;
  }
  if (seen !== plan.required) throw PASS_ON;
  run.members += members;
  if (copy === undefined) {
    if (size === 0) throw PASS_ON;
    return source;
  }
  if (plan.isAdjudication) {
    const amount = maskedAmount(source);
    if (amount !== undefined) copy['amount'] = amount;
  }
  if (depth === 0) return copy;
  const isGone = Object.keys(copy).length === 0 || left !== plan.required;
  if (!isGone && !isBroken(plan.structure.name, source, copy)) return copy;
  run.references.length = mark;
  return count(run, depth);
}

/** Resources inside are walked before the other elements; here they get their place. */
function placed(contained: Contained | undefined, run: Run): unknown {
  if (contained === undefined) throw PASS_ON;
  run.references.push(...contained.references);
  return contained.list;
}

function copyUntil(source: Source, end: string): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  for (const key in source) {
    if (key === end) break;
    copy[key] = source[key];
  }
  return copy;
}

/** Notes what a structure says by its own texts. @param references of the redacted resource, if the structure stays */
function enter(source: Source, plan: WalkPlan, run: Run, depth: number, references: string[] | undefined): void {
  if (depth > MOST_LEVELS) throw PASS_ON;
  if (plan.hasType && source['resourceType'] !== undefined) run.plain = false;
  if (plan.hasUrl && source['url'] !== undefined && source['data'] === undefined) run.plain = false;
  const text = plan.refers ? source['reference'] : undefined;
  if (typeof text !== 'string') return;
  const parsed = parseReference(text);
  if (parsed.kind === 'other') {
    if (text.includes('?')) run.plain = false;
  } else if (parsed.kind === 'literal' && (parsed.base === undefined || parsed.base === run.base))
    references?.push(`${parsed.type}/${parsed.id}`);
}

function noteCode(name: string, value: unknown, source: Source, { note, inside }: Run): void {
  // Nearly every display stands beside a code, and is none itself.
  if (note === undefined || typeof value !== 'string' || (name === 'display' && source['code'] !== undefined)) return;
  note(name, value, source, inside);
}

function stepInto(name: string, run: Run, depth: number): void {
  if (run.names[depth] === name) return;
  run.names[depth] = name;
  run.paths.length = depth;
}

/** The path to the structure at this depth, of at most MAX_NAMES names. */
function pathTo({ names, paths }: Run, depth: number): string {
  let path = paths[depth];
  if (path !== undefined) return path;
  path = names.slice(0, Math.min(depth + 1, MAX_NAMES)).join('.');
  if (depth >= MAX_NAMES) path += '…';
  paths[depth] = path;
  return path;
}

/** Counts the structure at this depth as dropped. */
function count(run: Run, depth: number): undefined {
  const path = pathTo(run, depth);
  run.dropped[path] = (run.dropped[path] ?? 0) + 1;
  return undefined;
}

/** Counts an element of that structure as dropped or masked. */
function countElement(run: Run, depth: number, key: string, step: WalkStep): undefined {
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

/** @returns what stays of the element; undefined if it is dropped */
function walkElement(
  key: string,
  before: unknown,
  step: WalkStep,
  source: Source,
  plan: WalkPlan,
  run: Run,
  depth: number,
): unknown {
  switch (step.kind) {
    case 'parts':
    case 'sibling': {
      const mark = run.references.length;
      const kept = walkParts(key, before, step, plan, run, depth);
      // A Provenance does not bring its targets along (`carriedReferencesOf`).
      if (key === 'target' && depth === 0 && plan.structure.name === 'Provenance') run.references.length = mark;
      return kept;
    }
    case 'text':
    case 'note':
    case 'address':
      checkPrimitive(before, step);
      return masked(before, step, (value) => {
        const text =
          step.kind === 'text'
            ? maskAmounts(value)
            : step.kind === 'note'
              ? maskNote(value)
              : withoutCredentials(value);
        if (text !== value) countElement(run, depth, key, step);
        return text;
      });
    case 'units':
      checkPrimitive(before, step);
      return countsUnits(source) ? before : countElement(run, depth, key, step);
    case 'amount':
      checkDropped(before, step, plan, run, depth);
      return isMasked(before) && maskedAmount(source) !== undefined ? before : countElement(run, depth, key, step);
    case 'drop':
      checkDropped(before, step, plan, run, depth);
      return countElement(run, depth, key, step);
    default:
      throw PASS_ON;
  }
}

function masked(before: unknown, { list }: WalkStep, mask: (text: string) => string): unknown {
  if (!list) return mask(before as string);
  const texts = before as readonly string[];
  const after = texts.map(mask);
  return after.some((text, at) => text !== texts[at]) ? after : before;
}

/** Walks the structure of an element, or each one of a list. */
function walkParts(key: string, before: unknown, step: WalkStep, plan: WalkPlan, run: Run, depth: number): unknown {
  const parts = planOfParts(step, plan);
  const { codes, list } = step;
  stepInto(key, run, depth + 1);
  if (!list) {
    if (!isObject(before) || (codes !== undefined && !hasRequiredCode(codes, before))) throw PASS_ON;
    return walkStructure(before, parts, run, depth + 1, plan.isExtension);
  }
  if (!Array.isArray(before) || before.length === 0) throw PASS_ON;
  let copy: unknown[] | undefined;
  for (let at = 0; at < before.length; at++) {
    const item: unknown = before[at];
    if (!isObject(item) || (codes !== undefined && !hasRequiredCode(codes, item))) throw PASS_ON;
    const after = walkStructure(item, parts, run, depth + 1, plan.isExtension);
    if (after !== item) copy ??= before.slice(0, at);
    if (copy !== undefined && after !== undefined) copy.push(after);
  }
  return copy?.length === 0 ? countElement(run, depth, key, step) : (copy ?? before);
}

function planOfParts(step: WalkStep, { context }: WalkPlan): WalkPlan {
  const plan = (step.plan ??= step.structure === undefined ? undefined : walkPlanOf(step.structure, context));
  if (plan === undefined) throw PASS_ON;
  return plan;
}

/** @returns the value, which is valid */
function checkPrimitive(value: unknown, { check, codes, list }: WalkStep): unknown {
  if (check === undefined) throw PASS_ON;
  if (!list) {
    if (!check(value) || (codes !== undefined && !hasRequiredCode(codes, value))) throw PASS_ON;
    return value;
  }
  if (!Array.isArray(value) || value.length === 0) throw PASS_ON;
  for (const item of value as unknown[])
    if (!check(item) || (codes !== undefined && !hasRequiredCode(codes, item))) throw PASS_ON;
  return value;
}

/** Checks an element that is dropped. */
function checkDropped(value: unknown, step: WalkStep, plan: WalkPlan, run: Run, depth: number): void {
  if (step.check !== undefined) {
    checkPrimitive(value, step);
    return;
  }
  const parts = planOfParts(step, plan);
  const { codes, list } = step;
  const items: unknown = list ? value : [value];
  if (!Array.isArray(items) || items.length === 0) throw PASS_ON;
  for (const item of items as unknown[]) {
    if (!isObject(item) || (codes !== undefined && !hasRequiredCode(codes, item))) throw PASS_ON;
    checkStructure(item, parts, run, depth + 1);
  }
}

/** Checks a structure that is dropped, with all of its parts. */
function checkStructure(source: Source, plan: WalkPlan, run: Run, depth: number): void {
  enter(source, plan, run, depth, undefined);
  let seen = 0;
  let choices = 0;
  let members = 0;
  let last = plan.start;
  for (const key in source) {
    const step = stepAfter(last, key, plan);
    if (step === undefined || (step.choice & choices) !== 0) throw PASS_ON;
    last = step;
    if (step.kind === 'type' || step.kind === 'contained' || step.kind === 'pass-on') throw PASS_ON;
    choices |= step.choice;
    seen |= step.required;
    members += 1;
    if (step.mayBeCode) noteCode(key, source[key], source, run);
    checkDropped(source[key], step, plan, run, depth);
  }
  run.members += members;
  if (members === 0 || seen !== plan.required) throw PASS_ON;
}
