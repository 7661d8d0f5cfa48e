import { PAGE_LANGUAGES, type PageLanguage } from '@provider-access/kernel';

const known = (tag: string | null | undefined): PageLanguage | undefined => {
  const primary = tag?.trim().toLowerCase().split('-')[0];
  return PAGE_LANGUAGES.find((language) => language === primary);
};

/** Ranges of `Accept-Language` beyond this number are not read. */
const MOST_RANGES = 20;

/**
 * The language of a page: `asked` (`?lang=`) if the page has it, else the best of `Accept-Language` (RFC 9110 12.5.4),
 * else English.
 */
export function languageOf(asked: string | null, accepted: string | undefined): PageLanguage {
  const own = known(asked);
  if (own !== undefined) return own;
  let best: { readonly language: PageLanguage; readonly quality: number } | undefined;
  for (const range of (accepted ?? '').split(',').slice(0, MOST_RANGES)) {
    const [tag, ...parameters] = range.split(';');
    const weight = parameters.map((one) => /^\s*q=([\d.]+)\s*$/i.exec(one)?.[1]).find((one) => one !== undefined);
    const quality = weight === undefined ? 1 : Number(weight);
    const language = known(tag);
    // The first of equal ranges counts, and a weight that is no number counts as none.
    if (language !== undefined && quality > (best?.quality ?? 0)) best = { language, quality };
  }
  return best?.language ?? 'en';
}
