import { ISO_4217 } from '../codes.ts';

/**
 * ISO 4217 codes of money in circulation since 2016. Six are left out because they are also words on labels (ALL, CUP,
 * GEL, PEN, TOP, TRY), and SVC because it is also short for services and El Salvador pays in USD since 2001: those need
 * the system.
 */
const CODES =
  'AED AFN AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF ' +
  'CLP CNY COP CRC CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG ' +
  'HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL ' +
  'MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PGK PHP PKR PLN PYG QAR RON ' +
  'RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SLL SOS SRD SSP STN SYP SZL THB TJS TMT TND TTD TWD TZS UAH UGX ' +
  'USD UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWL';
/**
 * Codes that stand for nothing but money. Others also stand for something in medicine: INR, CAD, CHF, AED, SLE, PHP.
 */
const PLAIN_CODES = 'USD EUR GBP JPY CNY KRW MXN BRL NZD HKD SGD TWD THB VND RUB PLN CZK HUF ZAR';

const word = (codes: string): string => `(?<![A-Za-z])(?:${codes.replaceAll(' ', '|')})(?![A-Za-z])`;
const SIGN = /[\u0024\u00a2-\u00a5\u20a0-\u20bf]/;
const CODE = new RegExp(word(CODES));
const PLAIN_CODE = new RegExp(word(PLAIN_CODES));
/** `per cent` is no money. */
const WORD =
  /(?<![a-z])(?:usd|eur|gbp|us\s?dollars?|dollars?|(?<!per[\s-]{0,2})cents?|euros?|pounds? sterling)(?![a-z])/i;

const UCUM = /^(?:https?:\/\/(?:www\.)?unitsofmeasure\.org\/?|urn:oid:2\.16\.840\.1\.113883\.6\.8)$/;
const ISO_4217_OID = 'urn:oid:1.0.4217';
/** UCUM has no currencies; a unit that it does not have is written in brackets: `[USD]`, `[USD]/d`. */
const ANY_CODE = `${CODES} ALL CUP GEL PEN TOP TRY SVC`.replaceAll(' ', '|');
const BRACKETED = new RegExp(`\\[\\s*(?:${ANY_CODE}|${SIGN.source})\\s*\\]`, 'i');
const WHOLE_CODE = new RegExp(`^(?:${ANY_CODE})$`, 'i');

/** Whether a text can only mean money: `$`, `USD`, `USD/d`, `{dollars}`. */
const saysMoney = (text = ''): boolean => SIGN.test(text) || PLAIN_CODE.test(text) || WORD.test(text);

/** Where a Quantity stands. */
export interface Place {
  /** In a claim, a coverage or a prior authorization. */
  readonly financial: boolean;
  /**
   * In a financial resource, or the value of an extension, which may be whatever a payer puts there. Then a unit of
   * UCUM does not excuse a text that can only mean money (`unit: 'USD'` with `code: '1'`).
   */
  readonly strict: boolean;
}

/**
 * Whether a Quantity counts money.
 *
 * - With a system of currencies it does.
 * - With a unit of UCUM it does only if the code is a currency in brackets. `{INR}` is an annotation, so it is a ratio.
 *   A bare currency such as `USD` is no unit of UCUM, so such a code says nothing about the system.
 * - Otherwise the code and the unit are plain text. In clinical data only a text that can mean nothing but money
 *   counts. In financial data every currency code counts, because an amount is likelier there than a laboratory value.
 */
export function isCurrencyQuantity(quantity: Readonly<Record<string, unknown>>, { strict, financial }: Place): boolean {
  const { system } = quantity;
  const code = textOf(quantity['code']);
  const unit = textOf(quantity['unit']);
  if (isCurrencySystem(system)) return true;
  if (code !== undefined && BRACKETED.test(withoutAnnotations(code))) return true;
  const isUnit = isUcum(system) && code !== undefined && !isBareCurrency(code);
  if (isUnit) return strict && (saysMoney(code) || saysMoney(unit));
  const texts = [code, unit].filter((text) => text !== undefined);
  return texts.some((text) => saysMoney(text) || (financial && CODE.test(withoutAnnotations(text))));
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value.trim() : undefined);
/** What stands in braces has no meaning in UCUM, and nobody else writes braces: `{INR}` is no code of a currency. */
const withoutAnnotations = (text: string): string => text.replaceAll(/\{[^}]*\}/g, '');
const isUcum = (system: unknown): boolean => typeof system === 'string' && UCUM.test(system.trim().toLowerCase());
const isBareCurrency = (code: string): boolean => WHOLE_CODE.test(code) || (code.length <= 3 && SIGN.test(code));

/** Whether a system names currencies: ISO 4217 as a URN (with whatever follows) or as an OID. */
export function isCurrencySystem(system: unknown): boolean {
  if (typeof system !== 'string') return false;
  const text = system.trim().toLowerCase();
  return text.startsWith(ISO_4217) || text === ISO_4217_OID;
}
