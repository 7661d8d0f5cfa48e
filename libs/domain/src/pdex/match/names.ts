/** How names are compared (M42, docs/matching.md): folded, and then equal or not. No name is almost another one. */

/** Letters that Unicode does not decompose into a base letter and a mark. */
const LETTERS: Readonly<Record<string, string>> = {
  ß: 'ss',
  æ: 'ae',
  œ: 'oe',
  ø: 'o',
  đ: 'd',
  ð: 'd',
  ħ: 'h',
  ı: 'i',
  ł: 'l',
  þ: 'th',
};
const SUFFIXES: ReadonlySet<string> = new Set(['jr', 'sr', 'ii', 'iii', 'iv']);
/** What hospitals and payers write while a newborn has no name, or nobody knows it ("FNU": first name unknown). */
const NO_GIVEN: ReadonlySet<string> = new Set([
  ...['baby', 'babyboy', 'babygirl', 'bb', 'bg', 'bboy', 'bgirl', 'boy', 'girl', 'infant', 'newborn', 'nb', 'twin'],
  ...['female', 'male', 'fnu', 'nfn', 'unknown', 'unnamed'],
]);
const NO_FAMILY: ReadonlySet<string> = new Set(['lnu', 'nln', 'unknown', 'unnamed']);

/** Without case, accents, apostrophes and points. The spaces and hyphens of the text part its words. */
function wordsOf(text: string): readonly string[] {
  const plain = text
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[ßæœøđðħıłþ]/g, (letter) => LETTERS[letter]!);
  return plain
    .split(/[\s\p{Pd},/]+/u)
    .map((word) => word.replace(/[^\p{L}\p{N}]|\p{Lm}/gu, ''))
    .filter((word) => word !== '');
}

/** Without suffixes at the end, unless nothing else is there. */
function withoutSuffix(words: readonly string[]): readonly string[] {
  let end = words.length;
  while (end > 1 && SUFFIXES.has(words[end - 1]!)) end -= 1;
  return words.slice(0, end);
}

/** The family name in one word: `Smith-Jones`, `smith jones Jr.` and `SMITHJONES` are one. Undefined if it is none. */
export function foldFamily(text: string): string | undefined {
  const folded = withoutSuffix(wordsOf(text)).join('');
  return folded === '' || NO_FAMILY.has(folded) ? undefined : folded;
}

/** The words of the given names in their order. Empty if the first one is no name, such as `Baby Boy` or an initial. */
export function foldGiven(given: readonly string[]): readonly string[] {
  const words = withoutSuffix(given.flatMap(wordsOf));
  const [first] = words;
  return first === undefined || NO_GIVEN.has(first) || /^[a-z0-9]$/.test(first) ? [] : words;
}

const agrees = (a: string, b: string): boolean =>
  a === b || (a.length === 1 && b.startsWith(a)) || (b.length === 1 && a.startsWith(b));

/**
 * Whether two lists of folded given names agree. The first names are equal. Further ones agree as far as both lists
 * have them, and an initial agrees with each name that it begins. `Maryann` is `Mary Ann` and `Mary-Ann`.
 */
export function givenAgree(a: readonly string[], b: readonly string[]): boolean {
  if (a.length === 0 || b.length === 0) return false;
  if (a[0] === b[0]) return a.every((word, i) => i === 0 || b[i] === undefined || agrees(word, b[i]));
  return joins(a, b) || joins(b, a);
}
/** Whether the only word of `one` is the first words of `many` together. */
const joins = (one: readonly string[], many: readonly string[]): boolean =>
  one.length === 1 && many.some((_, i) => i > 0 && many.slice(0, i + 1).join('') === one[0]);
