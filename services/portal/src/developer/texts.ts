import { speechOf } from '../common/language.tsx';
import en from '../texts/developer.en.json';
import es from '../texts/developer.es.json';

export type DeveloperText = keyof typeof en;
export const { Speaking, useSpeech } = speechOf<DeveloperText>({ en, es });
