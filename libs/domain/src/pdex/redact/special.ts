import { DATA_ABSENT_REASON, INLINE_LABEL, REVIEW_ACTION, WHEN_ADJUDICATED } from '../codes.ts';
import { isObject } from '@provider-access/fhir';
import { ADJUDICATION_SYSTEMS, KEPT_ADJUDICATIONS, KNOWN_EXTENSIONS, UNIT_ADJUDICATIONS } from './allowed.ts';
import { isCurrencyQuantity, isCurrencySystem } from './currency.ts';
import { isSafeXhtml } from './narrative.ts';
import type { Context } from './plan.ts';

type Source = Readonly<Record<string, unknown>>;

/** The structure of all adjudications of a claim. */
export const ADJUDICATION = 'ExplanationOfBenefit.item.adjudication';

/** Datatypes that are wrong or useless without one of their parts. */
const ALL_OR_NOTHING = new Set(['Ratio', 'Range', 'SampledData']);
const QUANTITIES = new Set(['Quantity', 'SimpleQuantity', 'MoneyQuantity', 'Age', 'Count', 'Distance', 'Duration']);
/** Another place for XHTML than a narrative. */
const RENDERED = 'http://hl7.org/fhir/StructureDefinition/rendering-xhtml';
const PAYMENT_DATE = /pa?y?mt|paid|payment|remit/i;
/** Codes and words for the category of an amount. */
const AMOUNT_CATEGORY = /amt|amount|price|(?<!dis)charge|copay|co-?ins|deductible|pa?y?mt|paid|payment|remit/i;
/** Parts of known extensions that are amounts, whatever their datatype (PAS itemAuthorizedDetail.unitPrice). */
const AMOUNT_PART = /price|amount|(?<!dis)charge|cost|paid|^net$/i;

/** Whether an element of a structure is dropped because of its own content, before its parts are redacted. */
export type DropRule = (source: Source, context: Context, nested: boolean) => boolean;

const dropsQuantity: DropRule = (source, context, nested) => {
  const financial = context !== 'clinical';
  return isCurrencyQuantity(source, financial, financial || nested);
};
// Some payers write the remittance date as a timing with a category of payment, or an amount without its currency.
const dropsInfo: DropRule = (source) =>
  (hasPrefix(source, 'timing') && isNamed(source['category'], PAYMENT_DATE)) ||
  (isNumeric(source) && isNamed(source['category'], AMOUNT_CATEGORY));
const DROP_RULES: ReadonlyMap<string, DropRule> = new Map<string, DropRule>([
  ['Coding', (source) => isCurrencySystem(source['system'])],
  ...[...QUANTITIES].map((name) => [name, dropsQuantity] as const),
  ['Narrative', (source) => !isSafeXhtml(source['div'])],
  ['Extension', isDroppedExtension],
  [
    ADJUDICATION,
    (source, context) => !isKeptAdjudication(source) && !(context === 'prior-authorization' && hasDecision(source)),
  ],
  ['ExplanationOfBenefit.supportingInfo', dropsInfo],
  ['Claim.supportingInfo', dropsInfo],
]);
/** The rule of a structure; undefined if nothing of its own content drops it. */
export const dropRuleOf = (structure: string): DropRule | undefined => DROP_RULES.get(structure);

/** Whether an element is dropped because its parts were. */
export function isBroken(structure: string, before: Source, after: Source): boolean {
  if (structure === 'Extension') return !hasPrefix(after, 'value') && after['extension'] === undefined;
  if (structure === 'ExplanationOfBenefit.supportingInfo' || structure === 'Claim.supportingInfo')
    return hasPrefix(before, 'value') && !hasPrefix(after, 'value');
  return ALL_OR_NOTHING.has(structure) && Object.keys(after).length < Object.keys(before).length;
}

function isDroppedExtension(source: Source, context: Context, nested: boolean): boolean {
  const url = source['url'];
  if (typeof url !== 'string' || namesCurrency(url) || namesPrice(url)) return true;
  if (url === RENDERED && !isSafeXhtml(source['valueString'])) return true;
  const parts = source['extension'];
  if (
    Array.isArray(parts) &&
    parts.some((part) => isObject(part) && typeof part['url'] === 'string' && namesCurrency(part['url']))
  )
    return true;
  if (context === 'clinical') return false;
  if (url === INLINE_LABEL) return !isPlainLabel(source);
  // The definition of a known extension gives its parts relative names.
  if (nested && /^[A-Za-z0-9._-]+$/.test(url)) return AMOUNT_PART.test(url);
  return !KNOWN_EXTENSIONS.has(url);
}

/** Whether an inline security label has its label and nothing else. Every other part of it could be an amount. */
const isPlainLabel = (source: Source): boolean =>
  isObject(source['valueCoding']) && Object.keys(source).every((key) => LABEL_PARTS.has(key));
const LABEL_PARTS: ReadonlySet<string> = new Set(['id', 'url', 'valueCoding']);

const namesCurrency = (url: string): boolean => /(^|[/#-])currency$/i.test(url);
const namesPrice = (url: string): boolean => /(^|[/#-])unitPrice$/i.test(url);

/** Whether supporting information has a value that could be an amount. */
const isNumeric = (source: Source): boolean =>
  source['valueQuantity'] !== undefined ||
  (typeof source['valueString'] === 'string' && /\d/.test(source['valueString']));

/** Whether a code, a display or the text of a CodeableConcept matches. */
function isNamed(concept: unknown, name: RegExp): boolean {
  if (!isObject(concept)) return false;
  const { text, coding } = concept;
  if (typeof text === 'string' && name.test(text)) return true;
  if (!Array.isArray(coding)) return false;
  for (const item of coding as unknown[]) {
    if (!isObject(item)) continue;
    const { code, display } = item;
    if ((typeof code === 'string' && name.test(code)) || (typeof display === 'string' && name.test(display)))
      return true;
  }
  return false;
}

const isKept = ({ system, code }: Source): boolean =>
  KEPT_ADJUDICATIONS.has(code as string) &&
  (system === undefined || (typeof system === 'string' && ADJUDICATION_SYSTEMS.test(system)));
const isOfUnits = (coding: Source): boolean => UNIT_ADJUDICATIONS.has(coding['code'] as string) && isKept(coding);

/** The codings of the category that have a code: whether one of them is kept, and whether all of them count units. */
function categoryOf({ category }: Source): { readonly kept: boolean; readonly units: boolean } {
  const coding = isObject(category) ? category['coding'] : undefined;
  let kept = false;
  let units: boolean | undefined;
  if (Array.isArray(coding))
    for (const each of coding as unknown[]) {
      if (!isObject(each) || typeof each['code'] !== 'string') continue;
      kept ||= isKept(each);
      units = units !== false && isOfUnits(each);
    }
  return { kept, units: units === true };
}
const isKeptAdjudication = (source: Source): boolean => categoryOf(source).kept;

/** Whether every code of the category is one of units. Otherwise `value` is an amount. */
export const countsUnits = (source: Source): boolean => categoryOf(source).units;

/**
 * Whether an amount has the extension of the decision, as some payers write it. The decision stays; the amount is
 * masked.
 */
function hasDecision(source: Source): boolean {
  const extensions = source['extension'];
  return (
    Array.isArray(extensions) &&
    extensions.some((item) => isObject(item) && (item['url'] === REVIEW_ACTION || item['url'] === WHEN_ADJUDICATED))
  );
}

/** An amount without value and currency, because PDex's closed slicing requires an amount in such an entry. */
export function maskedAmount(source: Source): Source | undefined {
  return isKeptAdjudication(source) ? undefined : { extension: [{ url: DATA_ABSENT_REASON, valueCode: 'masked' }] };
}

/** Whether maskedAmount made this value, so that a second pass changes nothing. */
export function isMasked(value: unknown): boolean {
  return (
    isObject(value) && Object.keys(value).length === 1 && JSON.stringify(value) === JSON.stringify(maskedAmount({}))
  );
}

const UNDERSCORE = 95;
function hasPrefix(source: Source, prefix: string): boolean {
  for (const key in source) if (key.startsWith(prefix, key.charCodeAt(0) === UNDERSCORE ? 1 : 0)) return true;
  return false;
}
