import { speechOf } from '../common/language.tsx';
import en from '../texts/developer.en.json';
import es from '../texts/developer.es.json';

export type DeveloperText = keyof typeof en;
/** Whether there is a text for a word that the server may have learned since. */
export const isText = (key: string): key is DeveloperText => key in en;
export const { Speaking, useSpeech } = speechOf<DeveloperText>({ en, es });
