import { speechOf } from '../common/language.tsx';
import callsEn from '../texts/calls.en.json';
import callsEs from '../texts/calls.es.json';
import staffEn from '../texts/staff.en.json';
import staffEs from '../texts/staff.es.json';

const en = { ...staffEn, ...callsEn };
const es = { ...staffEs, ...callsEs };
export type StaffText = keyof typeof en;
export const { Speaking, useSpeech } = speechOf<StaffText>({ en, es });
