/**
 * An independent look for money in any JSON, for tests, the demo and audits of what was exported. It knows nothing of R4's tables
 * or of `redact` and must stay so: two readings of one rule check each other.
 */

const CURRENCIES = new Set(
  ('USD EUR GBP CAD AUD NZD JPY CNY CHF SEK NOK DKK MXN BRL INR KRW PLN CZK HUF ILS ZAR SGD HKD THB IDR MYR PHP TWD VND AED SAR EGP NGN KES GHS MAD ARS CLP COP ' +
    'PYG UYU BOB CRC DOP GTQ HNL JMD TTD BBD BSD BZD XCD RUB UAH RON BGN HRK ISK RSD').split(' '),
);
const SYMBOLS = ['$', '€', '£', '¥', '₹', '¢'];
const WORDS = new Set(['usd', 'dollar', 'dollars', 'us dollar', 'us dollars', 'cent', 'cents', 'euro', 'euros', 'eur', 'gbp']);

/** Elements of R4 whose type is Money, where their name is not used for anything else. */
const MONEY_ELEMENTS = new Set(['unitPrice', 'net', 'totalNet', 'totalGross', 'valueMoney', 'allowedMoney', 'usedMoney', 'costToBeneficiary', 'paymentAmount', 'priceOverride']);

/** JSON paths (`ExplanationOfBenefit.total[0].amount.currency`) of everything in `value` that looks like money; empty when there is none. */
export function findMoney(value: unknown): string[] {
  const found = new Set<string>();
  const open: { value: unknown; path: string; key: string; parent: Record<string, unknown> | undefined }[] = [{ value, path: '', key: '', parent: undefined }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { path, key, parent } = next;
    if (Array.isArray(next.value)) {
      next.value.forEach((item: unknown, index) => open.push({ value: item, path: `${path}[${index}]`, key, parent }));
    } else if (typeof next.value === 'object' && next.value !== null) {
      const object = next.value as Record<string, unknown>;
      const reason = moneyIn(object, key, parent);
      if (reason !== undefined) found.add(`${path}: ${reason}`);
      for (const [name, child] of Object.entries(object)) open.push({ value: child, path: path === '' ? name : `${path}.${name}`, key: name, parent: object });
    } else if (MONEY_ELEMENTS.has(key)) found.add(`${path}: ${key}`);
  }
  return [...found].sort();
}

function moneyIn(object: Record<string, unknown>, key: string, parent: Record<string, unknown> | undefined): string | undefined {
  if ('currency' in object || '_currency' in object) return 'currency';
  if ('costToBeneficiary' in object) return 'costToBeneficiary';
  if (MONEY_ELEMENTS.has(key)) return key;
  if (key === 'payment' && ['date', 'amount', 'adjustment'].some((name) => name in object)) return 'payment beyond its type';
  if (key === 'amount' && typeof object['value'] === 'number' && parent !== undefined && 'category' in parent) return 'amount';
  const isExtension = key === 'extension' || key === 'modifierExtension';
  const url = isExtension && typeof object['url'] === 'string' ? object['url'].toLowerCase().split(/[/#-]/).at(-1) : undefined;
  if (url === 'currency') return 'extension of a currency';
  if (url === 'unitprice') return 'extension of a price';
  const system = typeof object['system'] === 'string' ? object['system'].trim().toLowerCase() : '';
  if (system.startsWith('urn:iso:std:iso:4217') && ('code' in object || 'unit' in object || typeof object['value'] === 'number')) return 'ISO 4217';
  const counts = typeof object['value'] === 'number' || 'comparator' in object || 'unit' in object;
  return counts && (isMoneyUnit(object['unit']) || isMoneyUnit(object['code'])) ? 'quantity of currency' : undefined;
}

function isMoneyUnit(unit: unknown): boolean {
  if (typeof unit !== 'string') return false;
  const text = unit.trim();
  return CURRENCIES.has(text) || SYMBOLS.some((symbol) => text.includes(symbol)) || WORDS.has(text.toLowerCase());
}
