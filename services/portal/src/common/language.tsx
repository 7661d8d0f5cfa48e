import { createContext, type ReactNode, useContext, useEffect, useState } from 'react';

export const LANGUAGES = ['en', 'es'] as const;
export type Language = (typeof LANGUAGES)[number];
/** Each language by its own name. */
export const LANGUAGE_NAMES: Readonly<Record<Language, string>> = { en: 'English', es: 'Español' };

const known = (tag: string | null): Language | undefined =>
  LANGUAGES.find((language) => language === tag?.toLowerCase().split('-')[0]);
/** `?lang=`, else the first language of the browser that we have, else English. Nothing is stored. */
const firstLanguage = (): Language =>
  known(new URLSearchParams(location.search).get('lang')) ?? navigator.languages.map(known).find(Boolean) ?? 'en';

type Values = Readonly<Record<string, string | number>>;
interface Speech<K extends string> {
  readonly language: Language;
  readonly choose: (language: Language) => void;
  /** The text with its `{places}` filled. React shows it as text, so a value cannot become markup. */
  readonly t: (key: K, values?: Values) => string;
  readonly date: (instant: string | number) => string;
}

const fill = (text: string, values: Values): string =>
  text.replaceAll(/\{(\w+)\}/g, (place, name: string) => String(values[name] ?? place));

/** A provider and a hook for the texts of one kind of page, which are in files (`src/texts`). */
export function speechOf<K extends string>(texts: Readonly<Record<Language, Readonly<Record<K, string>>>>) {
  const Context = createContext<Speech<K> | undefined>(undefined);

  function Speaking({ title, children }: { readonly title: K; readonly children: ReactNode }) {
    const [language, setLanguage] = useState(firstLanguage);
    useEffect(() => {
      document.documentElement.lang = language;
      document.title = texts[language][title];
    }, [language, title]);
    const choose = (chosen: Language): void => {
      history.replaceState(null, '', `${location.pathname}?lang=${chosen}${location.hash}`);
      setLanguage(chosen);
    };
    const t = (key: K, values: Values = {}): string => fill(texts[language][key], values);
    const format = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' });
    const date = (instant: string | number): string => format.format(new Date(instant));
    return <Context value={{ language, choose, t, date }}>{children}</Context>;
  }
  function useSpeech(): Speech<K> {
    const speech = useContext(Context);
    if (speech === undefined) throw new Error('There is no language around this part.');
    return speech;
  }
  return { Speaking, useSpeech };
}
