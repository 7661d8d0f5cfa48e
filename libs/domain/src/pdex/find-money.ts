/**
 * An independent search for money in any JSON, for tests, the demo and audits of exports. It must not use R4's tables
 * or `redact`, because two implementations of one rule check each other.
 */

/** Currencies that a claim of this payer may hold. */
const CURRENCIES = new Set(
  (
    'USD EUR GBP CAD AUD NZD JPY CNY CHF SEK NOK DKK MXN BRL INR KRW PLN CZK HUF ILS ZAR SGD HKD THB IDR MYR ' +
    'PHP TWD VND AED SAR EGP NGN KES GHS MAD TND ARS CLP COP PYG UYU BOB CRC DOP GTQ HNL JMD TTD BBD BSD BZD ' +
    'XCD RUB UAH RON BGN HRK ISK RSD'
  ).split(' '),
);
/** Those without another meaning in medicine, unlike INR, CAD and CHF. */
const MONEY_ONLY = new Set(['USD', 'EUR', 'GBP', 'JPY', 'CNY', 'MXN', 'BRL', 'KRW', 'NZD', 'PLN', 'CZK', 'HUF']);
const SYMBOLS = ['$', '€', '£', '¥', '₹', '¢'];
const WORDS = new Set('usd,dollar,dollars,us dollar,us dollars,cent,cents,euro,euros,eur,gbp'.split(','));
const FINANCIAL = new Set([
  'ExplanationOfBenefit',
  'Claim',
  'ClaimResponse',
  'Coverage',
  'Invoice',
  'Account',
  'ChargeItem',
]);

/** Elements of R4 that have the type Money wherever their name occurs. */
const MONEY_ELEMENTS = new Set([
  'unitPrice',
  'net',
  'totalNet',
  'totalGross',
  'valueMoney',
  'allowedMoney',
  'usedMoney',
  'costToBeneficiary',
  'paymentAmount',
  'priceOverride',
]);

/** Where an object or a list is: its element and its parent, and the kind of its resource. */
interface Place {
  readonly key: string;
  readonly parent: Record<string, unknown> | undefined;
  readonly financial: boolean;
  /** Whether it is the value of an extension. */
  readonly extended: boolean;
}
/** A value that is still to be looked at. Its path is a chain, because nearly no path is ever written. */
interface Open extends Place {
  readonly value: object;
  readonly inside: Open | undefined;
  readonly step: string | number;
}

/** JSON paths (`ExplanationOfBenefit.total[0].amount.currency`) of everything in `value` that looks like money. */
export function findMoney(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  const found = new Set<string>();
  const root: Open = {
    value,
    inside: undefined,
    step: '',
    key: '',
    parent: undefined,
    financial: false,
    extended: false,
  };
  const open: Open[] = [root];
  for (let next = open.pop(); next !== undefined; next = open.pop())
    if (Array.isArray(next.value)) openItems(next, next.value, open, found);
    else openElements(next, next.value as Record<string, unknown>, open, found);
  return [...found].sort();
}

function openItems(list: Open, items: readonly unknown[], open: Open[], found: Set<string>): void {
  const { key, parent, financial, extended } = list;
  for (const [step, item] of items.entries())
    if (typeof item === 'object' && item !== null)
      open.push({ value: item, inside: list, step, key, parent, financial, extended });
    else if (MONEY_ELEMENTS.has(key)) found.add(`${pathOf(list)}[${step}]: ${key}`);
}

function openElements(place: Open, object: Record<string, unknown>, open: Open[], found: Set<string>): void {
  const type = object['resourceType'];
  const financial = typeof type === 'string' ? FINANCIAL.has(type) : place.financial;
  const reason = moneyIn(object, place, financial);
  if (reason !== undefined) found.add(`${pathOf(place)}: ${reason}`);
  const extended = isExtension(place.key);
  for (const key of Object.keys(object)) {
    const child = object[key];
    if (typeof child === 'object' && child !== null)
      open.push({ value: child, inside: place, step: key, key, parent: object, financial, extended });
    else if (MONEY_ELEMENTS.has(key)) found.add(`${below(pathOf(place), key)}: ${key}`);
  }
}

const below = (path: string, key: string): string => (path === '' ? key : `${path}.${key}`);
function pathOf({ inside, step }: Open): string {
  const steps: (string | number)[] = [];
  for (let at: Open | undefined = inside, name = step; at !== undefined; { inside: at, step: name } = at)
    steps.push(name);
  return steps.reduceRight<string>(
    (path, each) => (typeof each === 'number' ? `${path}[${each}]` : below(path, each)),
    '',
  );
}

const isExtension = (key: string): boolean => key === 'extension' || key === 'modifierExtension';

function moneyIn(
  object: Record<string, unknown>,
  { key, parent, extended }: Place,
  financial: boolean,
): string | undefined {
  if ('currency' in object || '_currency' in object) return 'currency';
  if ('costToBeneficiary' in object) return 'costToBeneficiary';
  if (MONEY_ELEMENTS.has(key)) return key;
  if (key === 'payment' && ['date', 'amount', 'adjustment'].some((name) => name in object))
    return 'payment beyond its type';
  if (key === 'amount' && typeof object['value'] === 'number' && parent !== undefined && 'category' in parent)
    return 'amount';
  const { url: text } = object;
  const url = isExtension(key) && typeof text === 'string' ? text.toLowerCase().split(/[/#-]/).at(-1) : undefined;
  if (url === 'currency') return 'extension of a currency';
  if (url === 'unitprice') return 'extension of a price';
  const counts = typeof object['value'] === 'number' || 'comparator' in object || 'unit' in object;
  const named = typeof object['system'] === 'string' ? object['system'] : '';
  // Most objects are codes, whose systems are long URLs.
  if (!counts && !/^\s*urn:/i.test(named)) return undefined;
  const system = named.trim().toLowerCase();
  if (/^urn:(iso:std:iso:4217|oid:1\.0\.4217$)/.test(system) && (counts || 'code' in object)) return 'ISO 4217';
  return counts && countsMoney(object, system, financial, financial || extended) ? 'quantity of currency' : undefined;
}

function countsMoney(quantity: Record<string, unknown>, system: string, financial: boolean, strict: boolean): boolean {
  const [code, unit] = [quantity['code'], quantity['unit']];
  if (typeof code === 'string' && isBracketed(code)) return true;
  if (system.includes('unitsofmeasure.org') && typeof code === 'string' && !isMoneyOnly(code) && !isCurrency(code)) {
    return strict && (isMoneyOnly(unit) || isMoneyOnly(code.replaceAll(/[{}]/g, '')));
  }
  return isMoneyOnly(unit) || isMoneyOnly(code) || (financial && (isCurrency(unit) || isCurrency(code)));
}

const isCurrency = (text: unknown): boolean => typeof text === 'string' && CURRENCIES.has(text.trim());

/** Whether the code has a currency in brackets (`[USD]`) outside of annotations. */
function isBracketed(code: string): boolean {
  const names = code.replaceAll(/\{[^}]*\}/g, '').matchAll(/\[([^\]]*)\]/g);
  return [...names].some(([, name]) => CURRENCIES.has(name!.trim().toUpperCase()) || SYMBOLS.includes(name!.trim()));
}

/** Whether a part of the text (`USD/d`) is a sign, a word or a code of money. */
function isMoneyOnly(text: unknown): boolean {
  if (typeof text !== 'string') return false;
  const parts = [text, ...text.split('/')].map((part) => part.trim());
  const isWord = (part: string): boolean => MONEY_ONLY.has(part) || WORDS.has(part.toLowerCase());
  return parts.some((part) => isWord(part) || SYMBOLS.some((symbol) => part.includes(symbol)));
}
