import type { Fate } from './money.ts';

/** The rules for claims, prior authorizations and coverages (docs/regulation.md#redaction), by path without indexes. */

type Fields = Readonly<Record<string, unknown>>;

/** Elements that are removed whole, whatever they hold. */
const AMOUNTS: readonly RegExp[] = [
  /^ExplanationOfBenefit\.(text|total|benefitBalance|form|fundsReserve|fundsReserveRequested)$/,
  /^ExplanationOfBenefit\.payment\.(amount|adjustment|adjustmentReason|identifier|date)$/,
  /^ExplanationOfBenefit\.(item|addItem)(\.detail(\.subDetail)?)?\.(net|unitPrice|factor|tax)$/,
  /^Coverage\.(text|costToBeneficiary)$/,
];
const ADJUDICATION = /^ExplanationOfBenefit(\.(item|addItem)(\.detail(\.subDetail)?)?)?\.adjudication$/;
const SUPPORTING_INFO = /^ExplanationOfBenefit\.supportingInfo$/;
const EXTENSION = /\.(extension|modifierExtension)$/;
/** Free texts: an amount inside is masked, the rest stays. */
const PROSE = /\.(text|display|disposition|title|description|name|valueString|valueMarkdown)$/;

const LABEL = 'http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-inline-sec-label';
const UNITS: ReadonlySet<string> = new Set(['allowedunits', 'consumedunits']);
/** Categories that state a reason or a method, and no amount. */
const REASONS: ReadonlySet<string> = new Set([
  'adjustmentreason',
  'denialreason',
  'rejectreason',
  'benefitpaymentstatus',
  'networkstatus',
  'inoutnetwork',
  'billingnetworkstatus',
  'renderingnetworkstatus',
]);
const GUIDES = /^http:\/\/hl7\.org\/fhir\/us\/(carin-bb|davinci-pdex|davinci-pas)\//;
const DECISIONS = /\/(extension-reviewAction|base-ext-when-adjudicated)$/;

function list(value: unknown): readonly Fields[] {
  const items = (Array.isArray(value) ? value : [value]) as unknown[];
  return items.filter((item) => typeof item === 'object' && item !== null) as Fields[];
}
const codings = (concept: unknown): readonly Fields[] => list(concept).flatMap((one) => list(one['coding']));
const known = ({ system, code }: Fields, codes: ReadonlySet<string>): boolean =>
  codes.has(String(code)) && (system === undefined || GUIDES.test(String(system)));

/** @param authorization the claim is a prior authorization @param parent the object that holds the element */
export function fateInFinancial(
  value: unknown,
  path: string,
  parent: Fields | undefined,
  authorization: boolean,
): Fate {
  if (AMOUNTS.some((rule) => rule.test(path))) return 'goes';
  if (EXTENSION.test(path)) return fateOfExtension(value as Fields, parent);
  if (ADJUDICATION.test(path)) {
    const { category, extension } = value as Fields;
    if (codings(category).some((coding) => known(coding, REASONS) || known(coding, UNITS))) return 'stays';
    return authorization && list(extension).some(({ url }) => DECISIONS.test(String(url))) ? 'stays' : 'goes';
  }
  const owner = path.slice(0, path.lastIndexOf('.'));
  if (ADJUDICATION.test(owner)) {
    if (path.endsWith('.amount')) return 'goes';
    const counts = codings(parent!['category']);
    const onlyUnits = counts.length > 0 && counts.every((coding) => known(coding, UNITS));
    if (path.endsWith('.value')) return onlyUnits ? 'stays' : 'goes';
  }
  if (SUPPORTING_INFO.test(path)) return fateOfInfo(value as Fields);
  if (SUPPORTING_INFO.test(owner) && path.endsWith('.valueAttachment')) return authorization ? 'stays' : 'goes';
  return 'stays';
}

/** A payer's own extensions may or may not be amounts. HL7's extensions stay unless their name is one of an amount. */
function fateOfExtension(extension: Fields, parent: Fields | undefined): Fate {
  const text = String(extension['url']);
  // A label withholds the claim, so a reader needs it. Beside its Coding it may have nothing, which could be an amount.
  if (text === LABEL) return /^(id,)?url,valueCoding$/.test(Object.keys(extension).sort().join()) ? 'stays' : 'goes';
  if (/(price|amount|cost|paid|currency)$/i.test(text)) return 'goes';
  const part = !text.includes(':') && parent !== undefined && 'url' in parent;
  return part || text.startsWith('http://hl7.org/fhir/') ? 'stays' : 'goes';
}

function fateOfInfo(info: Fields): Fate {
  const { category, valueQuantity, valueString } = info;
  const words = [
    ...codings(category).flatMap(({ code, display }) => [code, display]),
    ...list(category).map(({ text }) => text),
  ];
  const says = (pattern: RegExp): boolean => words.some((word) => pattern.test(String(word)));
  const timed = Object.keys(info).some((name) => name.startsWith('timing'));
  if (timed && says(/pmt|pymt|paid|payment|remit/i)) return 'goes';
  const counted = valueQuantity !== undefined || (typeof valueString === 'string' && /\d/.test(valueString));
  return counted && says(/amt|amount|copay|coinsurance|deductible|pmt|paid|payment/i) ? 'goes' : 'stays';
}

/** Whether amounts inside of a text at the path are masked. */
export const isProse = (path: string): boolean => PROSE.test(path);
/** What replaces the amount of an entry with a decision, because PDex requires an amount there. */
export const isMaskedAmount = (value: unknown): boolean => JSON.stringify(value) === MASKED;

const REASON = 'http://hl7.org/fhir/StructureDefinition/data-absent-reason';
const MASKED = JSON.stringify({ extension: [{ url: REASON, valueCode: 'masked' }] });
