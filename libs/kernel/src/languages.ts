/** The languages of every page and document for people. A text in one of them is a text in all of them. */
export const PAGE_LANGUAGES = ['en', 'es'] as const;
export type PageLanguage = (typeof PAGE_LANGUAGES)[number];
