/** What stands where an amount stood. */
export const AMOUNT_REMOVED = '[amount removed]';

// Every repetition is bounded: the text is a stranger's, and must not be able to make this slow.
const SCALE = String.raw`(?:\s?(?:k|m|bn|hundred|thousand|million|billion)(?![A-Za-z]))?`;
const NUMBER = String.raw`[-+(]?\d(?:[\d.,']{0,30}\d)?(?:[ \u00a0]\d{3}(?!\d)){0,3}\)?` + SCALE;
const SIGN = String.raw`(?:(?<![A-Za-z])(?:US|CA|AU|NZ|C|A)\s?)?[\u0024\u00a2-\u00a5\u20a0-\u20bf]`;
const CODE = String.raw`(?<![A-Za-z])(?:USD|usd|EUR|eur|GBP|gbp|CAD|AUD|NZD|MXN|JPY|CHF|INR|CNY|SEK|NOK|DKK|BRL|KRW|ILS|PHP)(?![A-Za-z])`;
const UNITS = anyCase('dollars? bucks? cents? euros? pesos?');
const WORD = String.raw`(?:U\.?S\.?\s{1,3})?(?:${UNITS}|[Pp]ounds? sterling)(?![A-Za-z])`;
const SPOKEN = anyCase(
  'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen ' +
    'twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion and half an?',
);
const WORDS = String.raw`(?<![A-Za-z])(?:(?:${SPOKEN})[\s-]{1,3}){1,12}`;

/** Words as they are written: dollars, Dollars, DOLLARS. Codes are not: `cad` is also a part of ids. */
function anyCase(words: string): string {
  return words.split(' ').flatMap((word) => [word, word.charAt(0).toUpperCase() + word.slice(1), word.toUpperCase()]).join('|');
}

const AMOUNT = new RegExp(
  `(?:${SIGN}|${CODE})[\\s:=]{0,3}${NUMBER}(?:\\s?(?:${CODE}|${WORD}))?|${NUMBER}[\\s-]?(?:${SIGN}|${CODE}|${WORD})|${WORDS}${WORD}`,
  'gu',
);
/** Cheap first look: without one of these there is no amount. */
const HINT = /[\u0024\u00a2-\u00a5\u20a0-\u20bf]|usd|eur|gbp|[a-z]{3}\s?\d|\d\s?[a-z]{3}|dollar|buck|cent|pound|peso/i;

/** Replaces amounts of money in free text: `$12.50`, `USD 12`, `12 dollars`, `€ 3,40`, `twelve dollars`. Other numbers stay. */
export function maskAmounts(text: string): string {
  if (!HINT.test(text)) return text;
  let masked = text;
  // Until nothing changes: `$5 $6` reads differently once the first amount is gone.
  for (let before = ''; before !== masked; ) {
    before = masked;
    masked = before.replace(AMOUNT, AMOUNT_REMOVED);
  }
  return masked;
}
