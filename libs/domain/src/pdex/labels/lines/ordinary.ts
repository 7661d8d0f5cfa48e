import { isObject } from '@provider-access/fhir';
import { objectsOf, type Source } from '../drugs.ts';
import { numbersOf } from '../parts.ts';

/** Lists of a claim to which lines point, and the element of a line that does. */
export const POINTERS = {
  careTeam: 'careTeamSequence',
  diagnosis: 'diagnosisSequence',
  procedure: 'procedureSequence',
  supportingInfo: 'informationSequence',
} as const;
export type ListName = keyof typeof POINTERS;
export const LIST_NAMES = Object.keys(POINTERS) as readonly ListName[];

/** About the claim as a whole, by codes and references. */
const STAY =
  'resourceType id meta language identifier status type subType use patient billablePeriod created enterer insurer ' +
  'provider priority payee facility claim claimResponse outcome formCode precedence related insurance accident payment';
/**
 * About all lines together, or texts. They go from a claim that loses a line: an authorization or a referral may be
 * that of the line, and a sum or a text tells of it.
 */
export const GO: readonly string[] = [
  ...['text', 'disposition', 'preAuthRef', 'preAuthRefPeriod', 'referral', 'benefitPeriod', 'benefitBalance', 'total'],
];
/** Some of these stay. */
const CUT = 'item addItem processNote contained extension adjudication';
const UNDERSTOOD: ReadonlySet<string> = new Set([...STAY.split(' '), ...GO, ...CUT.split(' '), ...LIST_NAMES]);

/** Members that nobody understands without a look at their content, at any depth. */
const UNUSUAL: ReadonlySet<string> = new Set([
  ...['modifierExtension', 'implicitRules', 'valueAttachment', 'attachment', 'content', 'resource', 'data'],
]);

/**
 * Whether every element of a redacted claim is understood well enough to take lines out of it. A claim with an element
 * that is not listed here, with the id or an extension of a primitive, or with two lines of one number, stays whole, so
 * that its tags withhold it.
 */
export function isOrdinary(claim: Source): boolean {
  if (claim['resourceType'] !== 'ExplanationOfBenefit' || claim['use'] !== 'claim') return false;
  if (!Object.keys(claim).every((name) => UNDERSTOOD.has(name)) || hasUnusual(claim)) return false;
  const items = objectsOf(claim['item']);
  if (!['item', ...LIST_NAMES].every((name) => isNumbered(claim[name]))) return false;
  const sequences = new Set(items.map(({ sequence }) => sequence));
  if (sequences.size === 0 || sequences.size < items.length) return false;
  const added = objectsOf(claim['addItem']);
  return (
    added.length === numbersOf(claim['addItem']).length &&
    added.every((item) => numbersOf(item['itemSequence']).every((number) => sequences.has(number)))
  );
}

function hasUnusual(value: unknown): boolean {
  if (Array.isArray(value)) return (value as unknown[]).some(hasUnusual);
  if (!isObject(value)) return false;
  return Object.entries(value).some(
    ([name, child]) => name.startsWith('_') || UNUSUAL.has(name) || (typeof child === 'object' && hasUnusual(child)),
  );
}

/**
 * Whether each entry has a number. An absent list is numbered. CMS numbers supporting information twice: entries with
 * one number go and stay together.
 */
const isNumbered = (list: unknown): boolean =>
  list === undefined ||
  (Array.isArray(list) && list.every((entry) => isObject(entry) && typeof entry['sequence'] === 'number'));
