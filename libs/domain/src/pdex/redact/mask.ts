const AMOUNT_REMOVED = '[amount removed]';

// Every repetition is bounded, so that no text from outside can make the match slow.
const SCALE = String.raw`(?:\s?(?:k|m|bn|hundred|thousand|million|billion)(?![A-Za-z]))?`;
const NUMBER = String.raw`[-+(]?\d(?:[\d.,']{0,30}\d)?(?:[ \u00a0]\d{3}(?!\d)){0,3}\)?` + SCALE;
const SIGN = String.raw`(?:(?<![A-Za-z])(?:US|CA|AU|NZ|C|A)\s?)?[\u0024\u00a2-\u00a5\u20a0-\u20bf]`;
const CODE = String.raw`(?<![A-Za-z])(?:USD|usd|EUR|eur|GBP|gbp|NZD|MXN|JPY|CNY|BRL|KRW)(?![A-Za-z])`;
/**
 * These have another meaning in medicine (CAD: coronary artery disease), so the number must be written like an amount.
 */
const OTHER_CODE = String.raw`(?<![A-Za-z])(?:CAD|AUD|CHF|INR|SEK|NOK|DKK|ILS|PHP)(?![A-Za-z])`;
/** Two decimals or groups of thousands. */
const THOUSANDS = String.raw`\d{1,3}(?:[.,' \u00a0]\d{3}){1,4}(?:[.,]\d\d)?(?!\d)`;
const AMOUNT_NUMBER = String.raw`(?<![\d.,])(?:\d{1,12}[.,]\d\d(?![\d.,]{0,30}\d)|${THOUSANDS})`;
/** INR is also a coagulation ratio, which is below 20. Claims have no amounts of less than 20 rupees. */
const RATIO = String.raw`(?:1?\d[.,]\d\d(?!\d))`;
const UNITS = anyCase('dollars? bucks? cents? euros? pesos?');
const WORD = String.raw`(?:U\.?S\.?\s{1,3})?(?:${UNITS}|[Pp]ounds? sterling)(?![A-Za-z])`;
const SPOKEN = anyCase(
  'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen ' +
    'eighteen nineteen ' +
    'twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion and half an?',
);
const WORDS = String.raw`(?<![A-Za-z])(?:(?:${SPOKEN})[\s-]{1,3}){1,12}`;

/**
 * Alternatives for dollars, Dollars and DOLLARS. Codes have no such alternatives, because `cad` is also a part of ids.
 */
function anyCase(words: string): string {
  return words
    .split(' ')
    .flatMap((word) => [word, word.charAt(0).toUpperCase() + word.slice(1), word.toUpperCase()])
    .join('|');
}

const AMOUNT = new RegExp(
  [
    `(?:${SIGN}|${CODE})[\\s:=]{0,3}${NUMBER}(?:\\s?(?:${CODE}|${WORD}))?`,
    `(?!INR[\\s:=]{0,3}${RATIO})${OTHER_CODE}[\\s:=]{0,3}${AMOUNT_NUMBER}`,
    `${NUMBER}[\\s-]?(?:${SIGN}|${CODE}|${WORD})`,
    `(?!${RATIO}\\s?INR)${AMOUNT_NUMBER}\\s?${OTHER_CODE}`,
    `${WORDS}${WORD}`,
  ].join('|'),
  'gu',
);
/** A cheap first test. A text without a match has no amount. */
const HINT = /[\u0024\u00a2-\u00a5\u20a0-\u20bf]|usd|eur|gbp|[a-z]{3}\s?\d|\d\s?[a-z]{3}|dollar|buck|cent|pound|peso/i;

/**
 * Replaces amounts of money in free text: `$12.50`, `USD 12`, `12 dollars`, `€ 3,40`, `twelve dollars`. Other numbers
 * stay.
 */
export function maskAmounts(text: string): string {
  if (!HINT.test(text)) return text;
  let masked = text;
  // Repeat, because removing the first amount of `$5 $6` changes how the rest matches.
  for (let before = ''; before !== masked;) {
    before = masked;
    masked = before.replace(AMOUNT, AMOUNT_REMOVED);
  }
  return masked;
}

/** Words of a sentence about payment, in which each number may be an amount. */
const PAYMENT_WORD = wordsIn(
  'amounts?|paid|pay(?:s|ments?|able)?|co-?pay(?:s|ments?)?|co-?insurance|deductibles?|owe[sd]?|owing',
  'charge[sd]?|costs?|fees?|bill(?:s|ed)?|balance|responsib[a-z]{0,10}|liab[a-z]{0,10}|reimburs[a-z]{0,10}',
  'out[- ]of[- ]pocket|remit[a-z]{0,10}|allow(?:ed|able)|discounts?|premiums?|refund[a-z]{0,4}|totals?|net|gross',
  String.raw`pric(?:e|es|ed|ing)|due(?!\s{1,3}to)`,
);
/** A number by itself: `1,250.00`, `2024-02-02`, `20%`, `(12)`. Not a part of a word or a code (`PT-14`). */
const ANY_NUMBER = /(?<![\w.,'/-])(?:[-+]|\()?\d(?:[\d.,'/-]{0,30}\d)?(?:\s?%)?(?![\w'/-])/g;
const TWO_DECIMALS = /^[-+(]?\d[\d,.']{0,30}[.,]\d\d$/;
/** Words after a number that counts something and is not an amount. */
const COUNTED = new RegExp(
  String.raw`^\s?-?(?:units?|visits?|days?|sessions?|hours?|minutes?|weeks?|months?|years?|services?|items?|doses?` +
    '|tablets?|capsules?|refills?|miles?|mg|mcg|g|kg|ml|l|iu)(?![a-z])',
  'i',
);
/** Words before a number that names something and is not an amount. */
const NAMED = new RegExp(
  '(?:^|[^a-z])(?:items?|lines?|notes?|pages?|criteri(?:on|a)|codes?|sections?|rules?|polic(?:y|ies)|steps?' +
    String.raw`|sequences?)\s?(?:no\.?|#)?\s?$`,
  'i',
);

function wordsIn(...words: string[]): RegExp {
  return new RegExp(`(?<![a-z])(?:${words.join('|')})(?![a-z])`, 'i');
}

/**
 * Replaces amounts in a note of an adjudication (`processNote`, `disposition`). Such a note may leave the currency out.
 * So it also loses each number of a sentence about payment, and each number with two decimals. Numbers that name or
 * count something stay: `item 2`, `6 units`.
 */
export function maskNote(text: string): string {
  const masked = maskAmounts(text);
  if (!/\d/.test(masked)) return masked;
  return masked
    .split(/((?<=[.;!?])\s{1,10}|\n)/)
    .map((sentence) => {
      const ofPayment = PAYMENT_WORD.test(sentence.replaceAll(AMOUNT_REMOVED, ''));
      return sentence.replace(ANY_NUMBER, (number, at: number) => {
        const before = sentence.slice(Math.max(0, at - 30), at);
        if (COUNTED.test(sentence.slice(at + number.length)) || NAMED.test(before)) return number;
        return ofPayment || TWO_DECIMALS.test(number) ? AMOUNT_REMOVED : number;
      });
    })
    .join('');
}
