import { speechOf } from '../common/language.tsx';
import en from '../texts/member.en.json';
import es from '../texts/member.es.json';

export const { Speaking, useSpeech } = speechOf<keyof typeof en>({ en, es });
