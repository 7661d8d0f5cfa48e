import { DATA_ABSENT_REASON, REVIEW_ACTION, WHEN_ADJUDICATED } from '../codes.ts';
import { isObject } from '@provider-access/kernel/fhir';
import { ADJUDICATION_SYSTEMS, KEPT_ADJUDICATIONS, KNOWN_EXTENSIONS, UNIT_ADJUDICATIONS } from './allowed.ts';
import { isCurrencyQuantity, isCurrencySystem } from './currency.ts';
import type { Context } from './plan.ts';

type Source = Readonly<Record<string, unknown>>;

/** Datatypes that mean nothing, or something else, without one of their parts. */
const ALL_OR_NOTHING = new Set(['Ratio', 'Range', 'SampledData']);
const QUANTITIES = new Set(['Quantity', 'SimpleQuantity', 'MoneyQuantity', 'Age', 'Count', 'Distance', 'Duration']);
const PAYMENT_DATE = /pa?y?mt|paid|payment|remit/i;
/** What a category of an amount is called, as a code or in words. */
const AMOUNT_CATEGORY = /amt|amount|price|(?<!dis)charge|copay|co-?ins|deductible|pa?y?mt|paid|payment|remit/i;
/**
 * Parts of known extensions that are amounts, whatever datatype a payer gives them (PAS
 * itemAuthorizedDetail.unitPrice).
 */
const AMOUNT_PART = /price|amount|(?<!dis)charge|cost|paid|^net$/i;

/** Whether an element is dropped for what it says, before its parts are looked at. */
export function isDroppedWhole(structure: string, source: Source, context: Context, nested: boolean): boolean {
  if (QUANTITIES.has(structure)) {
    const financial = context !== 'clinical';
    return isCurrencyQuantity(source, { financial, strict: financial || nested });
  }
  switch (structure) {
    case 'Coding':
      return isCurrencySystem(source['system']);
    case 'Extension':
      return isDroppedExtension(source, context, nested);
    case 'ExplanationOfBenefit.item.adjudication':
      return !isKeptAdjudication(source) && !(context === 'prior-authorization' && tellsDecision(source));
    case 'ExplanationOfBenefit.supportingInfo':
    case 'Claim.supportingInfo':
      // The remittance date, as some payers write it: a timing under a category of payment. And an amount without its
      // currency.
      return (
        (hasPrefix(source, 'timing') && saysOf(source['category'], PAYMENT_DATE)) ||
        (isNumeric(source) && saysOf(source['category'], AMOUNT_CATEGORY))
      );
    default:
      return false;
  }
}

/** Whether an element goes because of what its parts have lost. */
export function isBroken(structure: string, before: Source, after: Source): boolean {
  if (structure === 'Extension') return !hasPrefix(after, 'value') && after['extension'] === undefined;
  if (structure === 'ExplanationOfBenefit.supportingInfo' || structure === 'Claim.supportingInfo')
    return hasPrefix(before, 'value') && !hasPrefix(after, 'value');
  return ALL_OR_NOTHING.has(structure) && Object.keys(after).length < Object.keys(before).length;
}

function isDroppedExtension(source: Source, context: Context, nested: boolean): boolean {
  const url = source['url'];
  if (typeof url !== 'string' || namesCurrency(url) || namesPrice(url)) return true;
  const parts = source['extension'];
  if (
    Array.isArray(parts) &&
    parts.some((part) => isObject(part) && typeof part['url'] === 'string' && namesCurrency(part['url']))
  )
    return true;
  if (context === 'clinical') return false;
  // Parts of a known extension have relative names, given by its definition.
  if (nested && /^[A-Za-z0-9._-]+$/.test(url)) return AMOUNT_PART.test(url);
  return !KNOWN_EXTENSIONS.has(url);
}

const namesCurrency = (url: string): boolean => /(^|[/#-])currency$/i.test(url);
const namesPrice = (url: string): boolean => /(^|[/#-])unitPrice$/i.test(url);

/** Whether supporting information has a value that could be an amount. */
const isNumeric = (source: Source): boolean =>
  source['valueQuantity'] !== undefined ||
  (typeof source['valueString'] === 'string' && /\d/.test(source['valueString']));

/** Whether a code, its display or the text of a CodeableConcept is so called. */
function saysOf(concept: unknown, name: RegExp): boolean {
  if (!isObject(concept)) return false;
  const coding: unknown[] = Array.isArray(concept['coding']) ? concept['coding'] : [];
  const words = [concept['text'], ...coding.flatMap((item) => (isObject(item) ? [item['code'], item['display']] : []))];
  return words.some((word) => typeof word === 'string' && name.test(word));
}

/** The codings of a CodeableConcept that have a code. */
function codes(concept: unknown): { system: unknown; code: string }[] {
  const coding = isObject(concept) ? concept['coding'] : undefined;
  if (!Array.isArray(coding)) return [];
  return coding.flatMap((item) =>
    isObject(item) && typeof item['code'] === 'string' ? [{ system: item['system'], code: item['code'] }] : [],
  );
}

const isKept = ({ system, code }: { system: unknown; code: string }): boolean =>
  KEPT_ADJUDICATIONS.has(code) &&
  (system === undefined || (typeof system === 'string' && ADJUDICATION_SYSTEMS.test(system)));

function isKeptAdjudication(source: Source): boolean {
  return codes(source['category']).some(isKept);
}

/** `value` is an amount unless every code of the category says that it counts units. */
export function countsUnits(source: Source): boolean {
  const all = codes(source['category']);
  return all.length > 0 && all.every((coding) => isKept(coding) && UNIT_ADJUDICATIONS.has(coding.code));
}

/** Some payers hang the decision on an amount: then the decision stays, and the amount is said to be masked. */
function tellsDecision(source: Source): boolean {
  const extensions = source['extension'];
  return (
    Array.isArray(extensions) &&
    extensions.some((item) => isObject(item) && (item['url'] === REVIEW_ACTION || item['url'] === WHEN_ADJUDICATED))
  );
}

/** PDex's closed slicing wants an amount in such an entry: one without value and currency. */
export function maskedAmount(source: Source): Source | undefined {
  return isKeptAdjudication(source) ? undefined : { extension: [{ url: DATA_ABSENT_REASON, valueCode: 'masked' }] };
}

function hasPrefix(source: Source, prefix: string): boolean {
  for (const key in source) if (key.startsWith(prefix) || key.startsWith(`_${prefix}`)) return true;
  return false;
}
