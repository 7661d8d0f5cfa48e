import { isText, useSpeech } from '../texts.ts';
import type { Report, Run, RunFault } from './requests.ts';

/** The words for what the server names. What the page does not know is shown in the words of the server. */
export function useWords() {
  const { t, language } = useSpeech();
  const format = new Intl.NumberFormat(language);
  const number = (count: number): string => format.format(count);
  const values = (about: Readonly<Record<string, unknown>>): Record<string, string> =>
    Object.fromEntries(
      Object.entries(about).map(([name, value]) => [
        name,
        typeof value === 'number' ? number(value) : Array.isArray(value) ? value.join(', ') : String(value),
      ]),
    );
  return {
    number,
    day: (day: string): string =>
      new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeZone: 'UTC' }).format(new Date(day)),
    state: ({ state, isStopping }: Pick<Run, 'state' | 'isStopping'>): string =>
      t(isStopping === true && state === 'publishing' ? 'imports.state.stopping' : `imports.state.${state}`),
    fault: ({ code, text, about = {} }: RunFault): string => {
      const key = `imports.fault.${code}`;
      return isText(key) ? t(key, values(about)) : text;
    },
    cause: (cause: Report['causes'][number]): string => {
      const key = `imports.cause.${cause.code}`;
      const { count, of = 0 } = cause;
      const share = new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 1 }).format(
        of === 0 ? 1 : count / of,
      );
      return isText(key) ? t(key, values({ ...cause, share })) : cause.code;
    },
  };
}
