import { speechOf } from '../common/language.tsx';
import en from '../texts/staff.en.json';
import es from '../texts/staff.es.json';

export type StaffText = keyof typeof en;
export const { Speaking, useSpeech } = speechOf<StaffText>({ en, es });
