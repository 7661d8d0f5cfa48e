import {
  type ElementDefinition,
  PRIMITIVE_CHECKS,
  type PrimitiveCheck,
  type RequiredCodes,
  type Structure,
  structureOf,
} from '@provider-access/fhir';
import { type Context, planOf, type Step } from './plan.ts';
import { ADJUDICATION, type DropRule, dropRuleOf } from './special.ts';

/** Members that the tagger looks at. The name of what a reference leads to has no system, so it is no code. */
const MAY_BE_CODES: ReadonlySet<string> = new Set(['code', 'display', 'text']);
/** Members that `mayLabel` looks at. Their primitives have siblings with an underscore. */
const MAY_LABEL: ReadonlySet<string> = new Set(['security', 'securityLabel', 'confidentiality', 'url', 'use']);
/** Primitives that are valid without control characters, and those that are also without white space. */
const FORMS: Readonly<Record<string, WalkStep['form']>> = {
  ...{ string: 'text', markdown: 'text' },
  ...{ code: 'token', uri: 'token', url: 'token', canonical: 'token' },
};

/**
 * What the walk does with an element.
 *
 * - `type`: `resourceType` of a resource. `contained`: resources inside. `pass-on`: the walk cannot decide.
 * - `keep`: a primitive that stays. `text`, `note`, `address`: a primitive that redaction may change.
 * - `parts`: a structure, walked on. `sibling`: `_name` of a primitive that stays.
 * - `drop`: a primitive, a structure or a `_name` that redaction removes.
 * - `amount`, `units`: `amount` and `value` of an adjudication, which stay under conditions.
 */
type WalkKind =
  | 'type'
  | 'contained'
  | 'pass-on'
  | 'keep'
  | 'text'
  | 'note'
  | 'address'
  | 'parts'
  | 'sibling'
  | 'drop'
  | 'amount'
  | 'units';

export interface WalkStep {
  /** The key of the JSON object, `_name` included. */
  readonly key: string;
  readonly kind: WalkKind;
  readonly list: boolean;
  /** Characters of the member in JSON, with quotation marks, colon and comma, and without its value. */
  readonly size: number;
  /** Of a primitive. */
  readonly check?: PrimitiveCheck;
  /** Of a primitive that has few rules. */
  readonly form?: 'text' | 'token';
  /** Of an element with a required binding. */
  readonly codes?: RequiredCodes;
  /** Name of the structure of the value, if it is no primitive. */
  readonly structure?: string;
  /** The plan of that structure, compiled when the walk first needs it. */
  plan?: WalkPlan;
  /**
   * The step that came after this one in the object that was walked last, and the one that did before. Most objects
   * have the same order, but for an element that some of them lack.
   */
  next: WalkStep;
  before: WalkStep;
  /** The bit of the choice that the element belongs to; 0 for no choice. */
  readonly choice: number;
  /** The bits of the required elements that the element stands for. */
  readonly required: number;
  /** Whether a primitive of this name can be a code that a list names. */
  readonly mayBeCode?: boolean;
  /** Whether an element of this name can be a security label of the resource, or say that it has one. */
  readonly mayLabel?: boolean;
}
type NewStep = Omit<WalkStep, 'size' | 'next' | 'before' | 'plan'>;

/** Everything that a walk over one structure has to know, in one context. */
export interface WalkPlan {
  readonly structure: Structure;
  readonly context: Context;
  /** By the key of the JSON object, `_name` included. An absent key is no element of R4. */
  readonly steps: ReadonlyMap<string, WalkStep>;
  /** Its `next` is the step of the first key. It is no element. */
  readonly start: WalkStep;
  /** The bits of all required elements. */
  readonly required: number;
  readonly isDropped: DropRule | undefined;
  /** Whether a text in `reference` can be a reference. */
  readonly refers: boolean;
  /** Whether `url` can be the place of a content, as in an Attachment. */
  readonly hasUrl: boolean;
  /** Whether the structure is no resource and still has a `resourceType`, so that it looks like one. */
  readonly hasType: boolean;
  readonly isExtension: boolean;
  readonly isAdjudication: boolean;
}

/** V8 compares keys of objects by their addresses, unless one of the texts that it compares is no key. */
const internalized = (key: string): string => Object.keys({ [key]: true })[0]!;

/** The walk passes an empty key on, which is no element of R4 anyway. So this step needs no check for undefined. */
let NO_STEP = undefined as unknown as Open;

/** Each step has the same shape, because the walk looks at all of them in one place. */
const stepOf = ({
  key,
  kind,
  list,
  check,
  form,
  codes,
  structure,
  choice,
  required,
  mayBeCode = false,
  mayLabel = false,
}: NewStep): Open => ({
  key: internalized(key),
  kind,
  list,
  size: key.length + '"":,'.length,
  check,
  form,
  codes,
  structure,
  choice,
  required,
  mayBeCode,
  mayLabel,
  next: NO_STEP,
  before: NO_STEP,
  plan: undefined,
});
type Open = { -readonly [Name in keyof WalkStep]: WalkStep[Name] };

const NONE = { list: false, choice: 0, required: 0 };
NO_STEP = stepOf({ key: '', kind: 'pass-on', ...NONE });
NO_STEP.next = NO_STEP;
NO_STEP.before = NO_STEP;

/** The step of a key, which is most likely one that came after the last step before. Undefined for no element. */
export function stepAfter(last: WalkStep, key: string, { steps }: WalkPlan): WalkStep | undefined {
  if (last.next.key === key) return last.next;
  const step = last.before.key === key ? last.before : steps.get(key);
  if (step === undefined) return undefined;
  last.before = last.next;
  last.next = step;
  return step;
}

const SUPPORTING_INFO = /^(ExplanationOfBenefit|Claim)\.supportingInfo$/;
/** Bits of a number that can be combined without a sign. */
const MOST_BITS = 30;

const plans: Readonly<Record<Context, Map<string, WalkPlan>>> = {
  clinical: new Map(),
  claim: new Map(),
  'prior-authorization': new Map(),
};

/**
 * The plan of a structure in a context, cached. Undefined if R4 has no such structure, or it has too many choices. A
 * name without a plan is not kept, because a sender chooses it.
 */
export function walkPlanOf(name: string, context: Context): WalkPlan | undefined {
  const known = plans[context].get(name);
  if (known !== undefined) return known;
  const plan = compile(name, context);
  if (plan !== undefined) plans[context].set(name, plan);
  return plan;
}

function compile(name: string, context: Context): WalkPlan | undefined {
  const redaction = planOf(name, context);
  if (redaction === undefined) return undefined;
  const { structure } = redaction;
  const choices = new Map<string, number>();
  const bitsOf = (element: ElementDefinition): { choice: number; required: number } => {
    let required = 0;
    structure.required.forEach(({ anyOf }, at) => {
      if (anyOf.includes(element.name)) required |= 1 << at;
    });
    if (element.choice === undefined) return { choice: 0, required };
    if (!choices.has(element.choice)) choices.set(element.choice, 1 << choices.size);
    return { choice: choices.get(element.choice)!, required };
  };
  const steps = new Map<string, WalkStep>();
  const add = (step: NewStep): unknown => steps.set(step.key, stepOf(step));
  if (structure.resource) add({ key: 'resourceType', kind: 'type', ...NONE });
  for (const element of structure.elements.values()) {
    const step = redaction.steps.get(element.name)!;
    const { list, type, codes } = element;
    const common = { list, ...bitsOf(element), mayLabel: MAY_LABEL.has(element.name) };
    const check = element.primitive ? PRIMITIVE_CHECKS[type] : undefined;
    const kind = kindOf(name, element, step, context);
    const value = check === undefined ? { structure: type } : { check, form: FORMS[type] };
    const mayBeCode = element.primitive && MAY_BE_CODES.has(element.name) && name !== 'Reference';
    add({ key: element.name, kind, ...common, ...value, mayBeCode, ...(codes !== undefined && { codes }) });
    // Lists of `_name` match their values by index, and are rare.
    if (element.primitive) {
      const sibling = list ? 'pass-on' : step.kind === 'drop' ? 'drop' : 'sibling';
      add({ key: `_${element.name}`, kind: sibling, ...common, list: false, structure: 'Element' });
    }
  }
  if (structure.required.length > MOST_BITS || choices.size > MOST_BITS) return undefined;
  return {
    structure,
    context,
    steps,
    start: stepOf({ key: '', kind: 'pass-on', ...NONE }),
    required: 2 ** structure.required.length - 1,
    isDropped: dropRuleOf(name),
    refers: structure.elements.get('reference')?.primitive === true,
    hasUrl: structure.elements.has('url') && !structure.resource && name !== 'Extension',
    hasType: structure.elements.has('resourceType'),
    isExtension: name === 'Extension',
    isAdjudication: name === ADJUDICATION,
  };
}

function kindOf(structure: string, element: ElementDefinition, step: Step, context: Context): WalkKind {
  const { name, type, primitive } = element;
  if (type === 'Resource') return name === 'contained' ? 'contained' : 'pass-on';
  if (primitive ? PRIMITIVE_CHECKS[type] === undefined : structureOf(type) === undefined) return 'pass-on';
  if (structure === ADJUDICATION && name === 'amount') return 'amount';
  if (structure === ADJUDICATION && name === 'value') return 'units';
  // The remittance advice of a claim.
  if (context === 'claim' && name === 'valueAttachment' && SUPPORTING_INFO.test(structure)) return 'drop';
  switch (step.kind) {
    case 'drop':
      return 'drop';
    case 'primitive':
      return 'keep';
    case 'text':
      return step.note ? 'note' : 'text';
    case 'address':
      return 'address';
    case 'structure':
      return 'parts';
    case 'resource':
      return 'pass-on';
  }
}
