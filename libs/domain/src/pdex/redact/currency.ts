import { BoundedMap } from '@provider-access/kernel';
import { ISO_4217 } from '../codes.ts';

/**
 * ISO 4217 codes of money in circulation since 2016. Seven codes are missing, because they are also words on labels
 * (ALL, CUP, GEL, PEN, TOP, TRY) or short for services (SVC). These count only with the system of currencies.
 */
const CODES =
  'AED AFN AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF ' +
  'CLP CNY COP CRC CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG ' +
  'HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL ' +
  'MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PGK PHP PKR PLN PYG QAR RON ' +
  'RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SLL SOS SRD SSP STN SYP SZL THB TJS TMT TND TTD TWD TZS UAH UGX ' +
  'USD UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWL';
/** Codes that only mean money. Others, such as INR, CAD, CHF, AED, SLE and PHP, also have a meaning in medicine. */
const PLAIN_CODES = 'USD EUR GBP JPY CNY KRW MXN BRL NZD HKD SGD TWD THB VND RUB PLN CZK HUF ZAR';

const word = (codes: string): string => `(?<![A-Za-z])(?:${codes.replaceAll(' ', '|')})(?![A-Za-z])`;
const SIGN = /[\u0024\u00a2-\u00a5\u20a0-\u20bf]/;
const CODE = new RegExp(word(CODES));
const PLAIN_CODE = new RegExp(word(PLAIN_CODES));
/** `per cent` is not money. */
const WORD =
  /(?<![a-z])(?:usd|eur|gbp|us\s?dollars?|dollars?|(?<!per[\s-]{0,2})cents?|euros?|pounds? sterling)(?![a-z])/i;

const UCUM = /^(?:https?:\/\/(?:www\.)?unitsofmeasure\.org\/?|urn:oid:2\.16\.840\.1\.113883\.6\.8)$/;
const ISO_4217_OID = 'urn:oid:1.0.4217';
/** UCUM has no currencies. It writes foreign units in brackets: `[USD]`, `[USD]/d`. */
const ANY_CODE = `${CODES} ALL CUP GEL PEN TOP TRY SVC`.replaceAll(' ', '|');
const BRACKETED = new RegExp(`\\[\\s*(?:${ANY_CODE}|${SIGN.source})\\s*\\]`, 'i');
const WHOLE_CODE = new RegExp(`^(?:${ANY_CODE})$`, 'i');

/** Whether a text can only mean money: `$`, `USD`, `USD/d`, `{dollars}`. */
const meansMoney = (text = ''): boolean => SIGN.test(text) || PLAIN_CODE.test(text) || WORD.test(text);

/**
 * Whether a Quantity counts money.
 *
 * - With a system of currencies, yes.
 * - With a unit of UCUM, only if the code has a currency in brackets. `{INR}` is an annotation, so it is a ratio. A
 *   bare currency such as `USD` is not a unit of UCUM, so the system is then ignored.
 * - Otherwise the code and the unit are plain text. In clinical data only a text counts that can only mean money. In
 *   financial data every currency code counts, because an amount is likelier there than a laboratory value.
 * @param financial in a claim, a coverage or a prior authorization
 * @param strict in a financial resource or an extension, where a payer may write anything. There a text that can only
 * mean money counts even beside a UCUM unit (`unit: 'USD'` with `code: '1'`).
 */
export function isCurrencyQuantity(quantity: Quantity, financial: boolean, strict: boolean): boolean {
  const { system, code, unit } = quantity;
  if (isLong(system) || isLong(code) || isLong(unit)) return countsMoney(quantity, financial, strict);
  // Resources have few different units, and looking at their texts costs as much as the rest of a quantity.
  const key = code ?? unit;
  const known = decided.get(key);
  if (
    known !== undefined &&
    known.system === system &&
    known.code === code &&
    known.unit === unit &&
    known.financial === financial &&
    known.strict === strict
  )
    return known.isMoney;
  const isMoney = countsMoney(quantity, financial, strict);
  decided.set(key, { system, code, unit, financial, strict, isMoney });
  return isMoney;
}
type Quantity = Readonly<Record<string, unknown>>;
interface Decided {
  readonly system: unknown;
  readonly code: unknown;
  readonly unit: unknown;
  readonly financial: boolean;
  readonly strict: boolean;
  readonly isMoney: boolean;
}
/** The last decision about each unit. */
const decided = new BoundedMap<unknown, Decided>(2_000);
/** Characters. Longer texts are no units, and are not kept. */
const LONGEST_UNIT = 64;
const isLong = (text: unknown): boolean =>
  text !== undefined && !(typeof text === 'string' && text.length <= LONGEST_UNIT);

function countsMoney(quantity: Quantity, financial: boolean, strict: boolean): boolean {
  const { system } = quantity;
  const code = textOf(quantity['code']);
  const unit = textOf(quantity['unit']);
  if (isCurrencySystem(system)) return true;
  if (code !== undefined && BRACKETED.test(withoutAnnotations(code))) return true;
  const isUnit = isUcum(system) && code !== undefined && !isBareCurrency(code);
  if (isUnit) return strict && (meansMoney(code) || meansMoney(unit));
  const texts = [code, unit].filter((text) => text !== undefined);
  return texts.some((text) => meansMoney(text) || (financial && CODE.test(withoutAnnotations(text))));
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value.trim() : undefined);
/** Braces enclose an annotation without meaning in UCUM, so `{INR}` is not the code of a currency. */
const withoutAnnotations = (text: string): string => text.replaceAll(/\{[^}]*\}/g, '');
const isUcum = (system: unknown): boolean => typeof system === 'string' && UCUM.test(system.trim().toLowerCase());
const isBareCurrency = (code: string): boolean => WHOLE_CODE.test(code) || (code.length <= 3 && SIGN.test(code));

/** Whether a system is ISO 4217, as an OID or as a URN with any suffix. */
export function isCurrencySystem(system: unknown): boolean {
  // Nearly every coding has another system, and has to be read for nothing else.
  if (typeof system !== 'string' || !system.includes('4217')) return false;
  const text = system.trim().toLowerCase();
  return text.startsWith(ISO_4217) || text === ISO_4217_OID;
}
