import { isObject } from '@provider-access/fhir';
import { normalCode } from '../codes/tagger.ts';
import type { Source } from '../drugs.ts';
import { isOwn, numbersOf, wordsOf } from '../parts.ts';

/** A shorter code, such as a DRG, is an ordinary number elsewhere than in a text. */
const LONG_CODE = 5;
const LONG_PHRASE = 5;
/** Members that people write. A `display` is the name that a code system gives to a code. */
const FREE_TEXTS: ReadonlySet<string> = new Set([
  'text',
  'div',
  'description',
  'title',
  'valueString',
  'valueMarkdown',
]);
const NAMES: ReadonlySet<string> = new Set([...FREE_TEXTS, 'display', 'name']);

const phraseOf = (text: string): string => text.normalize('NFKC').toLowerCase().replace(/\s+/g, ' ').trim();
const tokensOf = (text: string): readonly string[] => text.split(/[^A-Za-z0-9.]+/).map(normalCode);
const companionOf = ({ system, code }: Source): string => `${String(system)}|${normalCode(String(code))}`;

/**
 * What the removed lines are called: their sensitive codes, other codes of the same concepts, and the texts beside
 * them. The rest of the claim must have none of it.
 */
export class CutNames {
  readonly #codes = new Set<string>();
  readonly #companions = new Set<string>();
  readonly #phrases = new Set<string>();
  readonly #words = new Set<string>();
  readonly #isSensitive: (part: unknown) => boolean;

  /** @param isSensitive whether a concept or a Coding has a code because of which lines are cut */
  constructor(isSensitive: (part: unknown) => boolean) {
    this.#isSensitive = isSensitive;
  }

  /** Notes the names in a part that is removed. */
  add(part: unknown): void {
    if (Array.isArray(part)) for (const one of part as unknown[]) this.add(one);
    if (!isObject(part)) return;
    const { coding, code } = part;
    if (Array.isArray(coding)) {
      if (this.#isSensitive({ coding, text: part['text'] })) this.#addConcept(part, coding);
    } else if ((typeof code === 'string' || typeof part['text'] === 'string') && this.#isSensitive(part))
      this.#addConcept(part, [part]);
    for (const [name, child] of Object.entries(part))
      if (typeof child === 'object' && name !== 'coding') this.add(child);
  }

  #addConcept({ text }: Source, codings: readonly unknown[]): void {
    for (const coding of codings) {
      if (!isObject(coding)) continue;
      if (typeof coding['code'] === 'string') {
        this.#companions.add(companionOf(coding));
        if (this.#isSensitive(coding)) this.#codes.add(normalCode(coding['code']));
      }
      this.#addText(coding['display']);
    }
    this.#addText(text);
  }
  #addText(text: unknown): void {
    if (typeof text !== 'string') return;
    const phrase = phraseOf(text);
    if (phrase.length >= LONG_PHRASE) this.#phrases.add(phrase);
    for (const word of wordsOf(text)) if (isOwn(word)) this.#words.add(word);
    // A text without a code may be the code itself, with words behind it.
    if (this.#isSensitive({ text })) this.#codes.add(normalCode(text.split(/[\s:,;–]/, 1)[0]!));
  }

  /** Whether one of the names stands in a part, at any depth. */
  in(part: unknown, name = ''): boolean {
    if (typeof part === 'string') return this.#isIn(part, name);
    if (Array.isArray(part)) return numbersOf(part).some((one) => this.in(one, name));
    if (!isObject(part)) return false;
    if (typeof part['code'] === 'string' && this.#companions.has(companionOf(part))) return true;
    return Object.entries(part).some(([of, child]) => this.in(child, of));
  }
  #isIn(text: string, name: string): boolean {
    const isName = NAMES.has(name);
    if (tokensOf(text).some((token) => (isName || token.length >= LONG_CODE) && this.#codes.has(token))) return true;
    const phrase = phraseOf(text);
    if ([...this.#phrases].some((each) => phrase.includes(each))) return true;
    return FREE_TEXTS.has(name) && wordsOf(text).some((word) => this.#words.has(word));
  }
}
