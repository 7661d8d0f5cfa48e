/**
 * Text that is safe to show on a terminal or a page. Characters of the Unicode categories C, Zl and Zp are not allowed,
 * because they can hide or reorder the text beside them.
 */
export const PLAIN = /^[^\p{C}\p{Zl}\p{Zp}]+$/u;

/** The name of an app in one form: composed characters, and one space where it has blanks of any kind. */
export const oneForm = (name: string): string =>
  name
    .normalize('NFC')
    .replace(/\p{Zs}+/gu, ' ')
    .trim();

/** Characters that show nothing. U+2800 is a symbol by its category, and U+3164 a letter. */
const INVISIBLE = /[\p{Default_Ignorable_Code_Point}\u2800]/u;
/** More marks are no language, but a pile that covers the lines above and below (UTS 39, section 5.4). */
const PILE = /[\p{Mn}\p{Me}]{5}/u;
const MARK_ALONE = /(?:^|[^\p{L}\p{N}\p{M}])\p{M}/u;
/** A word of Latin letters with some that look like them. */
const MIXED =
  /^(?=.*\p{Script=Latin})(?=.*[\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Armenian}\p{Script=Cherokee}])/u;

/** Why members and reviewers could not read a name, or would read another one. Undefined for a good name. */
export function nameFault(name: string): string | undefined {
  if (INVISIBLE.test(name)) return 'holds invisible characters';
  if (!/[\p{L}\p{N}]/u.test(name)) return 'needs a letter or a digit';
  if (MARK_ALONE.test(name)) return 'holds an accent or mark without a letter';
  if (PILE.test(name.normalize('NFD'))) return 'puts more than four marks on one letter';
  if (name.split(/[^\p{L}\p{M}]+/u).some((word) => MIXED.test(word)))
    return 'mixes letters of Latin and another alphabet in one word';
  return undefined;
}

/** Letters and digits that look alike, by the confusables of UTS 39: each one with the letter that stands for it. */
const ALIKE = new Map(
  (
    '0o 1l il jl |l аa вb сc ԁd еe ғf гr һh нh іl јl ӏl кk мm пn оo рp ԛq ѕs тt уy ѵv ԝw хx зe ' +
    'αa βb γy εe ηn ιl κk μu νv οo ρp τt υu χx ωw ζz'
  )
    .split(' ')
    .map(([from, to]) => [from!, to!]),
);
/**
 * A text that names have in common when people may take one for the other: without case, accents, blanks and
 * punctuation, and with one letter for all that look alike. It errs on the side of showing a pair to the reviewer.
 */
export const skeleton = (name: string): string =>
  [...name.normalize('NFKD').toLowerCase().normalize('NFKD').replace(/\p{M}/gu, '')]
    .map((letter) => ALIKE.get(letter) ?? letter)
    .filter((letter) => /[\p{L}\p{N}]/u.test(letter))
    .join('')
    .replaceAll('rn', 'm')
    .replaceAll('vv', 'w');
