import { UCUM } from './units.ts';

/** What a test expects of a published element: it stays, it is removed, or the rules allow both. */
export type Fate = 'stays' | 'goes' | 'either';

type Fields = Readonly<Record<string, unknown>>;

/** ISO 4217, as the JavaScript engine knows it. */
const CURRENCIES: ReadonlySet<string> = new Set(Intl.supportedValuesOf('currency'));
/** Words and signs that can only mean money. */
const ONLY_MONEY = /[$€£¥₹¢]|\b(?:USD|EUR|GBP)\b|\b(?:us )?dollars?\b|\beuros?\b/i;
/** Units of claims that are also codes of currencies. */
const COUNTED_IN_CLAIMS: ReadonlySet<string> = new Set(['ALL', 'CUP', 'GEL', 'PEN', 'TOP', 'TRY', 'SVC']);
/** Codes of currencies that a laboratory or a physician uses with another meaning. They must stay in clinical data. */
const MEDICAL: ReadonlySet<string> = new Set(['INR', 'TND', 'SVC', 'CAD', 'CHF', 'PEN', 'PHP', 'AED', 'MAD']);

const isText = (value: unknown): value is string => typeof value === 'string';

/** Whether an object is a Quantity: R4 has no other datatype with a numeric value and a unit. */
export function isQuantity(object: Fields): boolean {
  return typeof object['value'] === 'number' && ['unit', 'system', 'code', 'comparator'].some((name) => name in object);
}

/** @param financial inside of a claim, a coverage or a prior authorization @param extended the value of an extension */
export function fateOfQuantity(quantity: Fields, financial: boolean, extended: boolean): Fate {
  const { system, code, unit } = quantity;
  if (isText(system) && /iso:4217|1\.0\.4217/i.test(system)) return 'goes';
  const texts = [code, unit].filter(isText);
  if (system === UCUM && isText(code) && !CURRENCIES.has(code.toUpperCase()) && !/^[$€£¥₹¢]$/.test(code)) {
    const names = [...code.replaceAll(/\{.*?\}/g, '').matchAll(/\[(.*?)\]/g)].map(([, name]) => name!.toUpperCase());
    if (names.some((name) => CURRENCIES.has(name))) return 'goes';
    return (financial || extended) && texts.some((text) => ONLY_MONEY.test(text)) ? 'goes' : 'stays';
  }
  if (texts.some((text) => ONLY_MONEY.test(text))) return 'goes';
  // A unit without its system may still be UCUM. Text in braces has no meaning there.
  const parts = texts.flatMap((text) => text.replaceAll(/\{.*?\}/g, '').split(/[\s/[\]]+/));
  const currencies = parts.filter((part) => CURRENCIES.has(part));
  if (financial) return currencies.some((text) => !COUNTED_IN_CLAIMS.has(text)) ? 'goes' : 'stays';
  // A currency in UCUM's notation, without its system. No rule says what that is.
  if (isText(code) && currencies.some((currency) => code.includes(`[${currency}]`))) return 'either';
  return currencies.some((text) => !MEDICAL.has(text)) ? 'either' : 'stays';
}

/** Whether an object is a Money, which has a currency; an amount of it may lack its value. */
export const isMoney = (object: Fields): boolean => 'currency' in object || '_currency' in object;

/** Whether a text holds an amount with its currency, in digits. */
export const holdsAmount = (text: string): boolean =>
  /(?:[$€£¥₹]|\b(?:USD|EUR|GBP))\s?\d|\d\s?(?:[$€£¥₹]|(?:USD|EUR|GBP|dollars?|cents?|euros?)\b)/i.test(text);
