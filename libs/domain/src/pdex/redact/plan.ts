import { type ElementDefinition, structureOf, type Structure } from '@provider-access/fhir';

import { ALLOWED, FINANCIAL_TYPES, WITHHELD_ELEMENTS } from './allowed.ts';

/**
 * The rules for a resource. A clinical resource keeps R4's elements without money; a financial one keeps listed
 * elements.
 */
export type Context = 'clinical' | 'claim' | 'prior-authorization';

/** What happens to an element. An element that no plan names is dropped. */
export type Step =
  | { readonly kind: 'drop' }
  | { readonly kind: 'primitive'; readonly of: 'string' | 'number' | 'boolean' }
  /**
   * Free text of a financial resource: amounts are masked. In a `note`, each number in a sentence about payment is
   * masked.
   */
  | { readonly kind: 'text'; readonly note: boolean }
  /** A URL that loses the user and password that it may hold. */
  | { readonly kind: 'address' }
  | { readonly kind: 'structure'; readonly type: string }
  | { readonly kind: 'resource' };

export interface Plan {
  readonly structure: Structure;
  readonly steps: ReadonlyMap<string, Step>;
}

const DROP: Step = { kind: 'drop' };
const NUMBERS = new Set(['integer', 'decimal', 'positiveInt', 'unsignedInt']);
/** Elements with free text. All other strings identify something and must not change. */
const PROSE = new Set([
  'text',
  'display',
  'disposition',
  'title',
  'description',
  'name',
  'valueString',
  'valueMarkdown',
]);
const NOTES = new Set(['ExplanationOfBenefit.disposition', 'ExplanationOfBenefit.processNote.text']);

const plans: Readonly<Record<Context, Map<string, Plan>>> = {
  clinical: new Map(),
  claim: new Map(),
  'prior-authorization': new Map(),
};

/** The plan of a structure in a context, cached. Undefined when R4 has no such structure. */
export function planOf(name: string, context: Context): Plan | undefined {
  const made = plans[context].get(name);
  if (made !== undefined) return made;
  const structure = structureOf(name);
  if (structure === undefined) return undefined;
  const steps = new Map<string, Step>();
  for (const element of structure.elements.values()) {
    steps.set(element.name, isAllowed(name, element) ? stepOf(name, element, context) : DROP);
  }
  const plan: Plan = { structure, steps };
  plans[context].set(name, plan);
  return plan;
}

function isAllowed(structure: string, element: ElementDefinition): boolean {
  const dot = structure.indexOf('.');
  if (!FINANCIAL_TYPES.has(dot < 0 ? structure : structure.slice(0, dot)))
    return !WITHHELD_ELEMENTS.has(`${structure}.${element.name}`);
  return ALLOWED.get(structure)?.has(element.choice ?? element.name) === true;
}

function stepOf(structure: string, element: ElementDefinition, context: Context): Step {
  const { type } = element;
  if (type === 'Resource') return { kind: 'resource' };
  if (type === 'Money' || type === 'MoneyQuantity') return DROP;
  if (structure === 'Endpoint' && element.name === 'address') return { kind: 'address' };
  if (!element.primitive) return { kind: 'structure', type };
  if (NUMBERS.has(type)) return { kind: 'primitive', of: 'number' };
  if (type === 'boolean') return { kind: 'primitive', of: 'boolean' };
  const prose = (type === 'string' || type === 'markdown') && PROSE.has(element.name);
  if (!prose || context === 'clinical') return { kind: 'primitive', of: 'string' };
  return { kind: 'text', note: NOTES.has(`${structure}.${element.name}`) };
}
