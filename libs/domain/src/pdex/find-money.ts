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

/** Where an object is: its element and its parent, and the kind of its resource. */
interface Place {
  readonly key: string;
  readonly parent: Record<string, unknown> | undefined;
  readonly financial: boolean;
  /** Whether it is the value of an extension. */
  readonly extended: boolean;
}

/** JSON paths (`ExplanationOfBenefit.total[0].amount.currency`) of everything in `value` that looks like money. */
export function findMoney(value: unknown): string[] {
  const found = new Set<string>();
  const root: Place = { key: '', parent: undefined, financial: false, extended: false };
  const open: { value: unknown; path: string; place: Place }[] = [{ value, path: '', place: root }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { path, place } = next;
    if (Array.isArray(next.value)) {
      next.value.forEach((item: unknown, index) => open.push({ value: item, path: `${path}[${index}]`, place }));
    } else if (typeof next.value === 'object' && next.value !== null) {
      const object = next.value as Record<string, unknown>;
      const type = object['resourceType'];
      const here = typeof type === 'string' ? { ...place, financial: FINANCIAL.has(type) } : place;
      const reason = moneyIn(object, here);
      if (reason !== undefined) found.add(`${path}: ${reason}`);
      const inside = { parent: object, financial: here.financial, extended: isExtension(place.key) };
      for (const [key, child] of Object.entries(object)) {
        open.push({ value: child, path: path === '' ? key : `${path}.${key}`, place: { ...inside, key } });
      }
    } else if (MONEY_ELEMENTS.has(place.key)) found.add(`${path}: ${place.key}`);
  }
  return [...found].sort();
}

const isExtension = (key: string): boolean => key === 'extension' || key === 'modifierExtension';

function moneyIn(object: Record<string, unknown>, { key, parent, financial, extended }: Place): string | undefined {
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
  const system = typeof object['system'] === 'string' ? object['system'].trim().toLowerCase() : '';
  const counts = typeof object['value'] === 'number' || 'comparator' in object || 'unit' in object;
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
