import { isText, useSpeech } from '../texts.ts';

/** The words for what the server names. A name that the page does not know is shown as it is. */
export function useWords(): {
  readonly reason: (reason: string) => string;
  readonly outcome: (outcome: string) => string;
  readonly number: (count: { readonly count: number; readonly isMore: boolean }) => string;
} {
  const { t, language } = useSpeech();
  const known = (key: string, otherwise: string): string => (isText(key) ? t(key) : otherwise);
  return {
    reason: (reason) => known(`reason.${reason}`, reason),
    outcome: (outcome) => known(`outcome.${outcome}`, outcome),
    number: ({ count, isMore }) => {
      const text = new Intl.NumberFormat(language).format(count);
      return isMore ? t('letters.more', { count: text }) : text;
    },
  };
}
