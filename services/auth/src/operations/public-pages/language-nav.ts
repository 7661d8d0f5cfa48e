import { PAGE_LANGUAGES, type PageLanguage } from '@provider-access/kernel';

const OTHER: Readonly<Record<PageLanguage, { readonly link: string; readonly nav: string }>> = {
  en: { link: 'In English', nav: 'Language' },
  es: { link: 'En español', nav: 'Idioma' },
};
const SANDBOX: Readonly<Record<PageLanguage, string>> = {
  en: 'This is a sandbox: all data is synthetic.',
  es: 'Esto es una prueba: ningún dato es real.',
};

/** Links to a page in its other languages. `more` are further parameters, as HTML that begins with `&amp;`. */
export function languageNav(path: string, language: PageLanguage, more = ''): string {
  const others = PAGE_LANGUAGES.filter((other) => other !== language).map(
    (other) => `<a href="${path}?lang=${other}${more}" lang="${other}" hreflang="${other}">${OTHER[other].link}</a>`,
  );
  return `<nav aria-label="${OTHER[language].nav}">${others.join(' ')}</nav>\n`;
}
/** Says on a page of a sandbox that it is one. */
export const sandboxNotice = (language: PageLanguage, sandbox: boolean): string =>
  sandbox ? `<p class="notice">${SANDBOX[language]}</p>\n` : '';
