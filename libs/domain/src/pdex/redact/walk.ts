import { type FhirResource, hasRequiredCode, isObject, parseReference } from '@provider-access/fhir';
import { WITHHELD_TYPES } from './allowed.ts';
import { withProfiles } from './declared.ts';
import { maskAmounts, maskNote } from './mask.ts';
import { contextOf, type Keeps, withoutCredentials } from './redact.ts';
import { countsUnits, isBroken, isMasked, maskedAmount } from './special.ts';
import { count, countElement, countingOf, type CountRun, countsOf, stepInto } from './walk-counts.ts';
import { stepAfter, type WalkPlan, walkPlanOf, type WalkStep } from './walk-plan.ts';
import { checkPrimitive, PASS_ON, sizeOfList, type ValueRun, type Written } from './walk-values.ts';

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
  /** Of the resource as the payer sent it. */
  readonly written: Written;
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
  /** Gets each member that may say that the resource has a security label (`mayLabel`), in the same way. */
  readonly noteLabel?: (name: string, value: unknown) => void;
  /** Whether the resource comes from a JSON text of ASCII without escapes. */
  readonly isPlain?: boolean;
}

type Source = Readonly<Record<string, unknown>>;

interface Run extends Omit<WalkOptions, 'isPlain'>, ValueRun, CountRun {
  /** In the order of the document, with duplicates. */
  references: string[];
  plain: boolean;
  members: number;
  /** Whether the walk is in a contained resource. */
  inside: boolean;
}

/** Deeper resources pass on. It is below the limits of `checkShape` and `redact`, whose messages and counts differ. */
const MOST_LEVELS = 60;

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
  const run = runOf(type, options);
  try {
    // `redact` counts what contained resources lose before the rest.
    const contained = resource['contained'] === undefined ? undefined : containedIn(resource['contained'], run);
    // A resource itself is never dropped.
    const kept = walkStructure(resource, plan, run, 0, false, contained)!;
    const declared = withProfiles(kept, context, kept !== resource) as FhirResource;
    // Nearly all resources have few references, and a set of them costs more than the comparisons.
    const references = withoutDuplicates(run.references);
    const { plain, members, size, unsure } = run;
    return { resource: declared, dropped: countsOf(run), references, plain, written: { members, size, unsure } };
  } catch (error) {
    if (error === PASS_ON) return undefined;
    throw error;
  }
}

const FEW = 16;
function withoutDuplicates(references: string[]): string[] {
  if (references.length > FEW) return [...new Set(references)];
  let left = 0;
  for (let at = 0; at < references.length; at++) {
    const reference = references[at]!;
    if (references.indexOf(reference) === at) references[left++] = reference;
  }
  references.length = left;
  return references;
}

/** All runs have the same shape. */
function runOf(type: string, { base, keeps, note, noteLabel, isPlain = false }: WalkOptions): Run {
  const { id, names, paths, known, counted } = countingOf(type);
  return {
    base,
    keeps,
    note,
    noteLabel,
    isPlain,
    id,
    names,
    paths,
    known,
    counted,
    references: [],
    plain: true,
    inside: false,
    members: 0,
    size: 0,
    unsure: [],
  };
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
  run.size += sizeOfList(value);
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
  // They are no longer in the order of the document.
  if (run.unsure !== undefined && run.unsure.length > 0) run.unsure = undefined;
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
  if (plan.isDropped?.(source, plan.context, nested) === true) {
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
  let size = 1;
  let last = plan.start;
  for (const key in source) {
    const step = stepAfter(last, key, plan);
    if (step === undefined || (step.choice & choices) !== 0) throw PASS_ON;
    last = step;
    choices |= step.choice;
    seen |= step.required;
    members += 1;
    size += step.size;
    const before = source[key];
    if (step.mayBeCode) noteCode(key, before, source, run);
    if (step.mayLabel) run.noteLabel?.(key, before);
    if (step.kind === 'keep') {
      checkPrimitive(before, step, run);
      left |= step.required;
      if (copy !== undefined) copy[key] = before;
      continue;
    }
    const after =
      step.kind === 'contained'
        ? placed(contained, run)
        : step.kind === 'type'
          ? typeIn(before, run)
          : walkElement(key, before, step, source, plan, run, depth);
    if (after !== before && copy === undefined) copy = copyUntil(source, key);
    if (after === undefined) continue;
    left |= step.required;
    if (copy !== undefined) copy[key] = after;
  }
  if (seen !== plan.required) throw PASS_ON;
  run.members += members;
  run.size += size;
  if (copy === undefined) {
    if (members === 0) throw PASS_ON;
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

/** The type of a resource, whose plan was found by it. */
function typeIn(type: unknown, run: Run): unknown {
  run.size += (type as string).length + 2;
  return type;
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
    case 'address': {
      checkPrimitive(before, step, run);
      if (step.list) return masked(before as readonly string[], step, run, depth);
      const text = mask(before as string, step);
      if (text !== before) countElement(run, depth, key);
      return text;
    }
    case 'units':
      checkPrimitive(before, step, run);
      return countsUnits(source) ? before : countElement(run, depth, key);
    case 'amount':
      checkDropped(before, step, plan, run, depth);
      return isMasked(before) && maskedAmount(source) !== undefined ? before : countElement(run, depth, key);
    case 'drop':
      checkDropped(before, step, plan, run, depth);
      return countElement(run, depth, key);
    default:
      throw PASS_ON;
  }
}

const mask = (text: string, { kind }: WalkStep): string =>
  kind === 'text' ? maskAmounts(text) : kind === 'note' ? maskNote(text) : withoutCredentials(text);

function masked(texts: readonly string[], step: WalkStep, run: Run, depth: number): readonly string[] {
  const after = texts.map((text) => mask(text, step));
  const changed = after.filter((text, at) => text !== texts[at]);
  for (const _text of changed) countElement(run, depth, step.key);
  return changed.length > 0 ? after : texts;
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
  run.size += sizeOfList(before);
  let copy: unknown[] | undefined;
  for (let at = 0; at < before.length; at++) {
    const item: unknown = before[at];
    if (!isObject(item) || (codes !== undefined && !hasRequiredCode(codes, item))) throw PASS_ON;
    const after = walkStructure(item, parts, run, depth + 1, plan.isExtension);
    if (after !== item) copy ??= before.slice(0, at);
    if (copy !== undefined && after !== undefined) copy.push(after);
  }
  return copy?.length === 0 ? countElement(run, depth, key) : (copy ?? before);
}

function planOfParts(step: WalkStep, { context }: WalkPlan): WalkPlan {
  const plan = (step.plan ??= step.structure === undefined ? undefined : walkPlanOf(step.structure, context));
  if (plan === undefined) throw PASS_ON;
  return plan;
}

/** Checks an element that is dropped. */
function checkDropped(value: unknown, step: WalkStep, plan: WalkPlan, run: Run, depth: number): void {
  if (step.check !== undefined) {
    checkPrimitive(value, step, run);
    return;
  }
  const parts = planOfParts(step, plan);
  if (!step.list) {
    checkItem(value, step, parts, run, depth);
    return;
  }
  if (!Array.isArray(value) || value.length === 0) throw PASS_ON;
  run.size += sizeOfList(value);
  for (const item of value as unknown[]) checkItem(item, step, parts, run, depth);
}

function checkItem(item: unknown, { codes }: WalkStep, parts: WalkPlan, run: Run, depth: number): void {
  if (!isObject(item) || (codes !== undefined && !hasRequiredCode(codes, item))) throw PASS_ON;
  checkStructure(item, parts, run, depth + 1);
}

/** Checks a structure that is dropped, with all of its parts. */
function checkStructure(source: Source, plan: WalkPlan, run: Run, depth: number): void {
  enter(source, plan, run, depth, undefined);
  let seen = 0;
  let choices = 0;
  let members = 0;
  let size = 1;
  let last = plan.start;
  for (const key in source) {
    const step = stepAfter(last, key, plan);
    if (step === undefined || (step.choice & choices) !== 0) throw PASS_ON;
    last = step;
    if (step.kind === 'type' || step.kind === 'contained' || step.kind === 'pass-on') throw PASS_ON;
    choices |= step.choice;
    seen |= step.required;
    members += 1;
    size += step.size;
    if (step.mayBeCode) noteCode(key, source[key], source, run);
    if (step.mayLabel) run.noteLabel?.(key, source[key]);
    checkDropped(source[key], step, plan, run, depth);
  }
  run.members += members;
  run.size += size;
  if (members === 0 || seen !== plan.required) throw PASS_ON;
}
