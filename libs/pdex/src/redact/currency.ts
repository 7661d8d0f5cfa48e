import { ISO_4217 } from '../codes.ts';

/** ISO 4217 codes of money in circulation. Left out are six that are also words on labels (ALL, CUP, GEL, PEN, TOP, TRY): those need the system. */
const CODES =
  'AED AFN AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY COP CRC CVE CZK DJF DKK DOP DZD ' +
  'EGP ERN ETB EUR FJD FKP GBP GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP ' +
  'LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD ' +
  'SCR SDG SEK SGD SHP SLE SLL SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWL';

const SIGN = /[\u0024\u00a2-\u00a5\u20a0-\u20bf]/;
const CODE = new RegExp(`(?<![A-Za-z])(?:${CODES.replaceAll(' ', '|')})(?![A-Za-z])`);
const WORD = /(?<![a-z])(?:usd|eur|gbp|us\s*dollars?|dollars?|cents?|euros?|pounds? sterling)(?![a-z])/i;

/** Whether a unit or code names money: `$`, `USD`, `USD/d`, `{dollars}`. */
export function isCurrency(text: string): boolean {
  return SIGN.test(text) || CODE.test(text) || WORD.test(text);
}

/** Whether a Quantity counts money, by system, code or unit. */
export function isCurrencyQuantity(quantity: Readonly<Record<string, unknown>>): boolean {
  const { system, code, unit } = quantity;
  if (isIso4217(system)) return true;
  return (typeof code === 'string' && isCurrency(code)) || (typeof unit === 'string' && isCurrency(unit));
}

export function isIso4217(system: unknown): boolean {
  return typeof system === 'string' && system.trim().toLowerCase().startsWith(ISO_4217);
}
