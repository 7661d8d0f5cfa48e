import { fleschKincaid } from 'flesch-kincaid';
import { syllable } from 'syllable';

export interface Counts {
  readonly sentences: number;
  readonly words: number;
  readonly syllables: number;
}

/**
 * Sentences of a Markdown text, counted strictly: items of a list without a full stop belong to the sentence that
 * introduces them. Headings are left out. Links, addresses and numbers are no words.
 */
export const sentencesOf = (text: string): readonly (readonly string[])[] =>
  text
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .map((line) => line.replace(/^(-|\d+\.) /, ''))
    .join('\n')
    .split(/(?<=[.!?])\s+|(?<!:)\n\n/)
    .map((sentence) => sentence.match(/(?<![\w@/.:-])\p{L}+(?:['’-]\p{L}+)*(?![\w@/]|[.:-]\w)/gu) ?? [])
    .filter((words) => words.length > 0);

const count = (text: string, syllablesOf: (word: string) => number): Counts => {
  const sentences = sentencesOf(text);
  const words = sentences.flat();
  return {
    sentences: sentences.length,
    words: words.length,
    syllables: words.reduce((all, word) => all + syllablesOf(word), 0),
  };
};

/** Flesch-Kincaid grade of an English text, by the packages `syllable` and `flesch-kincaid`. */
export const gradeOf = (text: string): number => {
  const { sentences, words, syllables } = count(text, syllable);
  return fleschKincaid({ sentence: sentences, word: words, syllable: syllables });
};

/**
 * Syllables of a Spanish word: vowels that touch are one syllable, unless both are strong (a, e, o) or the weak one (i,
 * u) has an accent (Real Academia Española, Ortografía 2010, II 2.1). `y` at the end is a vowel. The `u` of `que`,
 * `qui`, `gue` and `gui` is silent.
 */
export function spanishSyllables(word: string): number {
  const plain = word
    .toLowerCase()
    .replaceAll(/qu(?=[eéií])/g, 'q')
    .replaceAll(/gu(?=[eéií])/g, 'g')
    .replaceAll('ü', 'u')
    .replaceAll('h', '')
    .replace(/y$/, 'i')
    .replaceAll(/(?<=[aeouáéóú])y(?![aeiouáéíóú])/g, 'i');
  const vowels = plain.match(/[aeiouáéíóú]+/g) ?? [];
  const strong = /[aeoáéóíú]/;
  let syllables = 0;
  for (const group of vowels) {
    syllables += 1;
    for (let at = 1; at < group.length; at++)
      if (strong.test(group[at - 1]!) && strong.test(group[at]!)) syllables += 1;
  }
  return Math.max(1, syllables);
}

/** Fernández Huerta: 206.84 - 60 syllables a word - 1.02 words a sentence. 100 is very easy. */
export const huertaOf = ({ sentences, words, syllables }: Counts): number =>
  206.84 - (60 * syllables) / words - (1.02 * words) / sentences;
export const spanishCounts = (text: string): Counts => count(text, spanishSyllables);
